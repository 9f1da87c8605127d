//! Who may change a server's state, and who may read from a server on a loopback address.
//!
//! A web page in a developer's browser can send requests to `127.0.0.1`. The guard refuses
//!
//! * state changes (POST, PUT, PATCH, DELETE) whose content is not `application/json`: browsers send
//!   other types to foreign servers without asking first (415);
//! * state changes from a foreign `Origin`, unless `--control-origin` allows it (403);
//! * on a loopback address, every request whose `Host` is neither loopback nor named by
//!   `--allow-host`: a page's own name can be made to resolve to `127.0.0.1` (DNS rebinding, 421);
//! * with `--control-token`, state changes and `/control` without the token (401).
//!
//! [`Guard::check`] is the decision, [`GuardLayer`] applies it to a `tower::Service`.

mod args;
mod description;
mod layer;
#[cfg(test)]
mod tests;

use std::{net::IpAddr, net::SocketAddr};

use axum::{
    http::{HeaderMap, Method, StatusCode, Uri, header, uri::Authority},
    response::{IntoResponse as _, Response},
};
use subtle::ConstantTimeEq as _;

use crate::admin;

pub use args::{AllowedHost, AllowedOrigin, ControlArgs, ControlToken};
pub(crate) use description::describe_refusals;
pub use layer::{GuardLayer, Guarded};

/// The rules for one server. See the [module](self).
#[derive(Clone, Debug, Default)]
pub struct Guard {
    is_loopback: bool,
    args: ControlArgs,
}

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The server listens on a loopback address, and the request names another host.
    #[error("Host: wanted a loopback name or one that --allow-host names, got {0}")]
    Host(String),
    /// A page of another origin sent a state change.
    #[error("Origin: wanted this server's own or one that --control-origin names, got {0}")]
    Origin(String),
    /// The request needs the token of `--control-token`.
    #[error("Authorization: wanted Bearer and the token of --control-token")]
    Token,
    /// The content of a state change has another type.
    #[error("Content-Type: wanted application/json or no content, got {0}")]
    ContentType(String),
}

impl Refusal {
    /// The status of the response.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Host(_) => StatusCode::MISDIRECTED_REQUEST,
            Self::Origin(_) => StatusCode::FORBIDDEN,
            Self::Token => StatusCode::UNAUTHORIZED,
            Self::ContentType(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        }
    }

    /// The response: `{"error":"...","status":403}`.
    #[must_use]
    pub fn response(&self) -> Response {
        let error = admin::error(self.status(), self.to_string());
        match self {
            Self::Token => ([(header::WWW_AUTHENTICATE, "Bearer")], error).into_response(),
            _ => error,
        }
    }
}

impl Guard {
    /// The rules of `args` for a server that is bound to `address`.
    #[must_use]
    pub fn new(args: ControlArgs, address: SocketAddr) -> Self {
        Self { is_loopback: address.ip().to_canonical().is_loopback(), args }
    }

    /// The layer that applies these rules to every request of a service.
    #[must_use]
    pub fn layer(self) -> GuardLayer {
        GuardLayer::new(self)
    }

    /// Decides about a request by its head.
    ///
    /// # Errors
    /// The request is refused.
    pub fn check(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<(), Refusal> {
        self.check_host(uri, headers)?;
        let changes_state = changes_state(method);
        if changes_state {
            self.check_origin(headers)?;
        }
        if changes_state || is_control(uri.path()) {
            self.check_token(headers)?;
        }
        if changes_state { check_content_type(headers) } else { Ok(()) }
    }

    /// A request without `Host` passes: no browser sends one.
    fn check_host(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Refusal> {
        if !self.is_loopback {
            return Ok(());
        }
        let named = headers.get_all(header::HOST).iter().map(|value| value.as_bytes());
        for host in named.chain(uri.authority().map(|authority| authority.as_str().as_bytes())) {
            let name = std::str::from_utf8(host).ok().and_then(|host| host.parse().ok());
            if !name.is_some_and(|name: Authority| self.allows_host(name.host())) {
                return Err(Refusal::Host(String::from_utf8_lossy(host).into_owned()));
            }
        }
        Ok(())
    }

    fn allows_host(&self, name: &str) -> bool {
        is_loopback(name) || self.args.allow_host.iter().any(|allowed| allowed.matches(name))
    }

    fn check_origin(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        for origin in headers.get_all(header::ORIGIN) {
            let text = String::from_utf8_lossy(origin.as_bytes());
            let authority = text.split_once("://").map(|(_, authority)| authority);
            let is_own = authority.is_some_and(|authority| {
                headers
                    .get(header::HOST)
                    .is_some_and(|host| host.as_bytes().eq_ignore_ascii_case(authority.as_bytes()))
            });
            if !is_own && !self.allows_origin(&text) {
                return Err(Refusal::Origin(text.into_owned()));
            }
        }
        Ok(())
    }

    /// Whether `--control-origin` names the origin.
    fn allows_origin(&self, origin: &str) -> bool {
        self.args.control_origin.iter().any(|allowed| allowed.matches(origin))
    }

    fn check_token(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let Some(ControlToken(wanted)) = &self.args.control_token else { return Ok(()) };
        let given = headers.get(header::AUTHORIZATION).and_then(|value| {
            let (scheme, token) = value.as_bytes().split_at_checked("Bearer ".len())?;
            scheme.eq_ignore_ascii_case(b"Bearer ").then_some(token)
        });
        match given {
            Some(token) if token.ct_eq(wanted.as_bytes()).into() => Ok(()),
            _ => Err(Refusal::Token),
        }
    }
}

/// Whether requests of this method change state.
fn changes_state(method: &Method) -> bool {
    matches!(*method, Method::POST | Method::PUT | Method::PATCH | Method::DELETE)
}

fn is_control(path: &str) -> bool {
    path.strip_prefix("/control").is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether a host is this machine under a name that no foreign DNS server answers for: `localhost`
/// and below (RFC 6761), 127.0.0.0/8 and `[::1]`.
fn is_loopback(host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    let address = host.trim_start_matches('[').trim_end_matches(']');
    if let Ok(ip) = address.parse::<IpAddr>() {
        return ip.to_canonical().is_loopback();
    }
    let name = host.to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost")
}

fn check_content_type(headers: &HeaderMap) -> Result<(), Refusal> {
    let has_content = headers.contains_key(header::TRANSFER_ENCODING)
        || headers.get(header::CONTENT_LENGTH).is_some_and(|length| length != "0");
    let given = headers.get(header::CONTENT_TYPE).map(|value| value.as_bytes());
    let essence = given.map(|given| given.split(|&byte| byte == b';').next().unwrap_or(given));
    let is_json = essence
        .is_some_and(|essence| essence.trim_ascii().eq_ignore_ascii_case(b"application/json"));
    if !has_content || is_json {
        return Ok(());
    }
    let given = given.map_or("none".into(), |given| String::from_utf8_lossy(given).into_owned());
    Err(Refusal::ContentType(given))
}
