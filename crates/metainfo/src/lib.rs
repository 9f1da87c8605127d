//! BitTorrent's names for content: infohash, peer id, magnet link, and the metainfo (BEP 3) that
//! they are computed from.
//!
//! Everything here is a pure function of its input. The same bytes, names, piece length and
//! namespace give the same infohash on every machine.

mod infohash;
mod magnet_link;
mod peer_id;

pub use infohash::{Infohash, InvalidInfohash};
pub use magnet_link::MagnetLink;
pub use peer_id::PeerId;
