//! rTorrent 0.9.8: TCP over both versions of IP, RC4; it has no uTP.

use std::{fs, path::Path, process::Command};

use seedbed_testkit::{Tool, require};

use super::{Connect, private_directory, script_that_marks_done};

pub(super) fn command(source: &str, directory: &Path, connect: Connect) -> Option<Command> {
    let encryption = match connect {
        Connect::Tcp | Connect::TcpOverIpv6 => "none",
        Connect::Encrypted => "allow_incoming,try_outgoing,require,require_RC4",
        Connect::Utp => return None,
    };
    // It refuses to bind to an address of IPv6, and uses both versions where it binds to none.
    let bind = match connect {
        Connect::TcpOverIpv6 => "",
        _ => "network.bind_address.set = 127.0.0.1",
    };
    let private = private_directory(directory, ".rtorrent");
    let session = private_directory(&private, "session");
    let settings = format!(
        "system.daemon.set = true
session.path.set = {session}
directory.default.set = {directory}
{bind}
# It takes one that is free, from a random one on.
network.port_range.set = 20000-60000
network.port_random.set = yes
dht.mode.set = disable
protocol.pex.set = no
trackers.use_udp.set = no
protocol.encryption.set = {encryption}
log.open_file = \"log\", {log}
log.add_output = \"info\", \"log\"
log.add_output = \"connection_info\", \"log\"
method.set_key = event.download.finished, mark_done, \"execute2 = {done}\"
",
        session = session.display(),
        directory = directory.display(),
        log = private.join("log").display(),
        done = script_that_marks_done(directory).display(),
    );
    let file = private.join("rc");
    fs::write(&file, settings).expect("a file can be written");
    let mut command = Command::new(require(Tool::RTORRENT));
    command.arg("-n").arg("-o").arg(format!("import={}", file.display())).arg(source);
    Some(command)
}
