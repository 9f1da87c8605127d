//! aria2: TCP over both versions of IP, RC4; it has no uTP.

use std::{path::Path, process::Command};

use seedbed_testkit::{Tool, require};

use super::Connect;

pub(super) fn command(source: &str, directory: &Path, connect: Connect) -> Option<Command> {
    let encryption: &[&str] = match connect {
        Connect::Tcp | Connect::TcpOverIpv6 => &[],
        Connect::Encrypted => &["--bt-require-crypto=true", "--bt-min-crypto-level=arc4"],
        Connect::Utp => return None,
    };
    let mut command = hermetic(directory);
    command.args(encryption).arg(source);
    Some(command)
}

/// aria2 that downloads into `directory`, and finds peers by nothing but trackers.
///
/// # Panics
/// It is not installed.
#[must_use]
pub fn hermetic(directory: &Path) -> Command {
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
    command
}
