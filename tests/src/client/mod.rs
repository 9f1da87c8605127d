//! Real BitTorrent clients, each told to find peers through the trackers of its torrent and in no
//! other way: no DHT, no local discovery, no peer exchange, no port mapping.
//!
//! Each client has a file of its own, which turns a download into a command. Everything that a
//! client keeps lies in its download directory, in files whose names begin with a dot.

pub mod aria2;
mod ctorrent;
mod deluge;
mod libtorrent;
mod qbittorrent;
mod rqbit;
mod rtorrent;
mod running;
mod transmission;
mod webtorrent;

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

pub use running::Running;

/// A client that can download a torrent into a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    /// aria2c.
    Aria2,
    /// Enhanced CTorrent, which knows no magnet links.
    Ctorrent,
    /// The Deluge daemon, driven over its RPC.
    Deluge,
    /// libtorrent's Python binding.
    Libtorrent,
    /// qbittorrent-nox.
    Qbittorrent,
    /// rqbit's library, as `seedbed fetch` runs it.
    Rqbit,
    /// rTorrent without a terminal.
    Rtorrent,
    /// transmission-cli.
    Transmission,
    /// webtorrent for Node.
    Webtorrent,
}

/// How a client connects to peers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connect {
    /// Over TCP and IPv4, without encryption if the client can choose.
    Tcp,
    /// Over TCP and IPv6.
    TcpOverIpv6,
    /// Over uTP (BEP 29) only.
    Utp,
    /// Over TCP, encrypted with RC4 (Message Stream Encryption) only.
    Encrypted,
}

impl Client {
    /// Downloads `source`, a magnet link or the path of a .torrent file, into `directory`. Returns
    /// once the content is complete.
    ///
    /// # Panics
    /// The client is not installed, fails, takes too long, or cannot connect in this way. Its log is
    /// in the message.
    pub fn download(self, source: &str, directory: &Path, connect: Connect) {
        self.start(source, directory, connect).wait();
    }

    /// Starts to download as [`Client::download`] does, and returns at once.
    ///
    /// # Panics
    /// The client is not installed, or cannot connect in this way.
    #[must_use]
    pub fn start(self, source: &str, directory: &Path, connect: Connect) -> Running {
        let command = match self {
            Self::Aria2 => aria2::command(source, directory, connect),
            Self::Ctorrent => ctorrent::command(source, directory, connect),
            Self::Deluge => deluge::command(source, directory, connect),
            Self::Libtorrent => Some(libtorrent::command(source, directory, connect)),
            Self::Qbittorrent => Some(qbittorrent::command(source, directory, connect)),
            Self::Rqbit => rqbit::command(source, directory, connect),
            Self::Rtorrent => rtorrent::command(source, directory, connect),
            Self::Transmission => transmission::command(source, directory, connect),
            Self::Webtorrent => webtorrent::command(source, directory, connect),
        };
        let mut command =
            command.unwrap_or_else(|| panic!("{self:?} cannot be told to connect as {connect:?}"));
        Running::start(&format!("{self:?}"), &mut command, directory)
    }
}

/// Downloads `source` with several libtorrent clients at once, into directories of `directory` that
/// are named from 0 on. Returns once all copies are complete.
///
/// # Panics
/// As [`Client::download`] does.
pub fn download_copies(copies: usize, source: &str, directory: &Path) {
    let mut command = libtorrent::command(source, directory, Connect::Tcp);
    command.arg("--copies").arg(copies.to_string());
    Running::start("libtorrent", &mut command, directory).wait();
}

/// The file whose existence says that a client is done that goes on to seed.
fn done_mark(directory: &Path) -> PathBuf {
    directory.join(".done")
}

/// A script that makes the [`done_mark`], for clients that run a program when they are done.
fn script_that_marks_done(directory: &Path) -> PathBuf {
    let script = directory.join(".finish");
    fs::write(&script, format!("#!/bin/sh\ntouch '{}'\n", done_mark(directory).display()))
        .and_then(|()| fs::set_permissions(&script, fs::Permissions::from_mode(0o755)))
        .expect("a script can be written");
    script
}

/// Makes a directory for a client's own files in its download directory.
fn private_directory(directory: &Path, name: &str) -> PathBuf {
    let private = directory.join(name);
    fs::create_dir_all(&private).expect("a directory can be made");
    private
}

/// A script of `tests/clients`.
fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("clients").join(name)
}
