//! Real BitTorrent clients, each told to use nothing but the trackers of a magnet link.

use std::{
    fs::{self, File},
    net::{Ipv4Addr, TcpListener},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use seedbed_testkit::{Tool, binary, require, wait_until};

/// A client that can download a torrent into a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    /// aria2c.
    Aria2,
    /// transmission-cli.
    Transmission,
    /// libtorrent's Python binding.
    Libtorrent,
    /// webtorrent for Node.
    Webtorrent,
    /// rqbit's library, as `seedbed fetch` runs it.
    Rqbit,
}

/// How a client is to connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connect {
    /// TCP over IPv4, without encryption if the client can choose.
    Tcp,
    /// TCP over IPv6.
    TcpOverIpv6,
    /// uTP (BEP 29) and nothing else.
    Utp,
    /// TCP, all of it encrypted with RC4 (MSE) and nothing else.
    Encrypted,
}

impl Client {
    /// Downloads `source`, a magnet link or the path of a .torrent file, into `directory`, and
    /// returns once all of it is there.
    ///
    /// # Panics
    /// The client is not installed, or fails, or takes too long; its log is in the message. Or it
    /// cannot be told to connect so.
    pub fn download(self, source: &str, directory: &Path, connect: Connect) {
        self.start(source, directory, connect).wait();
    }

    /// As [`Client::download`], but returns at once.
    ///
    /// # Panics
    /// The client is not installed, or cannot be told to connect so.
    #[must_use]
    pub fn start(self, source: &str, directory: &Path, connect: Connect) -> Running {
        let done = directory.join(".done");
        let mut command = match (self, connect) {
            (Self::Libtorrent, _) => libtorrent(source, directory, connect),
            (Self::Aria2, Connect::Tcp | Connect::Encrypted) => aria2(source, directory, connect),
            (Self::Transmission, Connect::Tcp) => transmission(source, directory, &done),
            (Self::Webtorrent, Connect::Tcp) => webtorrent(source, directory),
            (Self::Rqbit, Connect::Tcp) => rqbit(source, directory),
            _ => panic!("{self:?} cannot be told to connect by {connect:?}"),
        };
        Running::start(&format!("{self:?}"), &mut command, directory)
    }
}

/// Downloads `source` with so many libtorrent clients at once, into directories of `directory` that
/// are named from 0 on, and returns once all have all of it.
///
/// # Panics
/// As [`Client::download`] does.
pub fn download_copies(copies: usize, source: &str, directory: &Path) {
    let mut command = libtorrent(source, directory, Connect::Tcp);
    command.arg("--copies").arg(copies.to_string());
    Running::start("libtorrent", &mut command, directory).wait();
}

/// A client that runs. Dropping it ends it, and shows what it said if the test is failing.
#[derive(Debug)]
pub struct Running {
    child: Child,
    client: String,
    log: PathBuf,
    /// There once the client is done that does not end by itself.
    done: PathBuf,
}

impl Running {
    /// Starts a client, whose log and mark that it is done go into `directory`.
    ///
    /// # Panics
    /// It cannot be started.
    #[must_use]
    pub fn start(client: &str, command: &mut Command, directory: &Path) -> Self {
        let log = directory.join(".log");
        let output = File::create(&log).expect("a log can be made");
        let child = command
            .stdin(Stdio::null())
            .stdout(output.try_clone().expect("a log can be shared"))
            .stderr(output)
            .spawn()
            .unwrap_or_else(|error| panic!("failed to start {client}: {error}"));
        Self { child, client: client.to_owned(), log, done: directory.join(".done") }
    }

    /// Whether it has done what it was started for.
    ///
    /// # Panics
    /// It failed.
    pub fn is_done(&mut self) -> bool {
        let ended = self.child.try_wait().expect("a child can be waited for");
        self.done.exists()
            || ended.is_some_and(|status| {
                assert!(status.success(), "{} failed: {status}", self.client);
                true
            })
    }

    /// All that it has said so far.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    fn wait(mut self) {
        let what = format!("{} to download", self.client);
        wait_until(&what, || self.is_done());
    }
}

impl Drop for Running {
    #[expect(clippy::print_stderr, reason = "a failing test shows the log of its clients")]
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- log of {} ---\n{}", self.client, self.log());
        }
    }
}

fn aria2(source: &str, directory: &Path, connect: Connect) -> Command {
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
    ]);
    if connect == Connect::Encrypted {
        command.args(["--bt-require-crypto=true", "--bt-min-crypto-level=arc4"]);
    }
    command.arg(source);
    command
}

fn transmission(source: &str, directory: &Path, done: &Path) -> Command {
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
    command.arg("--finish").arg(script).arg("--no-portmap").arg(source);
    command
}

fn libtorrent(source: &str, directory: &Path, connect: Connect) -> Command {
    let mut command = Command::new(require(Tool::LIBTORRENT));
    command.arg(script("libtorrent_download.py")).arg(source).arg(directory);
    command.args(match connect {
        Connect::Tcp => &[][..],
        Connect::TcpOverIpv6 => &["--listen", "[::1]:0"],
        Connect::Utp => &["--utp"],
        Connect::Encrypted => &["--encrypted"],
    });
    command
}

fn webtorrent(source: &str, directory: &Path) -> Command {
    let script = script("webtorrent_download.mjs");
    let modules = script.with_file_name("../node_modules/webtorrent");
    assert!(modules.is_dir(), "this test needs webtorrent: make setup-test");
    let mut command = Command::new("node");
    command.arg(script).arg(source).arg(directory);
    command
}

fn rqbit(source: &str, directory: &Path) -> Command {
    let mut command = Command::new(binary("seedbed"));
    command.arg("fetch").arg(source).arg("--out").arg(directory);
    command
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("clients").join(name)
}
