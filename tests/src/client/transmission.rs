//! Transmission 3.00: TCP over both versions of IP, RC4. It cannot be told to use uTP only.

use std::{fs, path::Path, process::Command};

use seedbed_testkit::{Tool, require, reserve_port};

use super::{Connect, private_directory, script_that_marks_done};

pub(super) fn command(source: &str, directory: &Path, connect: Connect) -> Option<Command> {
    let encryption = match connect {
        Connect::Tcp | Connect::TcpOverIpv6 => "--encryption-tolerated",
        Connect::Encrypted => "--encryption-required",
        Connect::Utp => return None,
    };
    let config = private_directory(directory, ".config");
    let settings = r#"{"dht-enabled": false, "lpd-enabled": false, "pex-enabled": false,
        "utp-enabled": false, "port-forwarding-enabled": false, "trash-original-torrent-files": false}"#;
    fs::write(config.join("settings.json"), settings).expect("a file can be written");
    let mut command = Command::new(require(Tool::TRANSMISSION));
    // Its own choice of a port is the same for processes that start in the same second.
    command.arg("--port").arg(reserve_port().to_string());
    command.arg("--config-dir").arg(config).arg("--download-dir").arg(directory);
    // It goes on to seed when it is done, but runs a script first.
    command.arg("--finish").arg(script_that_marks_done(directory));
    command.args(["--no-portmap", encryption]).arg(source);
    Some(command)
}
