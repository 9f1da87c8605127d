//! The flags that say who may control a server.

use std::{convert::Infallible, fmt, str::FromStr};

use clap::Args;
use url::Url;

/// Who may change a server's state. All servers share these flags.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Control")]
pub struct ControlArgs {
    /// Host names under which a server on a loopback address answers, besides localhost; comma separated, `*` for any
    #[arg(long, env = "SEEDBED_ALLOW_HOST", value_name = "NAMES", value_delimiter = ',')]
    pub allow_host: Vec<AllowedHost>,

    /// Origins of web pages that may change state, such as `http://localhost:5173`; comma separated, `*` for any
    #[arg(long, env = "SEEDBED_CONTROL_ORIGIN", value_name = "ORIGINS", value_delimiter = ',')]
    pub control_origin: Vec<AllowedOrigin>,

    /// Token that state changes and /control need as `Authorization: Bearer TOKEN`
    #[arg(long, env = "SEEDBED_CONTROL_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    pub control_token: Option<ControlToken>,
}

impl ControlArgs {
    /// The names of `--allow-host`.
    pub fn host_names(&self) -> impl Iterator<Item = &str> {
        self.allow_host.iter().filter_map(|host| match host {
            AllowedHost::Any => None,
            AllowedHost::Name(name) => Some(name.as_str()),
        })
    }
}

/// A value of `--allow-host`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AllowedHost {
    /// Every name; the check is off.
    Any,
    /// A host name or address, in lower case and without a port.
    Name(String),
}

/// Not a host name.
#[derive(Debug, thiserror::Error)]
#[error("wanted a host name without scheme and port, or *")]
pub struct InvalidHost;

impl FromStr for AllowedHost {
    type Err = InvalidHost;

    fn from_str(text: &str) -> Result<Self, InvalidHost> {
        if text == "*" {
            return Ok(Self::Any);
        }
        match url::Host::parse(text) {
            Ok(host) => Ok(Self::Name(host.to_string())),
            Err(_) => Err(InvalidHost),
        }
    }
}

impl AllowedHost {
    pub(super) fn matches(&self, host: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Name(name) => name.eq_ignore_ascii_case(host.strip_suffix('.').unwrap_or(host)),
        }
    }
}

/// A value of `--control-origin`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AllowedOrigin {
    /// Every origin; the check is off.
    Any,
    /// One origin, as browsers write it.
    Origin(String),
}

/// Not an origin.
#[derive(Debug, thiserror::Error)]
#[error("wanted an origin such as http://localhost:5173, or *")]
pub struct InvalidOrigin;

impl FromStr for AllowedOrigin {
    type Err = InvalidOrigin;

    fn from_str(text: &str) -> Result<Self, InvalidOrigin> {
        if text == "*" {
            return Ok(Self::Any);
        }
        let url: Url = text.parse().map_err(|_| InvalidOrigin)?;
        let has_more = url.path() != "/" || url.query().is_some() || url.fragment().is_some();
        match url.origin() {
            origin if origin.is_tuple() && !has_more => {
                Ok(Self::Origin(origin.ascii_serialization()))
            }
            _ => Err(InvalidOrigin),
        }
    }
}

impl AllowedOrigin {
    pub(super) fn matches(&self, origin: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Origin(allowed) => allowed.eq_ignore_ascii_case(origin),
        }
    }
}

/// The value of `--control-token`, which no log line shows.
#[derive(Clone, PartialEq, Eq)]
pub struct ControlToken(pub String);

impl FromStr for ControlToken {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for ControlToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ControlToken(..)")
    }
}
