//! Filters of journal entries.

use super::{Entry, Event};
use crate::{
    matcher::RuleId,
    rule::{AddressPattern, Glob, PeerPrefix, near::nearest},
    words::Source,
};

/// A filter of entries. An entry passes if it meets every condition.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    servers: Vec<Source>,
    kinds: Vec<String>,
    peer: Option<PeerFilter>,
    torrent: Option<Glob>,
    path: Option<Glob>,
    fault: Option<FaultFilter>,
}

#[derive(Clone, Debug)]
struct PeerFilter {
    address: Option<AddressPattern>,
    id: Option<PeerPrefix>,
    client: Option<Glob>,
}

#[derive(Clone, Debug)]
enum FaultFilter {
    Any,
    Id(RuleId),
    Type(String),
}

/// A filter condition is invalid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {message}")]
pub struct InvalidFilter {
    name: String,
    message: String,
}

impl Filter {
    /// The names of the conditions.
    pub const NAMES: &[&str] = &["server", "kind", "peer", "torrent", "path", "fault"];

    /// Adds a condition by its name, as a query has it.
    ///
    /// # Errors
    /// The value is none of what is wanted.
    pub fn add(&mut self, name: &str, value: &str) -> Result<(), InvalidFilter> {
        let invalid = |message: String| InvalidFilter { name: name.to_owned(), message };
        match name {
            "server" => {
                for server in value.split(',') {
                    let server = server.parse();
                    self.servers.push(server.map_err(|error| invalid(format!("{error}")))?);
                }
            }
            "kind" => {
                for kind in value.split(',') {
                    if !Event::KINDS.contains(&kind) {
                        let near = nearest(kind, Event::KINDS.iter().copied());
                        return Err(invalid(match near {
                            Some(near) => format!("unknown kind `{kind}`: did you mean `{near}`?"),
                            None => format!(
                                "unknown kind `{kind}`: wanted one of {}",
                                Event::KINDS.join(", ")
                            ),
                        }));
                    }
                    self.kinds.push(kind.to_owned());
                }
            }
            "peer" => {
                self.peer = Some(PeerFilter {
                    address: value.parse().ok(),
                    id: value.parse().ok(),
                    client: value.parse().ok(),
                });
            }
            "torrent" => {
                self.torrent = Some(value.parse().map_err(|error| invalid(format!("{error}")))?);
            }
            "path" => {
                self.path = Some(value.parse().map_err(|error| invalid(format!("{error}")))?);
            }
            "fault" => {
                self.fault = Some(match (value, value.parse()) {
                    ("any", _) => FaultFilter::Any,
                    (_, Ok(id)) => FaultFilter::Id(id),
                    _ => FaultFilter::Type(value.to_owned()),
                });
            }
            _ => return Err(invalid("no such condition".to_owned())),
        }
        Ok(())
    }

    /// Leaves only entries of these servers, and of the console.
    #[must_use]
    pub fn of_servers(mut self, servers: impl IntoIterator<Item = Source>) -> Self {
        if self.servers.is_empty() {
            self.servers.extend(servers);
        }
        self
    }

    /// Whether an entry meets every condition.
    #[must_use]
    pub fn matches(&self, entry: &Entry) -> bool {
        let record = &entry.record;
        (self.servers.is_empty() || self.servers.contains(&record.server))
            && (self.kinds.is_empty() || self.kinds.iter().any(|it| it == record.event.kind()))
            && self.peer.as_ref().is_none_or(|filter| filter.matches(entry))
            && self.torrent.as_ref().is_none_or(|wanted| {
                record.torrent.as_deref().is_some_and(|name| wanted.matches_name(name))
                    || record.infohash.is_some_and(|it| wanted.matches_name(&it.to_string()))
            })
            && self
                .path
                .as_ref()
                .is_none_or(|wanted| record.event.path().is_some_and(|it| wanted.matches_path(it)))
            && self.fault.as_ref().is_none_or(|wanted| match wanted {
                FaultFilter::Any => !record.faults.is_empty(),
                FaultFilter::Id(id) => record.faults.iter().any(|fault| fault.id == *id),
                FaultFilter::Type(name) => record.faults.iter().any(|fault| fault.fault == name),
            })
    }
}

impl PeerFilter {
    fn matches(&self, entry: &Entry) -> bool {
        let record = &entry.record;
        let address = self.address.zip(record.peer).is_some_and(|(it, peer)| it.matches(peer));
        let id = self.id.as_ref().zip(record.peer_id).is_some_and(|(it, id)| it.matches(&id.0));
        let client = self.client.as_ref().zip(record.client.as_deref());
        address || id || client.is_some_and(|(it, client)| it.matches_name(client))
    }
}
