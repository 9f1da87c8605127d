//! An entry as a sentence, in parts, so that a page or a terminal need not parse it.

use std::fmt;

use serde::Serialize;
use utoipa::ToSchema;

use super::{Entry, Event};
use crate::words::{Message, Transport};

/// A part of the sentence that describes an entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(untagged)]
pub enum Part {
    /// Plain words.
    Text(String),
    /// A value that a page shows in its own way.
    Value {
        /// `peer`, `torrent`, `b` for what matters most, or `fault`.
        k: &'static str,
        /// The value.
        v: String,
    },
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) | Self::Value { v: text, .. } => f.write_str(text),
        }
    }
}

/// Builds a sentence.
struct Sentence(Vec<Part>);

impl Sentence {
    fn text(mut self, text: impl Into<String>) -> Self {
        self.0.push(Part::Text(text.into()));
        self
    }

    fn value(mut self, k: &'static str, v: impl fmt::Display) -> Self {
        self.0.push(Part::Value { k, v: v.to_string() });
        self
    }

    fn bold(self, v: impl fmt::Display) -> Self {
        self.value("b", v)
    }

    fn reason(self, reason: Option<&impl fmt::Display>) -> Self {
        match reason {
            Some(reason) => self.text(format!(", refused: {reason}")),
            None => self,
        }
    }
}

const fn over(transport: Transport) -> &'static str {
    match transport {
        Transport::Http => "HTTP",
        Transport::Udp => "UDP",
        Transport::WebSocket => "WebSocket",
        Transport::Tcp => "TCP",
        Transport::Utp => "uTP",
        Transport::WebRtc => "WebRTC",
    }
}

impl Entry {
    /// The sentence that describes the entry.
    #[must_use]
    pub fn parts(&self) -> Vec<Part> {
        let record = &self.record;
        let peer = match (&record.client, record.peer) {
            (Some(client), _) => client.to_string(),
            (None, Some(address)) => address.to_string(),
            (None, None) => "a client".to_owned(),
        };
        let torrent = match (&record.torrent, record.infohash) {
            (Some(name), _) => name.to_string(),
            (None, Some(infohash)) => infohash.to_string(),
            (None, None) => "a torrent".to_owned(),
        };
        let start = Sentence(Vec::new());
        let by_peer = |start: Sentence| start.value("peer", &peer);
        let of_torrent = |start: Sentence| start.text(" of ").value("torrent", &torrent);
        let block = |start: Sentence, piece: u32, begin: u32| {
            of_torrent(start.bold(format_args!("piece {piece}")).text(format!(" at {begin}")))
        };
        let mut sentence = match &record.event {
            Event::Rules { action, rules } => {
                let numbers: Vec<_> = rules.iter().map(|id| format!("#{id}")).collect();
                start.text(format!("rules {action}: ")).bold(numbers.join(", "))
            }
            Event::Fault { effect } => start.value("fault", effect),
            Event::Note { text } => start.text(text.as_str()),
            Event::Torrent { state, reason } => {
                let start = start.value("torrent", &torrent).text(" is ").bold(state);
                match reason {
                    Some(reason) => start.text(format!(": {reason}")),
                    None => start,
                }
            }
            Event::Announce { transport, event, given, reason, .. } => by_peer(start)
                .text(" announced ")
                .bold(event)
                .text(" for ")
                .value("torrent", &torrent)
                .text(format!(" over {}, {given} peers given", over(*transport)))
                .reason(reason.as_ref()),
            Event::Scrape { transport, torrents, reason } => by_peer(start)
                .text(" scraped ")
                .bold(format_args!("{torrents} torrents"))
                .text(format!(" over {}", over(*transport)))
                .reason(reason.as_ref()),
            Event::Connect { transport } => {
                by_peer(start).text(format!(" connected over {}", over(*transport)))
            }
            Event::Signal { message, to } => {
                let what =
                    if *message == Message::Offer { " sent an offer" } else { " sent an answer" };
                let sentence = by_peer(start).text(what);
                match to {
                    Some(to) => sentence.text(format!(" to {to}")),
                    None => sentence,
                }
            }
            Event::Refused { reason, .. } => {
                by_peer(start).text(" was ").bold("refused").text(format!(": {reason}"))
            }
            Event::Connected { transport, encryption, incoming } => {
                let verb = if *incoming { " connected over " } else { " was dialled over " };
                let sentence = by_peer(start).text(verb).bold(over(*transport));
                sentence.text(format!(", encryption {encryption}"))
            }
            Event::Disconnected { reason, sent, .. } => by_peer(start)
                .text(" is gone after ")
                .bold(format_args!("{sent} bytes"))
                .text(format!(": {reason}")),
            Event::Choked {} => by_peer(start).text(" is ").bold("choked"),
            Event::Unchoked {} => by_peer(start).text(" is ").bold("unchoked"),
            Event::Interested {} => by_peer(start).text(" is ").bold("interested"),
            Event::NotInterested {} => by_peer(start).text(" is ").bold("not interested"),
            Event::BlockRequest { piece, begin, .. } => {
                block(by_peer(start).text(" requested "), *piece, *begin)
            }
            Event::Block { piece, begin, .. } => {
                by_peer(block(start.text("sent "), *piece, *begin).text(" to "))
            }
            Event::Cancel { piece, begin, .. } => {
                block(by_peer(start).text(" cancelled "), *piece, *begin)
            }
            Event::Have { piece } => {
                of_torrent(by_peer(start).text(" has ").bold(format_args!("piece {piece}")))
            }
            Event::MetadataRequest { piece } => {
                let sentence = by_peer(start).text(" requested ");
                of_torrent(sentence.bold(format_args!("metadata {piece}")))
            }
            Event::Request { method, path, range } => {
                let sentence =
                    by_peer(start).text(" asked: ").bold(format_args!("{method} {path}"));
                match range {
                    Some(range) => sentence.text(format!(", bytes {range}")),
                    None => sentence,
                }
            }
            Event::Response { method, path, status, sent, length, complete, took, .. } => {
                let sentence = start.bold(status).text(format!(" to {method} {path}: "));
                let sentence = match (complete, length) {
                    (true, _) => sentence.text(format!("{sent} bytes")),
                    (false, Some(length)) => {
                        sentence.text(format!("cut after {sent} of {length} bytes"))
                    }
                    (false, None) => sentence.text(format!("cut after {sent} bytes")),
                };
                by_peer(sentence.text(" to ")).text(format!(" in {took} ms"))
            }
        };
        for fault in &record.faults {
            let text = format!(" · {} by rule #{}", fault.fault, fault.id);
            sentence = sentence.value("fault", text);
        }
        sentence.0
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, millis) = (self.at / 1000, self.at % 1000);
        write!(f, "{:>5} {seconds:>5}.{millis:03} {:<8}", self.seq, self.record.server)?;
        self.parts().iter().try_for_each(|part| part.fmt(f))
    }
}
