//! Magnet links (BEP 9): `magnet:?xt=urn:btih:...`.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::Infohash;

/// All that is not unreserved in RFC 3986.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A magnet link, which prints itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MagnetLink {
    /// The torrent, `xt`.
    pub infohash: Infohash,
    /// Name to show until the metadata is there, `dn`.
    pub name: String,
    /// Length of the content in bytes, `xl`.
    pub length: u64,
    /// Announce URLs, `tr`.
    pub trackers: Vec<String>,
    /// Web seeds, `ws`.
    pub web_seeds: Vec<String>,
}

impl fmt::Display for MagnetLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let escape = |text| utf8_percent_encode(text, RESERVED);
        write!(f, "magnet:?xt=urn:btih:{}", self.infohash)?;
        write!(f, "&dn={}&xl={}", escape(&self.name), self.length)?;
        for tracker in &self.trackers {
            write!(f, "&tr={}", escape(tracker))?;
        }
        for web_seed in &self.web_seeds {
            write!(f, "&ws={}", escape(web_seed))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_torrent_its_trackers_and_web_seeds() {
        let link = MagnetLink {
            infohash: Infohash::new([1; 20]),
            name: "a b&c.mp4".into(),
            length: 7,
            trackers: vec!["http://h:8000/announce".into()],
            web_seeds: vec!["http://h:3002/a.mp4".into()],
        };
        assert_eq!(
            link.to_string(),
            format!(
                "magnet:?xt=urn:btih:{}&dn=a%20b%26c.mp4&xl=7\
                 &tr=http%3A%2F%2Fh%3A8000%2Fannounce&ws=http%3A%2F%2Fh%3A3002%2Fa.mp4",
                "01".repeat(20)
            )
        );
    }
}
