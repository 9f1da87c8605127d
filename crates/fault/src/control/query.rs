//! The query of `/control/journal`.

use std::time::Duration;

use axum::{
    extract::{FromRequestParts, Query as AxumQuery},
    http::{StatusCode, request::Parts},
    response::Response,
};
use seedbed_service::admin;

use super::{Control, scope::Scope};
use crate::{journal::Filter, rule::near::nearest};

/// The longest wait that a request may ask for.
const MAX_WAIT: f64 = 300.0;
/// How many entries an answer holds unless the request asks for another number.
const DEFAULT_LIMIT: usize = 1000;
/// The most entries of an answer.
const MAX_LIMIT: usize = 10_000;

/// Which entries a request wants, and how.
pub(super) struct Query {
    pub(super) since: u64,
    pub(super) wait: Duration,
    pub(super) limit: usize,
    pub(super) parts: bool,
    pub(super) filter: Filter,
}

impl Query {
    fn parse(pairs: &[(String, String)]) -> Result<Self, String> {
        let mut query = Self {
            since: 0,
            wait: Duration::ZERO,
            limit: DEFAULT_LIMIT,
            parts: false,
            filter: Filter::default(),
        };
        for (name, value) in pairs {
            match name.as_str() {
                "since" => {
                    query.since = value.parse().map_err(|_| {
                        format!("since: wanted the number of an entry, got {value:?}")
                    })?;
                }
                "wait" => {
                    let seconds = value.parse().ok().filter(|it| (0.0..=MAX_WAIT).contains(it));
                    let seconds = seconds.ok_or_else(|| {
                        format!("wait: wanted seconds from 0 to {MAX_WAIT}, got {value:?}")
                    })?;
                    query.wait = Duration::from_secs_f64(seconds);
                }
                "limit" => {
                    let limit = value.parse().ok().filter(|it| (1..=MAX_LIMIT).contains(it));
                    query.limit = limit.ok_or_else(|| {
                        format!("limit: wanted a number from 1 to {MAX_LIMIT}, got {value:?}")
                    })?;
                }
                "parts" => {
                    query.parts = value
                        .parse()
                        .map_err(|_| format!("parts: wanted true or false, got {value:?}"))?;
                }
                name if Filter::NAMES.contains(&name) => {
                    query.filter.add(name, value).map_err(|error| error.to_string())?;
                }
                name => {
                    let known = || ["since", "wait", "limit", "parts"].iter().chain(Filter::NAMES);
                    let near = nearest(name, known().copied());
                    return Err(match near {
                        Some(near) => {
                            format!("unknown parameter `{name}`: did you mean `{near}`?")
                        }
                        None => {
                            let known: Vec<_> = known().copied().collect();
                            format!(
                                "unknown parameter `{name}`: wanted one of {}",
                                known.join(", ")
                            )
                        }
                    });
                }
            }
        }
        Ok(query)
    }

    /// Leaves only the servers that the path addresses.
    pub(super) fn within(mut self, scope: &Scope) -> Self {
        if !scope.is_whole {
            self.filter = self.filter.of_servers(scope.sources());
        }
        self
    }
}

impl FromRequestParts<Control> for Query {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, control: &Control) -> Result<Self, Response> {
        let refused = |message: String| admin::error(StatusCode::BAD_REQUEST, message);
        let AxumQuery(pairs) = AxumQuery::from_request_parts(parts, control)
            .await
            .map_err(|error| refused(error.body_text()))?;
        Self::parse(&pairs as &Vec<_>).map_err(refused)
    }
}
