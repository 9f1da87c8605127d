//! Enhanced CTorrent dnh3.3.2: TCP over IPv4, from .torrent files only.

use std::{path::Path, process::Command};

use super::{Connect, script_that_marks_done};

/// Some address of loopback that no peer has. CTorrent takes every peer at its own address for
/// itself, whatever its port and peer id: it leaves such peers out of what a tracker lists and closes
/// their connections. So it has to believe that its address is another.
const OWN_ADDRESS: &str = "127.0.0.9";

pub(super) fn command(source: &str, directory: &Path, connect: Connect) -> Option<Command> {
    if connect != Connect::Tcp {
        return None;
    }
    let mut command = Command::new("ctorrent");
    command.current_dir(directory).args(["-v", "-I", OWN_ADDRESS, "-i", "127.0.0.1", "-X"]);
    command.arg(script_that_marks_done(directory)).arg(source);
    Some(command)
}
