//! A range server over a directory of its own.

use std::{
    fs::File,
    path::PathBuf,
    time::{Duration, UNIX_EPOCH},
};

use seedbed_testkit::{Response, Server, request};
use tempfile::TempDir;

pub(crate) struct Origin {
    dir: TempDir,
    pub(crate) server: Server,
}

/// `length` bytes of which no two stretches are alike.
pub(crate) fn content(length: usize) -> Vec<u8> {
    (0u32..).flat_map(|n| n.wrapping_mul(0x9e37_79b1).to_be_bytes()).take(length).collect()
}

impl Origin {
    /// Serves an empty directory.
    pub(crate) fn start(args: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut all = vec!["--root", dir.path().to_str().unwrap(), "--listen", "127.0.0.1:0"];
        all.extend(args);
        let server = Server::start(env!("CARGO_BIN_EXE_seedbed-range").as_ref(), all);
        Self { dir, server }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a file that was modified at so many seconds after the epoch.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>, modified: i64) {
        std::fs::write(self.path(name), content).unwrap();
        let distance = Duration::from_secs(modified.unsigned_abs());
        let time = if modified < 0 { UNIX_EPOCH - distance } else { UNIX_EPOCH + distance };
        File::options().write(true).open(self.path(name)).unwrap().set_modified(time).unwrap();
    }

    /// Sends a request line without version, and header fields.
    pub(crate) fn send(&self, line: &str, fields: &[(&str, &str)]) -> Response {
        let mut head = format!("{line} HTTP/1.1");
        for (name, value) in fields {
            head.push_str(&format!("\n{name}: {value}"));
        }
        request(self.server.address("http"), &head)
    }
}
