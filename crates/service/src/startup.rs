//! The lines on stdout that scripts and tests wait for: one for each bound socket, then `ready`.

use std::{fmt, io::Write as _};

/// Says that a socket is bound: `listening on http://127.0.0.1:3001`.
///
/// `role` names the service where one process runs several
/// (`listening on http://127.0.0.1:3001 (seedbed-seeder)`).
pub fn listening(url: impl fmt::Display, role: Option<&str>) {
    match role {
        None => line(format_args!("listening on {url}")),
        Some(role) => line(format_args!("listening on {url} ({role})")),
    }
}

/// Says that everything is up. It is the last line that a server prints while it starts.
pub fn ready() {
    line(format_args!("ready"));
}

/// Prints a line on stdout at once.
///
/// A reader that went away is no reason for a server to end, so its error is dropped.
pub fn line(text: impl fmt::Display) {
    let mut stdout = std::io::stdout().lock();
    let _reader_is_gone = writeln!(stdout, "{text}").and_then(|()| stdout.flush());
}
