//! `seedbed`: the whole test bed in one process.
//!
//! Start reading at [`up`], which binds every socket before it starts anything and then runs the
//! libraries of the other binaries side by side.

mod banner;
pub mod cli;
mod sockets;
mod stock;
mod up;

pub use up::up;
