//! Parameter values that only faults have.

use std::{fmt, net::SocketAddr, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, de};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ArrayBuilder, Object, ObjectBuilder, RefOr, Schema, schema::Type},
};

use crate::units::{Span, as_text};

/// A status code from 200 to 599.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct StatusCode(u16);

impl StatusCode {
    /// The number.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }

    pub(crate) const fn new(code: u16) -> Self {
        assert!(200 <= code && code <= 599, "a final status code");
        Self(code)
    }
}

impl<'de> Deserialize<'de> for StatusCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let code = u16::deserialize(deserializer)?;
        if (200..=599).contains(&code) {
            Ok(Self(code))
        } else {
            let got = de::Unexpected::Unsigned(code.into());
            Err(de::Error::invalid_value(got, &"a status code from 200 to 599"))
        }
    }
}

impl PartialSchema for StatusCode {
    fn schema() -> RefOr<Schema> {
        let schema = ObjectBuilder::new().schema_type(Type::Integer);
        schema.minimum(Some(200)).maximum(Some(599)).into()
    }
}

impl ToSchema for StatusCode {
    fn name() -> std::borrow::Cow<'static, str> {
        "StatusCode".into()
    }
}

/// Addresses with ports.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SocketAddrs(pub Vec<SocketAddr>);

impl PartialSchema for SocketAddrs {
    fn schema() -> RefOr<Schema> {
        ArrayBuilder::new().items(Object::with_type(Type::String)).into()
    }
}

impl ToSchema for SocketAddrs {
    fn name() -> std::borrow::Cow<'static, str> {
        "SocketAddresses".into()
    }
}

/// When a client may come back (BEP 31).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryIn {
    /// After so long.
    After(Span),
    /// Not at all.
    Never,
}

const RETRY_IN: &str = "a duration or \"never\"";

/// A text does not say when to come back.
#[derive(Clone, Debug, thiserror::Error)]
#[error("wanted {RETRY_IN}, got {0:?}")]
pub struct InvalidRetryIn(String);

impl FromStr for RetryIn {
    type Err = InvalidRetryIn;

    fn from_str(text: &str) -> Result<Self, InvalidRetryIn> {
        if text == "never" {
            return Ok(Self::Never);
        }
        text.parse().map(Self::After).map_err(|_| InvalidRetryIn(text.to_owned()))
    }
}

impl fmt::Display for RetryIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::After(span) => span.fmt(f),
            Self::Never => f.write_str("never"),
        }
    }
}

as_text!(RetryIn, "RetryIn", RETRY_IN, "never");

/// What becomes of ETag and Last-Modified when content changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Validators {
    /// They stay as they were.
    Keep,
    /// They change with the content.
    Change,
}

/// A URI to which a client is sent: absolute, or a path on the same server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location(String);

/// A text cannot be the value of a Location field.
#[derive(Clone, Debug, thiserror::Error)]
#[error("wanted a URL or a path that starts with `/`, got {0:?}")]
pub struct InvalidLocation(String);

impl Location {
    /// The value of the field.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Location {
    type Err = InvalidLocation;

    fn from_str(text: &str) -> Result<Self, InvalidLocation> {
        // Anything else could end the header field and start another.
        let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        let is_target = text.starts_with('/') || text.contains("://");
        let is_location = is_plain && is_target;
        is_location.then(|| Self(text.to_owned())).ok_or_else(|| InvalidLocation(text.to_owned()))
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

as_text!(Location, "Location", "a URL, or a path that starts with `/`", "/elsewhere");
