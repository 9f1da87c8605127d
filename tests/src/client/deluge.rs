//! Deluge 2.0: TCP over both versions of IP, RC4. It has no setting for uTP only.

use std::{path::Path, process::Command};

use seedbed_testkit::{Tool, require};

use super::{Connect, script};

pub(super) fn command(source: &str, directory: &Path, connect: Connect) -> Option<Command> {
    let flags: &[&str] = match connect {
        Connect::Tcp => &[],
        Connect::TcpOverIpv6 => &["--listen", "[::1]"],
        Connect::Encrypted => &["--encrypted"],
        Connect::Utp => return None,
    };
    let mut command = Command::new(require(Tool::DELUGE));
    command.arg(script("deluge_download.py")).args(flags).arg(source).arg(directory);
    Some(command)
}
