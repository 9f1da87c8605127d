//! BitTorrent's names for content: infohash, peer id, magnet link, and the metainfo (BEP 3) that
//! they are computed from.
//!
//! Everything here is a pure function of its input. The same bytes, names, piece length and
//! namespace give the same infohash on every machine.

mod content;
mod disk_content;
mod hashing;
mod infohash;
mod magnet_link;
mod metainfo;
mod peer_id;
mod piece_length;

pub use content::{Content, ContentFile};
pub use disk_content::{DiskContent, ScanError, is_hidden};
pub use infohash::{Infohash, InvalidInfohash};
pub use magnet_link::MagnetLink;
pub use metainfo::{Error, File, Metainfo, Options};
pub use peer_id::PeerId;
pub use piece_length::{InvalidPieceLength, PieceLength};
