//! The servers of a bed that a request addresses.

use axum::{
    extract::{FromRequestParts, RawPathParams},
    http::{StatusCode, request::Parts},
    response::Response,
};
use seedbed_service::admin;

use super::{Control, Member, refused};
use crate::{
    journal::{Event, Journal, Record},
    matcher::RuleId,
    words::{Server, Source},
};

/// The servers that a request addresses: the one that its path names, or all.
pub(super) struct Scope {
    pub(super) members: Vec<Member>,
    pub(super) journal: Journal,
    /// Whether these are all servers that write into the journal.
    pub(super) is_whole: bool,
    parameters: Vec<(String, String)>,
}

impl Scope {
    pub(super) fn servers(&self) -> Vec<Server> {
        self.members.iter().map(|member| member.store.server()).collect()
    }

    pub(super) fn sources(&self) -> Vec<Source> {
        self.servers().into_iter().map(Source::from).collect()
    }

    /// The parameter `name` of the path.
    pub(super) fn parameter(&self, name: &str) -> &str {
        let found = self.parameters.iter().find(|(key, _)| key == name);
        found.map_or("", |(_, value)| value.as_str())
    }

    /// The rule's number in the path.
    pub(super) fn id(&self) -> Result<RuleId, InvalidId> {
        let text = self.parameter("id");
        text.parse().map_err(|_| InvalidId(text.to_owned()))
    }

    /// Notes a change of the rules in the journal.
    pub(super) fn note(&self, server: Server, action: &'static str, rules: Vec<RuleId>) {
        if !rules.is_empty() {
            let event = Event::Rules { action: action.into(), rules: rules.into() };
            self.journal.write(Record::new(server, event));
        }
    }
}

/// A path does not hold the number of a rule.
#[derive(Debug, thiserror::Error)]
#[error("id: wanted the number of a rule, got {0:?}")]
pub(super) struct InvalidId(String);

impl From<InvalidId> for Response {
    fn from(error: InvalidId) -> Self {
        refused(&error)
    }
}

pub(super) fn no_rule(id: RuleId) -> Response {
    admin::error(StatusCode::NOT_FOUND, format!("no rule {id}"))
}

impl FromRequestParts<Control> for Scope {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, control: &Control) -> Result<Self, Response> {
        let raw = RawPathParams::from_request_parts(parts, control)
            .await
            .map_err(|error| admin::error(StatusCode::BAD_REQUEST, error.to_string()))?;
        let parameters: Vec<_> =
            raw.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        let mut scope = Self {
            members: control.members.to_vec(),
            journal: control.journal.clone(),
            is_whole: true,
            parameters,
        };
        if scope.parameters.iter().any(|(key, _)| key == "server") {
            let not_found =
                |message: String| admin::error(StatusCode::NOT_FOUND, format!("server: {message}"));
            let server: Server = scope
                .parameter("server")
                .parse()
                .map_err(|error: crate::words::UnknownWord| not_found(error.to_string()))?;
            scope.members.retain(|member| member.store.server() == server);
            scope.is_whole = false;
            if scope.members.is_empty() {
                let has: Vec<_> = control.servers().iter().map(|server| server.word()).collect();
                return Err(not_found(format!("there is no {server}, only {}", has.join(", "))));
            }
        }
        Ok(scope)
    }
}
