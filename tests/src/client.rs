//! Real BitTorrent clients, each told to use nothing but the trackers of a magnet link.

use std::{
    fs::{self, File},
    net::{Ipv4Addr, TcpListener},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Child, Command, Stdio},
};

use seedbed_testkit::{Tool, require, wait_until};

/// A client that can download a magnet link into a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    /// aria2c.
    Aria2,
    /// transmission-cli.
    Transmission,
    /// libtorrent's Python binding.
    Libtorrent,
}

impl Client {
    /// Downloads `magnet` into `directory`, and returns once all of it is there.
    ///
    /// # Panics
    /// The client is not installed, or fails, or takes too long; its log is in the message.
    pub fn download(self, magnet: &str, directory: &Path) {
        let log = directory.join(".log");
        let output = File::create(&log).expect("a log can be made");
        let done = directory.join(".done");
        let mut command = match self {
            Self::Aria2 => aria2(magnet, directory),
            Self::Transmission => transmission(magnet, directory, &done),
            Self::Libtorrent => libtorrent(magnet, directory),
        };
        let child = command
            .stdin(Stdio::null())
            .stdout(output.try_clone().expect("a log can be shared"))
            .stderr(output)
            .spawn()
            .unwrap_or_else(|error| panic!("failed to start {self:?}: {error}"));
        let mut child = Running { child, client: self, log: &log };
        wait_until(&format!("{self:?} to download {magnet}"), || {
            done.exists()
                || child.child.try_wait().expect("a child can be waited for").is_some_and(
                    |status| {
                        assert!(status.success(), "{self:?} failed: {status}");
                        true
                    },
                )
        });
    }
}

/// Ends the client, and shows its log if the test fails.
struct Running<'a> {
    child: Child,
    client: Client,
    log: &'a Path,
}

impl Drop for Running<'_> {
    #[expect(clippy::print_stderr, reason = "a failing test shows the log of its clients")]
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
        if std::thread::panicking() {
            let log = fs::read_to_string(self.log).unwrap_or_default();
            eprintln!("--- log of {:?} ---\n{log}", self.client);
        }
    }
}

fn aria2(magnet: &str, directory: &Path) -> Command {
    let mut command = Command::new(require(Tool::ARIA2));
    command.arg("--dir").arg(directory).args([
        "--no-conf",
        "--seed-time=0",
        "--enable-dht=false",
        "--enable-dht6=false",
        "--bt-enable-lpd=false",
        "--enable-peer-exchange=false",
        // It takes the first that is free.
        "--listen-port=20000-60000",
        "--file-allocation=none",
        "--console-log-level=info",
        "--summary-interval=0",
        magnet,
    ]);
    command
}

fn transmission(magnet: &str, directory: &Path, done: &Path) -> Command {
    let config = directory.join(".config");
    fs::create_dir_all(&config).expect("a directory can be made");
    let settings = r#"{"dht-enabled": false, "lpd-enabled": false, "pex-enabled": false,
        "utp-enabled": false, "port-forwarding-enabled": false, "trash-original-torrent-files": false}"#;
    fs::write(config.join("settings.json"), settings).expect("a file can be written");
    // It seeds on when it is done, but runs a script first.
    let script = directory.join(".finish");
    fs::write(&script, format!("#!/bin/sh\ntouch '{}'\n", done.display()))
        .and_then(|()| fs::set_permissions(&script, fs::Permissions::from_mode(0o755)))
        .expect("a script can be written");
    let mut command = Command::new(require(Tool::TRANSMISSION));
    // Its own choice of a port is the same for processes that start in the same second.
    let free = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).and_then(|free| free.local_addr());
    command.arg("--port").arg(free.expect("a port is free").port().to_string());
    command.arg("--config-dir").arg(config).arg("--download-dir").arg(directory);
    command.arg("--finish").arg(script).arg("--no-portmap").arg(magnet);
    command
}

fn libtorrent(magnet: &str, directory: &Path) -> Command {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/clients/libtorrent_download.py");
    let mut command = Command::new(require(Tool::LIBTORRENT));
    command.arg(script).arg(magnet).arg(directory);
    command
}
