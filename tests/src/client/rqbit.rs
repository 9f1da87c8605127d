//! rqbit's library, as `seedbed fetch` runs it: TCP over both versions of IP.

use std::{path::Path, process::Command};

use seedbed_testkit::binary;

use super::Connect;

pub(super) fn command(source: &str, directory: &Path, connect: Connect) -> Option<Command> {
    if !matches!(connect, Connect::Tcp | Connect::TcpOverIpv6) {
        return None;
    }
    let mut command = Command::new(binary("seedbed"));
    command.arg("fetch").arg(source).arg("--out").arg(directory);
    Some(command)
}
