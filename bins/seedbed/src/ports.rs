//! The default ports of a bed, before `--port-offset`.

/// The tracker, TCP and UDP.
pub(crate) const TRACKER: u16 = 8000;
/// The seeder's control API.
pub(crate) const SEEDER: u16 = 3001;
/// The seeder's peers.
pub(crate) const PEERS: u16 = 6881;
/// The range server.
pub(crate) const RANGE: u16 = 3002;
