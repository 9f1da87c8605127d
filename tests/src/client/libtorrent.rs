//! libtorrent 2.0 through its Python binding: every way to connect.

use std::{path::Path, process::Command};

use seedbed_testkit::{Tool, require};

use super::{Connect, script};

pub(super) fn command(source: &str, directory: &Path, connect: Connect) -> Command {
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
