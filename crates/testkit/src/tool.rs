//! Clients and other programs that tests need.

use std::{
    path::PathBuf,
    process::{Command, Stdio},
};

/// A program that a test needs, and how to get it.
#[derive(Clone, Copy, Debug)]
pub struct Tool {
    /// The command.
    pub command: &'static str,
    /// Arguments with which an installed program succeeds at once.
    pub probe: &'static [&'static str],
    /// The line that installs it.
    pub install: &'static str,
}

impl Tool {
    /// The segmented downloader.
    pub const ARIA2: Self =
        Self { command: "aria2c", probe: &["--version"], install: "apt-get install aria2" };
    /// NSS's tool for its database of certificates, which Chromium reads.
    pub const CERTUTIL: Self = Self {
        command: "certutil",
        probe: &["--build-flags"],
        install: "apt-get install libnss3-tools",
    };
    /// The browser.
    pub const CHROMIUM: Self =
        Self { command: "chromium", probe: &["--version"], install: "apt-get install chromium" };
    /// The command-line HTTP client.
    pub const CURL: Self =
        Self { command: "curl", probe: &["--version"], install: "apt-get install curl" };
    /// The Debian Python that has Deluge's daemon and its client.
    pub const DELUGE: Self = Self {
        command: "/usr/bin/python3",
        probe: &["-c", "import deluge.core, libtorrent"],
        install: "apt-get install deluge-common python3-libtorrent",
    };
    /// The encoder.
    pub const FFMPEG: Self =
        Self { command: "ffmpeg", probe: &["-version"], install: "apt-get install ffmpeg" };
    /// The prober that comes with ffmpeg.
    pub const FFPROBE: Self =
        Self { command: "ffprobe", probe: &["-version"], install: "apt-get install ffmpeg" };
    /// The Debian Python that has libtorrent's binding.
    pub const LIBTORRENT: Self = Self {
        command: "/usr/bin/python3",
        probe: &["-c", "import libtorrent"],
        install: "apt-get install python3-libtorrent",
    };
    /// qBittorrent without a window.
    pub const QBITTORRENT: Self = Self {
        command: "qbittorrent-nox",
        probe: &["--version"],
        install: "apt-get install qbittorrent-nox",
    };
    /// The rTorrent client.
    pub const RTORRENT: Self =
        Self { command: "rtorrent", probe: &["-h"], install: "apt-get install rtorrent" };
    /// The Transmission command-line client.
    pub const TRANSMISSION: Self = Self {
        command: "transmission-cli",
        probe: &["--version"],
        install: "apt-get install transmission-cli",
    };
}

/// The command of an installed tool.
///
/// # Panics
/// It is not installed; the message has the install line.
#[must_use]
pub fn require(tool: Tool) -> PathBuf {
    let works = Command::new(tool.command)
        .args(tool.probe)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    assert!(works, "this test needs {}: {}", tool.command, tool.install);
    PathBuf::from(tool.command)
}
