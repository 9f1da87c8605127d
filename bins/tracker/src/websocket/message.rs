//! The messages of WebTorrent: JSON, in which binary fields are strings of one character a byte.
//!
//! The tracker does not look into session descriptions. It forwards them as they came, byte for byte.

use std::collections::BTreeMap;

use seedbed_metainfo::{Infohash, PeerId};
use serde::Serialize;
use serde_json::{Map, Value, json, value::RawValue};

use crate::messages::{Event, RequestKind, ScrapeResponse, Scraped, SwarmCounts};

/// A message from a client.
#[derive(Clone, Debug)]
pub(super) enum Message<'a> {
    Announce(Announce<'a>),
    Answer(Answer<'a>),
    Scrape(Scraped),
}

/// An announce. Each of its offers is for another peer.
#[derive(Clone, Debug)]
pub(super) struct Announce<'a> {
    pub(super) infohash: Infohash,
    pub(super) peer_id: PeerId,
    pub(super) uploaded: u64,
    pub(super) downloaded: u64,
    pub(super) left: Option<u64>,
    pub(super) event: Event,
    pub(super) numwant: Option<u32>,
    pub(super) offers: Vec<Offer<'a>>,
}

/// A session description and the id that its sender gave it: any JSON, or missing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Offer<'a> {
    pub(super) description: Option<&'a RawValue>,
    pub(super) id: Option<&'a RawValue>,
}

/// An answer to an offer of the peer `to`.
#[derive(Clone, Debug)]
pub(super) struct Answer<'a> {
    pub(super) infohash: Infohash,
    pub(super) peer_id: PeerId,
    pub(super) to: PeerId,
    pub(super) offer: Offer<'a>,
}

/// Why the tracker does not understand or grant a message, and what the message is about as far as it
/// could tell.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub(super) struct Failure {
    pub(super) reason: String,
    pub(super) kind: RequestKind,
    pub(super) infohash: Option<Infohash>,
}

impl From<String> for Failure {
    fn from(reason: String) -> Self {
        Self { reason, kind: RequestKind::Unknown, infohash: None }
    }
}

/// Parses a message; a scrape may name up to `max_scrape` swarms.
///
/// # Errors
/// The message is not a JSON object, or the value of a field is wrong; the error names the field.
pub(super) fn parse(message: &[u8], max_scrape: usize) -> Result<Message<'_>, Failure> {
    let fields: BTreeMap<String, &RawValue> = serde_json::from_slice(message)
        .map_err(|error| format!("message: wanted a JSON object: {error}"))?;
    let fields = Fields(fields);
    match fields.value("action")?.as_str() {
        Some("announce") => announce(&fields),
        Some("scrape") => scrape(&fields, max_scrape)
            .map(Message::Scrape)
            .map_err(|reason| Failure { reason, kind: RequestKind::Scrape, infohash: None }),
        _ => Err(fields.wrong("action", "announce or scrape").into()),
    }
}

fn announce<'a>(fields: &Fields<'a>) -> Result<Message<'a>, Failure> {
    let kind =
        if fields.get("answer").is_some() { RequestKind::Answer } else { RequestKind::Announce };
    let failure = |infohash| move |reason| Failure { reason, kind, infohash };
    let infohash = fields.twenty_bytes("info_hash").map_err(failure(None))?.into();
    let parse = || -> Result<Message<'a>, String> {
        let peer_id = fields.twenty_bytes("peer_id")?.into();
        if kind == RequestKind::Answer {
            let to = fields.twenty_bytes("to_peer_id")?.into();
            let offer = Offer { description: fields.raw("answer"), id: fields.raw("offer_id") };
            return Ok(Message::Answer(Answer { infohash, peer_id, to, offer }));
        }
        Ok(Message::Announce(Announce {
            infohash,
            peer_id,
            uploaded: fields.number("uploaded")?.unwrap_or(0),
            downloaded: fields.number("downloaded")?.unwrap_or(0),
            left: fields.number("left")?,
            event: fields.event()?,
            numwant: fields.number("numwant")?.map(|it| u32::try_from(it).unwrap_or(u32::MAX)),
            offers: fields.offers()?,
        }))
    };
    parse().map_err(failure(Some(infohash)))
}

fn scrape(fields: &Fields<'_>, limit: usize) -> Result<Scraped, String> {
    let infohash = |value: &Value| twenty_bytes("info_hash", value).map(Infohash::new);
    match fields.value("info_hash")? {
        Value::Null => Ok(Scraped::All),
        Value::Array(infohashes) if infohashes.len() > limit => {
            Err(format!("info_hash: wanted at most {limit} of them"))
        }
        Value::Array(infohashes) => {
            infohashes.iter().map(infohash).collect::<Result<_, _>>().map(Scraped::These)
        }
        one => infohash(&one).map(|infohash| Scraped::These(vec![infohash])),
    }
}

/// The fields of a message, not parsed.
struct Fields<'a>(BTreeMap<String, &'a RawValue>);

