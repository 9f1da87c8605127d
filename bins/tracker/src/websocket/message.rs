//! The messages of WebTorrent: JSON, in which binary fields are strings of one character a byte.

use seedbed_metainfo::{Infohash, PeerId};
use serde_json::{Map, Value, json};

use crate::announce::{Event, ScrapeResponse, Scraped, SwarmCounts};

/// What a client says.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Message {
    Announce(Announce),
    Answer(Answer),
    Scrape(Scraped),
}

/// An announce. Each of its offers is for another peer.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Announce {
    pub(super) infohash: Infohash,
    pub(super) peer_id: PeerId,
    pub(super) uploaded: u64,
    pub(super) downloaded: u64,
    pub(super) left: Option<u64>,
    pub(super) event: Event,
    pub(super) numwant: Option<u32>,
    pub(super) offers: Vec<Offer>,
}

/// A session description, and the name by which its sender knows it. Neither is looked into.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Offer {
    pub(super) description: Value,
    pub(super) id: Value,
}

/// An answer to an offer of the peer `to`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Answer {
    pub(super) infohash: Infohash,
    pub(super) peer_id: PeerId,
    pub(super) to: PeerId,
    pub(super) offer: Offer,
}

/// Why a message is not understood, with what of it a client needs to know what it was about.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub(super) struct Malformed {
    pub(super) reason: String,
    pub(super) action: Option<&'static str>,
    pub(super) infohash: Option<Infohash>,
}

impl From<String> for Malformed {
    fn from(reason: String) -> Self {
        Self { reason, action: None, infohash: None }
    }
}

/// Parses a message; a scrape may name up to `max_scrape` swarms.
///
/// # Errors
/// It is no JSON, or a field of it has not the value that it should; the error names the field.
pub(super) fn parse(message: &[u8], max_scrape: usize) -> Result<Message, Malformed> {
    // The parser has a limit to how deep a message may be nested.
    let fields: Map<String, Value> = serde_json::from_slice(message)
        .map_err(|error| format!("message: wanted a JSON object: {error}"))?;
    let fields = Fields(fields);
    match fields.get("action").and_then(Value::as_str) {
        Some("announce") => announce(fields).map_err(|(reason, infohash)| Malformed {
            reason,
            action: Some("announce"),
            infohash,
        }),
        Some("scrape") => scrape(&fields, max_scrape)
            .map(Message::Scrape)
            .map_err(|reason| Malformed { reason, action: Some("scrape"), infohash: None }),
        _ => Err(fields.wrong("action", "announce or scrape").into()),
    }
}

fn announce(mut fields: Fields) -> Result<Message, (String, Option<Infohash>)> {
    let infohash = fields.twenty_bytes("info_hash").map_err(|reason| (reason, None))?.into();
    let rest = |fields: &mut Fields| -> Result<Message, String> {
        let peer_id = fields.twenty_bytes("peer_id")?.into();
        if fields.get("answer").is_some() {
            let to = fields.twenty_bytes("to_peer_id")?.into();
            let offer = Offer { description: fields.take("answer"), id: fields.take("offer_id") };
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
    rest(&mut fields).map_err(|reason| (reason, Some(infohash)))
}

fn scrape(fields: &Fields, limit: usize) -> Result<Scraped, String> {
    let infohash = |value: &Value| twenty_bytes("info_hash", value).map(Infohash::new);
    match fields.get("info_hash") {
        None => Ok(Scraped::All),
        Some(Value::Array(infohashes)) if infohashes.len() > limit => {
            Err(format!("info_hash: wanted at most {limit} of them"))
        }
        Some(Value::Array(infohashes)) => {
            infohashes.iter().map(infohash).collect::<Result<_, _>>().map(Scraped::These)
        }
        Some(one) => infohash(one).map(|infohash| Scraped::These(vec![infohash])),
    }
}

struct Fields(Map<String, Value>);

impl Fields {
    /// A field's value; none where it is absent or null.
    fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    fn take(&mut self, name: &str) -> Value {
        self.0.remove(name).unwrap_or_default()
    }

    fn wrong(&self, name: &str, wanted: &str) -> String {
        match self.get(name) {
            None => format!("{name} is missing"),
            Some(value) => wrong(name, wanted, value),
        }
    }

    fn twenty_bytes(&self, name: &str) -> Result<[u8; 20], String> {
        let value = self.get(name).ok_or_else(|| format!("{name} is missing"))?;
        twenty_bytes(name, value)
    }

    fn number(&self, name: &str) -> Result<Option<u64>, String> {
        let Some(value) = self.get(name) else { return Ok(None) };
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
        let Some(value) = self.get("event") else { return Ok(Event::Empty) };
        match value.as_str() {
            Some("" | "empty" | "update") => Ok(Event::Empty),
            Some("started") => Ok(Event::Started),
            Some("completed") => Ok(Event::Completed),
            Some("stopped") => Ok(Event::Stopped),
            Some("paused") => Ok(Event::Paused),
            _ => Err(self.wrong("event", "started, completed, stopped, paused or update")),
        }
    }

    fn offers(&mut self) -> Result<Vec<Offer>, String> {
        const WANTED: &str = "a list of objects with offer and offer_id";
        match self.take("offers") {
            Value::Null => Ok(Vec::new()),
            Value::Array(offers) => offers
                .into_iter()
                .map(|mut offer| match (offer.get("offer"), offer.get("offer_id")) {
                    (Some(Value::Object(_)), Some(Value::String(_))) => Ok(Offer {
                        description: offer["offer"].take(),
                        id: offer["offer_id"].take(),
                    }),
                    _ => Err(wrong("offers", WANTED, &offer)),
                })
                .collect(),
            other => Err(wrong("offers", WANTED, &other)),
        }
    }
}

fn wrong(name: &str, wanted: &str, value: &Value) -> String {
    const EXCERPT: usize = 40;
    let value: String = value.to_string().chars().take(EXCERPT).collect();
    format!("{name}: wanted {wanted}, got {value}")
}

fn twenty_bytes(name: &str, value: &Value) -> Result<[u8; 20], String> {
    const WANTED: &str = "a string of 20 characters up to U+00FF";
    let bytes = value
        .as_str()
        .and_then(|text| text.chars().map(|it| u8::try_from(it).ok()).collect::<Option<Vec<u8>>>());
    bytes.and_then(|it| it.try_into().ok()).ok_or_else(|| wrong(name, WANTED, value))
}

fn binary(bytes: &[u8; 20]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

/// The answer to an announce.
pub(super) fn announced(infohash: Infohash, interval: u32, counts: SwarmCounts) -> String {
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

/// An offer or an answer (`kind`) as it is passed on.
pub(super) fn passed_on(kind: &str, infohash: Infohash, from: PeerId, offer: Offer) -> String {
    json!({
        "action": "announce",
        "info_hash": binary(infohash.as_bytes()),
        "offer_id": offer.id,
        "peer_id": binary(from.as_bytes()),
        kind: offer.description,
    })
    .to_string()
}

/// The answer to a scrape.
pub(super) fn scraped(response: &ScrapeResponse) -> String {
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

/// A failure, with what it is about as far as that is known.
pub(super) fn failure(error: &Malformed) -> String {
    let mut message = json!({ "failure reason": error.reason });
    if let Some(action) = error.action {
        message["action"] = action.into();
    }
    if let Some(infohash) = error.infohash {
        message["info_hash"] = binary(infohash.as_bytes()).into();
    }
    message.to_string()
}

#[cfg(test)]
mod tests;
