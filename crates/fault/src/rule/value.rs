//! Values of match keys: one or many, patterns of text, addresses, pieces and ranges.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    str::FromStr,
};

use ipnet::IpNet;
use seedbed_metainfo::PeerId;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, IntoDeserializer as _, SeqAccess, value::SeqAccessDeserializer},
};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ArrayBuilder, Object, OneOfBuilder, RefOr, Schema, schema::Type},
};

use crate::units::as_text;

/// One value or a list of values, of which one has to match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OneOrMany<T>(pub Vec<T>);

impl<T> OneOrMany<T> {
    pub(crate) fn any(&self, matches: impl FnMut(&T) -> bool) -> bool {
        self.0.iter().any(matches)
    }
}

impl<T: Serialize> Serialize for OneOrMany<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.as_slice() {
            [one] => one.serialize(serializer),
            many => many.serialize(serializer),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OneOrMany<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor<T>(std::marker::PhantomData<T>);
        impl<'de, T: Deserialize<'de>> de::Visitor<'de> for Visitor<T> {
            type Value = Vec<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value or a list of values")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Vec<T>, E> {
                Ok(vec![T::deserialize(text.into_deserializer())?])
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Vec<T>, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(list))
            }
        }
        let values = deserializer.deserialize_any(Visitor(std::marker::PhantomData))?;
        if values.is_empty() {
            return Err(de::Error::custom("wanted at least one value, got an empty list"));
        }
        Ok(Self(values))
    }
}

/// Describes [`OneOrMany`]; utoipa composes generic schemas of derived types only.
#[derive(ToSchema)]
#[serde(untagged)]
#[schema(as = OneOrMany)]
#[expect(dead_code, reason = "only its description is used")]
pub(super) enum OneOrManySchema<T: ToSchema> {
    /// One value.
    One(T),
    /// Values of which one has to match.
    Many(Vec<T>),
}

/// A pattern of text: `*` stands for anything, `?` for one character, `[ab]` for one of these.
///
/// In a path, `*` does not cross a slash and `**` does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob {
    pattern: glob::Pattern,
}

/// A text is not a pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("wanted a pattern such as \"*.mp4\", got {got:?}: {reason}")]
pub struct InvalidGlob {
    got: String,
    reason: &'static str,
}

impl Glob {
    /// Whether a name matches, whatever its case.
    #[must_use]
    pub fn matches_name(&self, name: &str) -> bool {
        let options = glob::MatchOptions { case_sensitive: false, ..glob::MatchOptions::new() };
        self.pattern.matches_with(name, options)
    }

    /// Whether a path matches. A pattern without a slash is held against the last segment, as in
    /// a `.gitignore`.
    #[must_use]
    pub fn matches_path(&self, path: &str) -> bool {
        let options =
            glob::MatchOptions { require_literal_separator: true, ..glob::MatchOptions::new() };
        let pattern = self.pattern.as_str();
        if !pattern.contains('/') {
            let last = path.rsplit('/').next().unwrap_or_default();
            return self.pattern.matches_with(last, options);
        }
        let path = if pattern.starts_with('/') { path } else { path.trim_start_matches('/') };
        self.pattern.matches_with(path, options)
    }
}

impl FromStr for Glob {
    type Err = InvalidGlob;

    fn from_str(text: &str) -> Result<Self, InvalidGlob> {
        let invalid = |reason| InvalidGlob { got: text.to_owned(), reason };
        if text.is_empty() {
            return Err(invalid("it is empty"));
        }
        let pattern = glob::Pattern::new(text).map_err(|error| invalid(error.msg))?;
        Ok(Self { pattern })
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.pattern.as_str())
    }
}

as_text!(Glob, "Pattern", "a pattern: `*` stands for anything, `?` for one character", "*.mp4");

/// The start of a peer id, as text (`-qB`) or, for bytes that are no text, as hex digits after
/// `0x` (`0x2d7142`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerPrefix {
    text: String,
    bytes: Vec<u8>,
}

/// A text is not the start of a peer id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("wanted the first 1 to 20 bytes of a peer id, such as \"-qB\" or \"0x2d7142\", got {0:?}")]
pub struct InvalidPeerPrefix(String);

impl PeerPrefix {
    /// Whether a peer id starts so.
    #[must_use]
    pub fn matches(&self, id: &PeerId) -> bool {
        id.as_bytes().starts_with(&self.bytes)
    }
}

impl FromStr for PeerPrefix {
    type Err = InvalidPeerPrefix;