impl<'a> Fields<'a> {
    fn raw(&self, name: &str) -> Option<&'a RawValue> {
        self.0.get(name).copied()
    }

    /// A field's value; `None` if it is absent or null.
    fn get(&self, name: &str) -> Option<&'a RawValue> {
        self.raw(name).filter(|value| value.get() != "null")
    }

    /// A field's value, parsed; null if it is absent.
    fn value(&self, name: &str) -> Result<Value, String> {
        let Some(value) = self.get(name) else { return Ok(Value::Null) };
        // The parser limits how deep a value may be nested.
        serde_json::from_str(value.get()).map_err(|error| format!("{name}: {error}"))
    }

    fn wrong(&self, name: &str, wanted: &str) -> String {
        match self.get(name) {
            None => format!("{name} is missing"),
            Some(value) => wrong(name, wanted, value.get()),
        }
    }

    fn twenty_bytes(&self, name: &str) -> Result<[u8; 20], String> {
        match self.value(name)? {
            Value::Null => Err(format!("{name} is missing")),
            value => twenty_bytes(name, &value),
        }
    }

    fn number(&self, name: &str) -> Result<Option<u64>, String> {
        let value = match self.value(name)? {
            Value::Null => return Ok(None),
            value => value,
        };
        // A script's numbers are floating-point: large ones come as `1e+21`.
        let number = value.as_u64().or_else(|| {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "saturates"
            )]
            value.as_f64().filter(|number| *number >= 0.0).map(|number| number as u64)
        });
        number.map(Some).ok_or_else(|| self.wrong(name, "a number that is not negative"))
    }

    fn event(&self) -> Result<Event, String> {
        match self.value("event")? {
            Value::Null => Ok(Event::Empty),
            value => match value.as_str() {
                Some("" | "empty" | "update") => Ok(Event::Empty),
                Some("started") => Ok(Event::Started),
                Some("completed") => Ok(Event::Completed),
                Some("stopped") => Ok(Event::Stopped),
                Some("paused") => Ok(Event::Paused),
                _ => Err(self.wrong("event", "started, completed, stopped, paused or update")),
            },
        }
    }

    /// The offers. Each is an object; its `offer` and `offer_id` may be anything.
    fn offers(&self) -> Result<Vec<Offer<'a>>, String> {
        const WANTED: &str = "a list of objects";
        let Some(offers) = self.get("offers") else { return Ok(Vec::new()) };
        let list: Vec<&'a RawValue> = serde_json::from_str(offers.get())
            .map_err(|_not_a_list| wrong("offers", WANTED, offers.get()))?;
        let offer = |raw: &'a RawValue| {
            let fields: BTreeMap<String, &'a RawValue> = serde_json::from_str(raw.get())
                .map_err(|_not_an_object| wrong("offers", WANTED, raw.get()))?;
            let field = |name| fields.get(name).copied();
            Ok(Offer { description: field("offer"), id: field("offer_id") })
        };
        list.into_iter().map(offer).collect()
    }
}

fn wrong(name: &str, wanted: &str, value: &str) -> String {
    const EXCERPT: usize = 40;
    let value: String = value.chars().take(EXCERPT).collect();
    format!("{name}: wanted {wanted}, got {value}")
}

fn twenty_bytes(name: &str, value: &Value) -> Result<[u8; 20], String> {
    const WANTED: &str = "a string of 20 characters up to U+00FF";
    let bytes = value
        .as_str()
        .and_then(|text| text.chars().map(|it| u8::try_from(it).ok()).collect::<Option<Vec<u8>>>());
    bytes.and_then(|it| it.try_into().ok()).ok_or_else(|| wrong(name, WANTED, &value.to_string()))
}

fn binary(bytes: &[u8; 20]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

/// Encodes the response to an announce.
pub(super) fn announce_response(infohash: Infohash, interval: u32, counts: SwarmCounts) -> String {
    let SwarmCounts { complete, incomplete, downloaded: _ } = counts;
    json!({
        "action": "announce",
        "complete": complete,
        "incomplete": incomplete,
        "info_hash": binary(infohash.as_bytes()),
        "interval": interval,
    })
    .to_string()
}

/// An offer or an answer to forward.
#[derive(Clone, Copy, Debug)]
pub(super) enum Forwarded<'a> {
    Offer(Offer<'a>),
    Answer(Offer<'a>),
}

/// Encodes an offer or an answer of the peer `from` for the peer that gets it.
pub(super) fn forward(infohash: Infohash, from: PeerId, forwarded: Forwarded<'_>) -> String {
    #[derive(Serialize)]
    struct Fields<'a> {
        action: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        offer: Option<&'a RawValue>,
        #[serde(skip_serializing_if = "Option::is_none")]
        answer: Option<&'a RawValue>,
        #[serde(skip_serializing_if = "Option::is_none")]
        offer_id: Option<&'a RawValue>,
        peer_id: String,
        info_hash: String,
    }
    let (offer, answer, offer_id) = match forwarded {
        Forwarded::Offer(Offer { description, id }) => (description, None, id),
        Forwarded::Answer(Offer { description, id }) => (None, description, id),
    };
    let fields = Fields {
        action: "announce",
        offer,
        answer,
        offer_id,
        peer_id: binary(from.as_bytes()),
        info_hash: binary(infohash.as_bytes()),
    };
    serde_json::to_string(&fields).expect("strings and JSON can be written as JSON")
}

/// Encodes the response to a scrape.
pub(super) fn scrape_response(response: &ScrapeResponse) -> String {
    let file =
        |(infohash, counts): &(Infohash, SwarmCounts)| (binary(infohash.as_bytes()), json!(counts));
    let files: Map<String, Value> = response.swarms.iter().map(file).collect();
    json!({
        "action": "scrape",
        "files": files,
        "flags": { "min_request_interval": response.interval },
    })
    .to_string()
}

/// Encodes a failure.
pub(super) fn failure(failure: &Failure) -> String {
    let mut message = json!({ "failure reason": failure.reason });
    match failure.kind {
        RequestKind::Announce | RequestKind::Answer => message["action"] = "announce".into(),
        RequestKind::Scrape => message["action"] = "scrape".into(),
        RequestKind::Connect | RequestKind::Unknown => {}
    }
    if let Some(infohash) = failure.infohash {
        message["info_hash"] = binary(infohash.as_bytes()).into();
    }
    message.to_string()
}

#[cfg(test)]
mod tests;
