//! webtorrent 3 for Node: TCP over both versions of IP, RC4. Its uTP is a native module that npm would
//! have to build.

use std::{path::Path, process::Command};

use super::{Connect, script};

pub(super) fn command(source: &str, directory: &Path, connect: Connect) -> Option<Command> {
    let encryption: &[&str] = match connect {
        Connect::Tcp | Connect::TcpOverIpv6 => &[],
        Connect::Encrypted => &["--encrypted"],
        Connect::Utp => return None,
    };
    let script = script("webtorrent_download.mjs");
    let modules = script.with_file_name("../node_modules/webtorrent");
    assert!(modules.is_dir(), "this test needs webtorrent: make setup-test");
    let mut command = Command::new("node");
    command.arg(script).arg(source).arg(directory).args(encryption);
    Some(command)
}