    fn from_str(text: &str) -> Result<Self, InvalidPeerPrefix> {
        let is_hex = |text: &str| {
            text.len().is_multiple_of(2) && text.bytes().all(|b| b.is_ascii_hexdigit())
        };
        let from_hex = |digits: &str| {
            (0..digits.len())
                .step_by(2)
                .filter_map(|at| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok())
                .collect()
        };
        let bytes: Vec<u8> = match text.strip_prefix("0x") {
            Some(digits) if is_hex(digits) => from_hex(digits),
            Some(_) => Vec::new(),
            // The form in which the journal and the inventory print a whole peer id.
            None if text.len() == 40 && is_hex(text) => from_hex(text),
            None => text.into(),
        };
        if !(1..=20).contains(&bytes.len()) {
            return Err(InvalidPeerPrefix(text.to_owned()));
        }
        Ok(Self { text: text.to_owned(), bytes })
    }
}

impl fmt::Display for PeerPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

as_text!(PeerPrefix, "PeerIdPrefix", "the start of a peer id, as text or as hex after `0x`", "-qB");

/// An address, with or without a port, or a network: `10.0.0.7`, `10.0.0.7:51413`, `10.0.0.0/8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressPattern {
    /// Any port of an address.
    Ip(IpAddr),
    /// One port of an address.
    Socket(SocketAddr),
    /// Any port of any address of a network.
    Network(IpNet),
}

/// A text is neither an address nor a network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("wanted an address or a network such as \"10.0.0.7\" or \"10.0.0.0/8\", got {0:?}")]
pub struct InvalidAddress(String);

impl AddressPattern {
    /// Whether an address matches. An IPv4 address that came mapped into IPv6 counts as IPv4.
    #[must_use]
    pub fn matches(&self, address: SocketAddr) -> bool {
        let ip = address.ip().to_canonical();
        match self {
            Self::Ip(wanted) => wanted.to_canonical() == ip,
            Self::Socket(wanted) => {
                (wanted.ip().to_canonical(), wanted.port()) == (ip, address.port())
            }
            Self::Network(network) => network.contains(&ip),
        }
    }
}

impl FromStr for AddressPattern {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        let ip = text.parse().map(Self::Ip);
        ip.or_else(|_| text.parse().map(Self::Socket))
            .or_else(|_| text.parse().map(Self::Network))
            .map_err(|_| InvalidAddress(text.to_owned()))
    }
}

impl fmt::Display for AddressPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(ip) => ip.fmt(f),
            Self::Socket(address) => address.fmt(f),
            Self::Network(network) => network.fmt(f),
        }
    }
}

as_text!(
    AddressPattern,
    "AddressPattern",
    "an address, with or without a port, or a network",
    "10.0.0.0/8"
);

/// A request method, in upper case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Method(String);

/// A text is not a request method.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("wanted a request method such as \"GET\", got {0:?}")]
pub struct InvalidMethod(String);

impl Method {
    pub(crate) fn matches(&self, method: &str) -> bool {
        self.0 == method
    }
}

impl FromStr for Method {
    type Err = InvalidMethod;

    fn from_str(text: &str) -> Result<Self, InvalidMethod> {
        let is_method = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_uppercase());
        is_method.then(|| Self(text.to_owned())).ok_or_else(|| InvalidMethod(text.to_owned()))
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

as_text!(Method, "Method", "a request method in upper case", "GET");

/// Numbers from a start to an end, both included, as `3-7`, `3-` or `3`.
fn interval<N: FromStr + PartialOrd + Copy>(text: &str, max: N) -> Option<(N, N)> {
    let number = |text: &str| -> Option<N> {
        text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
    };
    let (start, end) = match text.split_once('-') {
        Some((start, "")) => (number(start)?, max),
        Some((start, end)) => (number(start)?, number(end)?),
        None => (number(text)?, number(text)?),
    };
    (start <= end).then_some((start, end))
}

/// A set of pieces: a number, `"3-7"`, `"3-"`, `"all"`, or a list of these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pieces(Vec<PieceRun>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct PieceRun {
    first: u32,
    last: u32,
}

impl Pieces {
    /// Every piece.
    #[must_use]
    pub fn all() -> Self {
        Self(vec![PieceRun { first: 0, last: u32::MAX }])
    }

    /// Whether a piece is in the set.
    #[must_use]
    pub fn contains(&self, piece: u32) -> bool {
        self.0.iter().any(|run| (run.first..=run.last).contains(&piece))
    }

    /// The pieces of the set below `count`, in the order of the rule.
    pub fn below(&self, count: u32) -> impl Iterator<Item = u32> {
        self.0
            .iter()
            .flat_map(move |run| run.first..=run.last.min(count.saturating_sub(1)))
            .filter(move |&piece| piece < count)
    }
}

