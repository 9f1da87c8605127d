//! The seeder: each file or folder of a directory is one torrent, with an infohash that depends on
//! nothing but names, bytes, piece length and namespace.
//!
//! Start reading at [`Seeder`]. `library` lists what there is to seed. `engine` (librqbit, on a
//! private loopback port) serves the content, which `reader` reads for it. In front of the engine
//! stand one or more `public_peer`s, each with a wire (`seedbed-wire`) and an announcer
//! (`seedbed-announcer`). `inventory` has the state of each torrent, `control` changes it, and `api`
//! offers both over HTTP.

mod api;
pub mod cli;
mod config;
mod control;
mod engine;
mod inventory;
mod library;
mod metrics;
mod progress;
mod public_peer;
mod reader;
mod seeder;
mod share;
mod synthetic;
mod torrent;
mod view;

pub use config::{Addresses, Config, Listeners};
pub use library::Library;
pub use seeder::Seeder;
pub use share::{Fraction, InvalidFraction};
pub use synthetic::{InvalidSynthetic, Synthetic};
pub use torrent::State;
pub use view::{FileView, TorrentView, TrackerView};
