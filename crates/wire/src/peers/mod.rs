//! Who may connect, who is connected, and what becomes of one connection from its first byte to its
//! last.
//!
//! This room ties the others together: greeting, session and transports. Only `wire` knows it.

pub(crate) mod admission;
pub(crate) mod connection;
mod descriptors;
mod dial_book;
pub(crate) mod registry;

pub use descriptors::Descriptors;
