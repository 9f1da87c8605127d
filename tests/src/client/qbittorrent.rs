//! qBittorrent 4.5: every way to connect.

use std::{fs, path::Path, process::Command};

use seedbed_testkit::{Tool, require};

use super::{Connect, private_directory, script_that_marks_done};

pub(super) fn command(source: &str, directory: &Path, connect: Connect) -> Command {
    let profile = private_directory(directory, ".qbittorrent");
    let config = private_directory(&profile, "qBittorrent/config");
    let address = if connect == Connect::TcpOverIpv6 { "::1" } else { "127.0.0.1" };
    let protocol = if connect == Connect::Utp { "UTP" } else { "TCP" };
    // 1 requires encryption, 2 switches it off.
    let encryption = if connect == Connect::Encrypted { 1 } else { 2 };
    let settings = format!(
        "[LegalNotice]
Accepted=true

[AutoRun]
enabled=true
program={done}

[BitTorrent]
Session\\BTProtocol={protocol}
Session\\DHTEnabled=false
Session\\DefaultSavePath={save}
Session\\Encryption={encryption}
Session\\Interface=lo
Session\\InterfaceAddress={address}
Session\\LSDEnabled=false
Session\\MultiConnectionsPerIp=true
Session\\PeXEnabled=false
Session\\Port=0
Session\\TempPath={incomplete}
Session\\TempPathEnabled=true

[Network]
PortForwardingEnabled=false

[Preferences]
Connection\\ResolvePeerCountries=false
Connection\\UPnP=false
General\\Locale=en
WebUI\\Address=127.0.0.1
WebUI\\Port=0
WebUI\\UseUPnP=false
",
        done = script_that_marks_done(directory).display(),
        save = directory.display(),
        // It runs the program after the move, which waits for every block that has yet to be written.
        incomplete = profile.join("incomplete").display(),
    );
    fs::write(config.join("qBittorrent.conf"), settings).expect("a file can be written");
    let mut command = Command::new(require(Tool::QBITTORRENT));
    command.arg(format!("--profile={}", profile.display())).arg(source);
    command
}
