//! Errors of rules.

use std::fmt;

use super::near::nearest;
use crate::words::Server;

/// Why a rule is refused: the place, and what was wanted there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.text())]
pub struct RuleError {
    /// The path to the place, such as `[1].on.piece`; empty for the whole.
    path: String,
    kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    /// The last part of the path is not known.
    UnknownField {
        field: String,
        known: Vec<&'static str>,
    },
    /// A field is known, but not here.
    Inapplicable {
        field: String,
        reason: String,
    },
    UnknownType {
        got: String,
        near: Option<&'static str>,
    },
    OtherServer {
        got: String,
        owners: Vec<Server>,
        server: Server,
    },
    Invalid(String),
}

impl RuleError {
    /// A value is wrong.
    pub(crate) fn invalid(path: impl Into<String>, message: impl fmt::Display) -> Self {
        Self { path: path.into(), kind: Kind::Invalid(message.to_string()) }
    }

    pub(super) fn missing(path: &str, field: &str) -> Self {
        Self::invalid(path, format_args!("missing field `{field}`"))
    }

    pub(super) fn unknown_field(path: &str, field: &str, known: Vec<&'static str>) -> Self {
        let kind = Kind::UnknownField { field: field.to_owned(), known };
        Self { path: path.to_owned(), kind }
    }

    pub(super) fn inapplicable(path: &str, field: &str, reason: String) -> Self {
        Self { path: path.to_owned(), kind: Kind::Inapplicable { field: field.to_owned(), reason } }
    }

    pub(super) fn unknown_type(path: &str, got: &str, near: Option<&'static str>) -> Self {
        Self { path: path.to_owned(), kind: Kind::UnknownType { got: got.to_owned(), near } }
    }

    pub(super) fn other_server(path: &str, got: &str, owners: Vec<Server>, server: Server) -> Self {
        Self {
            path: path.to_owned(),
            kind: Kind::OtherServer { got: got.to_owned(), owners, server },
        }
    }

    /// The path to the place.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    fn text(&self) -> String {
        let at = if self.path.is_empty() { String::new() } else { format!(" at {}", self.path) };
        match &self.kind {
            Kind::UnknownField { field, known } => {
                match (nearest(field, known.iter().copied()), known.is_empty()) {
                    (Some(near), _) => {
                        format!("unknown field `{field}`{at}: did you mean `{near}`?")
                    }
                    (None, false) => {
                        format!("unknown field `{field}`{at}: wanted one of {}", known.join(", "))
                    }
                    (None, true) => format!("unknown field `{field}`{at}: it takes no parameter"),
                }
            }
            Kind::Inapplicable { field, reason } => format!("field `{field}`{at}: {reason}"),
            Kind::UnknownType { got, near: Some(near) } => {
                format!("unknown type `{got}`{at}: did you mean `{near}`?")
            }
            Kind::UnknownType { got, near: None } => {
                format!("unknown type `{got}`{at}: see docs/faults.md for the types")
            }
            Kind::OtherServer { got, owners, server } => {
                format!(
                    "type `{got}`{at} is a fault of {}, not of {}",
                    servers(owners),
                    with_article(*server)
                )
            }
            Kind::Invalid(message) if self.path.is_empty() => message.clone(),
            Kind::Invalid(message) => format!("{}: {message}", self.path),
        }
    }
}

/// `the range server`.
pub(super) const fn with_article(server: Server) -> &'static str {
    match server {
        Server::Tracker => "the tracker",
        Server::Seeder => "the seeder",
        Server::Range => "the range server",
    }
}

/// `the tracker and the seeder`.
pub(super) fn servers(servers: &[Server]) -> String {
    servers.iter().map(|&server| with_article(server)).collect::<Vec<_>>().join(" and ")
}
