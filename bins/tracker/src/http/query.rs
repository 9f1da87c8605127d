//! The query strings of announce and scrape.
//!
//! A query is raw bytes: an infohash is not text, and a `+` in it is a plus sign. Errors name the
//! parameter; unknown parameters are ignored.

use std::{borrow::Cow, num::NonZeroU16};

use seedbed_metainfo::{Infohash, PeerId};

use super::bencode::Layout;
use crate::messages::{Event, Scraped};

/// The length to which an error shows a wrong value.
const EXCERPT: usize = 40;

/// Why a query is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum QueryError {
    #[error("{0} is missing")]
    Missing(&'static str),
    #[error("{0} is given more than once")]
    Duplicated(&'static str),
    #[error("{0}: wanted two hex digits after each %")]
    Escape(&'static str),
    #[error("{0}: wanted 20 bytes, got {1}")]
    Length(&'static str, usize),
    #[error("{0}: wanted {1}, got {2:?}")]
    Value(&'static str, &'static str, String),
    #[error("info_hash: wanted at most {0} of them")]
    TooMany(usize),
    #[error("query: wanted at most {0} bytes")]
    TooLong(usize),
    #[error("header: wanted fewer or shorter fields")]
    Fields,
}

impl QueryError {
    pub(super) fn value(name: &'static str, wanted: &'static str, got: &[u8]) -> Self {
        let excerpt = &got[..got.len().min(EXCERPT)];
        Self::Value(name, wanted, String::from_utf8_lossy(excerpt).into_owned())
    }
}

/// The parameters of an announce. Its sender is not among them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AnnounceQuery<'a> {
    pub(super) infohash: Infohash,
    pub(super) peer_id: PeerId,
    pub(super) port: NonZeroU16,
    pub(super) uploaded: u64,
    pub(super) downloaded: u64,
    pub(super) left: Option<u64>,
    pub(super) event: Event,
    pub(super) numwant: Option<u32>,
    pub(super) layout: Layout,
    /// The addresses that the sender claims: `ip` (BEP 3), `ipv4` and `ipv6` (BEP 7).
    pub(super) claims: Claims<'a>,
}

/// The addresses in a query, not parsed, because the tracker trusts few senders.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Claims<'a> {
    pub(super) ip: Option<Cow<'a, [u8]>>,
    pub(super) ipv4: Option<Cow<'a, [u8]>>,
    pub(super) ipv6: Option<Cow<'a, [u8]>>,
}

/// Parses the query of an announce.
///
/// # Errors
/// A parameter is missing, given twice, or has a wrong value.
pub(super) fn announce(query: &[u8]) -> Result<AnnounceQuery<'_>, QueryError> {
    let mut infohash = Parameter::new("info_hash");
    let mut peer_id = Parameter::new("peer_id");
    let mut port = Parameter::new("port");
    let mut uploaded = Parameter::new("uploaded");
    let mut downloaded = Parameter::new("downloaded");
    let mut left = Parameter::new("left");
    let mut event = Parameter::new("event");
    let mut numwant = Parameter::new("numwant");
    let mut compact = Parameter::new("compact");
    let mut no_peer_id = Parameter::new("no_peer_id");
    let mut ip = Parameter::new("ip");
    let mut ipv4 = Parameter::new("ipv4");
    let mut ipv6 = Parameter::new("ipv6");
    for (key, value) in pairs(query) {
        let parameter = match key {
            b"info_hash" => &mut infohash,
            b"peer_id" => &mut peer_id,
            b"port" => &mut port,
            b"uploaded" => &mut uploaded,
            b"downloaded" => &mut downloaded,
            b"left" => &mut left,
            b"event" => &mut event,
            b"numwant" => &mut numwant,
            b"compact" => &mut compact,
            b"no_peer_id" => &mut no_peer_id,
            b"ip" => &mut ip,
            b"ipv4" => &mut ipv4,
            b"ipv6" => &mut ipv6,
            _ => continue,
        };
        parameter.set(value)?;
    }
    let bytes = "a number of bytes";
    Ok(AnnounceQuery {
        infohash: infohash.twenty_bytes()?.into(),
        peer_id: peer_id.twenty_bytes()?.into(),
        port: port.number("a port from 1 to 65535")?.ok_or(QueryError::Missing("port"))?,
        uploaded: uploaded.number(bytes)?.unwrap_or(0),
        downloaded: downloaded.number(bytes)?.unwrap_or(0),
        left: left.number(bytes)?,
        event: event.event()?,
        numwant: numwant.number("a number of peers")?,
        layout: if compact.flag()? {
            Layout::Compact
        } else {
            Layout::Dictionaries { ids: !no_peer_id.flag()? }
        },
        claims: Claims { ip: ip.text()?, ipv4: ipv4.text()?, ipv6: ipv6.text()? },
    })
}

