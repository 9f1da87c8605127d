//! The lines on stdout that scripts and tests wait for: one for each bound socket, then `ready`.

use std::fmt;

use crate::output;

/// Prints that a socket is bound: `listening on http://127.0.0.1:3001`.
///
/// `role` names the service where one process runs several
/// (`listening on http://127.0.0.1:3001 (seedbed-seeder)`).
pub fn listening(url: impl fmt::Display, role: Option<&str>) {
    match role {
        None => line(format_args!("listening on {url}")),
        Some(role) => line(format_args!("listening on {url} ({role})")),
    }
}

/// Prints `ready`, the last line of a server that starts: everything is up.
pub fn ready() {
    line(format_args!("ready"));
}

/// Prints a line on stdout.
///
/// It returns at once. A reader that is slow gets the line later; a reader that went away, or that
/// leaves more than 1 MiB unread, loses it.
pub fn line(text: impl fmt::Display) {
    output::stdout().push(format!("{text}\n").as_bytes());
}
