//! The seeder: each file or folder of a directory is one torrent, with an infohash that depends on
//! nothing but names, bytes, piece length and namespace.
//!
//! Start reading at [`Seeder`]. Three parts do the work: the engine (librqbit, on a private
//! loopback port, behind `engine`), the peer wire in front of it (`seedbed-wire`) and the announcer
//! (`seedbed-announcer`). `library` decides what there is to seed, `inventory` says how far each
//! torrent has come, `api` shows that over HTTP.

mod api;
pub mod cli;
mod engine;
mod inventory;
mod library;
mod metrics;
mod seeder;

pub use inventory::{FileView, State, TorrentView};
pub use seeder::{Config, Listeners, Seeder};