const PIECES: &str = "a piece, pieces such as \"3-7\", \"all\", or a list of these";

impl Serialize for PieceRun {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match *self {
            Self { first: 0, last: u32::MAX } => serializer.serialize_str("all"),
            Self { first, last: u32::MAX } => serializer.collect_str(&format_args!("{first}-")),
            Self { first, last } if first == last => serializer.serialize_u32(first),
            Self { first, last } => serializer.collect_str(&format_args!("{first}-{last}")),
        }
    }
}

impl Serialize for Pieces {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.as_slice() {
            [one] => one.serialize(serializer),
            many => many.serialize(serializer),
        }
    }
}

struct PiecesVisitor;

impl<'de> de::Visitor<'de> for PiecesVisitor {
    type Value = Vec<PieceRun>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(PIECES)
    }

    fn visit_u64<E: de::Error>(self, piece: u64) -> Result<Self::Value, E> {
        let piece = u32::try_from(piece)
            .map_err(|_| E::invalid_value(de::Unexpected::Unsigned(piece), &self))?;
        Ok(vec![PieceRun { first: piece, last: piece }])
    }

    fn visit_i64<E: de::Error>(self, piece: i64) -> Result<Self::Value, E> {
        // TOML has signed numbers only.
        u64::try_from(piece)
            .map_err(|_| E::invalid_value(de::Unexpected::Signed(piece), &self))
            .and_then(|piece| self.visit_u64(piece))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        let run = if text == "all" { Some((0, u32::MAX)) } else { interval(text, u32::MAX) };
        let (first, last) =
            run.ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))?;
        Ok(vec![PieceRun { first, last }])
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut runs = Vec::new();
        while let Some(Pieces(more)) = list.next_element()? {
            runs.extend(more);
        }
        if runs.is_empty() {
            return Err(de::Error::custom("wanted at least one piece, got an empty list"));
        }
        Ok(runs)
    }
}

impl<'de> Deserialize<'de> for Pieces {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PiecesVisitor).map(Self)
    }
}

impl PartialSchema for Pieces {
    fn schema() -> RefOr<Schema> {
        let one = || {
            OneOfBuilder::new()
                .item(Object::with_type(Type::Integer))
                .item(Object::with_type(Type::String))
        };
        one().item(ArrayBuilder::new().items(one())).description(Some(PIECES)).into()
    }
}

impl ToSchema for Pieces {
    fn name() -> std::borrow::Cow<'static, str> {
        "Pieces".into()
    }
}

/// Which requests match by their Range field: `true`, those that have one; `false`, those that
/// have none; `"0-1023"`, those that ask for any of these bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RangePattern {
    /// Whether there is a Range field.
    Present(bool),
    /// Any of the bytes from the first to the last.
    Overlaps {
        /// The first byte.
        first: u64,
        /// The last byte.
        last: u64,
    },
}

impl RangePattern {
    /// Whether a request matches whose Range field asks for these bytes, first and last.
    #[must_use]
    pub fn matches(&self, range: Option<(u64, u64)>) -> bool {
        match (*self, range) {
            (Self::Present(wanted), range) => wanted == range.is_some(),
            (Self::Overlaps { first, last }, Some((from, to))) => from <= last && first <= to,
            (Self::Overlaps { .. }, None) => false,
        }
    }
}

const RANGE: &str = "true, false, or bytes such as \"0-1023\" or \"4096-\"";

impl Serialize for RangePattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match *self {
            Self::Present(wanted) => serializer.serialize_bool(wanted),
            Self::Overlaps { first, last: u64::MAX } => {
                serializer.collect_str(&format_args!("{first}-"))
            }
            Self::Overlaps { first, last } => {
                serializer.collect_str(&format_args!("{first}-{last}"))
            }
        }
    }
}

impl<'de> Deserialize<'de> for RangePattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = RangePattern;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(RANGE)
            }

            fn visit_bool<E>(self, wanted: bool) -> Result<RangePattern, E> {
                Ok(RangePattern::Present(wanted))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<RangePattern, E> {
                interval(text, u64::MAX)
                    .map(|(first, last)| RangePattern::Overlaps { first, last })
                    .ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl PartialSchema for RangePattern {
    fn schema() -> RefOr<Schema> {
        OneOfBuilder::new()
            .item(Object::with_type(Type::Boolean))
            .item(Object::with_type(Type::String))
            .description(Some(RANGE))
            .into()
    }
}

impl ToSchema for RangePattern {
    fn name() -> std::borrow::Cow<'static, str> {
        "RangePattern".into()
    }
}
