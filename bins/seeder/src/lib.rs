//! The seeder: each file or folder of a directory is one torrent, with an infohash that depends on
//! nothing but names, bytes, piece length and namespace.
//!
//! Start reading at [`Seeder`]. `library` decides what there is to seed. The engine (librqbit, on a
//! private loopback port, behind `engine`) has the content. In front of it stands one `front` for
//! each peer that the seeder is: a wire (`seedbed-wire`) and an announcer (`seedbed-announcer`).
//! `inventory` says how far each torrent has come, `control` changes that, `api` is both over HTTP.

mod api;
pub mod cli;
mod config;
mod control;
mod engine;
mod front;
mod inventory;
mod library;
mod metrics;
mod progress;
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
