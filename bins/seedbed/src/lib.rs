//! `seedbed`: the whole test bed in one process.
//!
//! Start reading at [`up`], which binds every socket before it starts anything and then runs the
//! libraries of the other binaries side by side. [`fetch`] is a client to check a bed with.

mod banner;
pub mod cli;
mod fetch;
mod ports;
mod sockets;
mod stock;
mod up;

pub use fetch::{FetchArgs, Source, fetch};
pub use up::up;
