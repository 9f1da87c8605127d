//! Metainfo (BEP 3), infohashes, magnet links and peer ids, and the content that they describe.
//!
//! The same bytes, names, piece length and namespace give the same infohash on every machine.

pub mod bencode;
mod client;
mod content;
mod disk_content;
mod hash_cache;
mod hashing;
mod identity;
mod info;
mod infohash;
mod magnet_link;
#[cfg(test)]
mod memory;
mod metainfo;
mod open_files;
mod padded;
mod peer_id;
mod piece_length;
mod progress;
mod synthetic_content;
mod torrent_file;

pub use client::Client;
pub use content::{Content, ContentFile, InvalidName, check_name};
pub use disk_content::{DiskContent, ScanError, is_hidden};
pub use hash_cache::HashCache;
pub use identity::Identity;
pub use infohash::{Infohash, InvalidInfohash};
pub use magnet_link::{InvalidMagnetLink, MagnetLink};
pub use metainfo::{Error, File, Metainfo, Options};
pub use padded::Padded;
pub use peer_id::{PeerId, SEEDBED_PREFIX};
pub use piece_length::{InvalidPieceLength, PieceLength};
pub use progress::Progress;
pub use synthetic_content::{InvalidSynthetic, SyntheticContent};
pub use torrent_file::{InvalidTorrentFile, TorrentFile};