/// Parses the query of a scrape.
///
/// # Errors
/// An `info_hash` is not 20 bytes long or badly encoded, or there are more than `limit`, which
/// BEP 48 leaves to the tracker.
pub(super) fn scrape(query: &[u8], limit: usize) -> Result<Scraped, QueryError> {
    let mut infohashes = Vec::new();
    for (key, value) in pairs(query) {
        if key == b"info_hash" {
            if infohashes.len() == limit {
                return Err(QueryError::TooMany(limit));
            }
            infohashes.push(twenty_bytes("info_hash", value)?.into());
        }
    }
    Ok(if infohashes.is_empty() { Scraped::All } else { Scraped::These(infohashes) })
}

fn pairs(query: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    query.split(|&byte| byte == b'&').map(|pair| {
        let end = pair.iter().position(|&byte| byte == b'=').unwrap_or(pair.len());
        (&pair[..end], pair.get(end + 1..).unwrap_or_default())
    })
}

/// A parameter's name and its encoded value.
struct Parameter<'a> {
    name: &'static str,
    value: Option<&'a [u8]>,
}

impl<'a> Parameter<'a> {
    const fn new(name: &'static str) -> Self {
        Self { name, value: None }
    }

    fn set(&mut self, value: &'a [u8]) -> Result<(), QueryError> {
        match self.value.replace(value) {
            None => Ok(()),
            Some(_) => Err(QueryError::Duplicated(self.name)),
        }
    }

    fn twenty_bytes(&self) -> Result<[u8; 20], QueryError> {
        twenty_bytes(self.name, self.value.ok_or(QueryError::Missing(self.name))?)
    }

    /// The decoded value; `None` if it is absent or empty.
    fn text(&self) -> Result<Option<Cow<'a, [u8]>>, QueryError> {
        match self.value {
            None | Some([]) => Ok(None),
            Some(value) if !value.contains(&b'%') => Ok(Some(Cow::Borrowed(value))),
            Some(value) => {
                let mut decoded = vec![0; value.len()];
                let length = decode(value, &mut decoded).ok_or(QueryError::Escape(self.name))?;
                decoded.truncate(length);
                Ok(Some(Cow::Owned(decoded)))
            }
        }
    }

    /// A number, which consists of decimal digits only.
    fn number<N: std::str::FromStr>(&self, wanted: &'static str) -> Result<Option<N>, QueryError> {
        let Some(text) = self.text()? else { return Ok(None) };
        let digits = text.iter().all(u8::is_ascii_digit).then_some(&text);
        let number = digits.and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
        number.map(Some).ok_or_else(|| QueryError::value(self.name, wanted, &text))
    }

    fn flag(&self) -> Result<bool, QueryError> {
        match self.text()?.as_deref() {
            None | Some(b"0") => Ok(false),
            Some(b"1") => Ok(true),
            Some(other) => Err(QueryError::value(self.name, "0 or 1", other)),
        }
    }

    fn event(&self) -> Result<Event, QueryError> {
        const WANTED: &str = "started, completed, stopped, paused or empty";
        match self.text()?.as_deref() {
            None | Some(b"empty") => Ok(Event::Empty),
            Some(b"started") => Ok(Event::Started),
            Some(b"completed") => Ok(Event::Completed),
            Some(b"stopped") => Ok(Event::Stopped),
            Some(b"paused") => Ok(Event::Paused),
            Some(other) => Err(QueryError::value(self.name, WANTED, other)),
        }
    }
}

fn twenty_bytes(name: &'static str, value: &[u8]) -> Result<[u8; 20], QueryError> {
    let mut bytes = [0; 20];
    match decode(value, &mut bytes).ok_or(QueryError::Escape(name))? {
        20 => Ok(bytes),
        other => Err(QueryError::Length(name, other)),
    }
}

/// Decodes percent-encoding (RFC 3986 section 2.1) into `out` as far as there is room, and returns the
/// decoded length; `None` if a `%` is not followed by two hex digits.
fn decode(encoded: &[u8], out: &mut [u8]) -> Option<usize> {
    let mut length = 0;
    let mut rest = encoded;
    while let [first, tail @ ..] = rest {
        let (byte, tail) = match (first, tail) {
            (b'%', [high, low, tail @ ..]) => (16 * digit(*high)? + digit(*low)?, tail),
            (b'%', _) => return None,
            (byte, tail) => (*byte, tail),
        };
        if let Some(slot) = out.get_mut(length) {
            *slot = byte;
        }
        length += 1;
        rest = tail;
    }
    Some(length)
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests;
