//! Magnet links (BEP 9): `magnet:?xt=urn:btih:...`.

use std::{fmt, str::FromStr};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::Infohash;

/// All but the unreserved characters of RFC 3986 section 2.3 are escaped.
pub(crate) const UNRESERVED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A magnet link, which prints and parses itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MagnetLink {
    /// The torrent, `xt`.
    pub infohash: Infohash,
    /// Name to show until the metadata has arrived, `dn`.
    pub name: Option<String>,
    /// Length of the content in bytes, `xl`.
    pub length: Option<u64>,
    /// Announce URLs, `tr`.
    pub trackers: Vec<String>,
    /// Web seeds, `ws`.
    pub web_seeds: Vec<String>,
}

impl fmt::Display for MagnetLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let escape = |text| utf8_percent_encode(text, UNRESERVED);
        write!(f, "magnet:?xt=urn:btih:{}", self.infohash)?;
        if let Some(name) = &self.name {
            write!(f, "&dn={}", escape(name))?;
        }
        if let Some(length) = self.length {
            write!(f, "&xl={length}")?;
        }
        for tracker in &self.trackers {
            write!(f, "&tr={}", escape(tracker))?;
        }
        for web_seed in &self.web_seeds {
            write!(f, "&ws={}", escape(web_seed))?;
        }
        Ok(())
    }
}

/// A text that is no magnet link to a torrent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidMagnetLink {
    /// It has another scheme.
    #[error("wanted a magnet link, magnet:?xt=urn:btih:..., got {0:?}")]
    Scheme(String),
    /// It has no infohash.
    #[error("wanted a magnet link with an infohash, xt=urn:btih:..., got one without")]
    NoInfohash,
    /// It has an infohash of BEP 52 only.
    #[error("wanted a magnet link with xt=urn:btih:..., got version 2 (xt=urn:btmh:...) alone")]
    Version2,
    /// The infohash is invalid.
    #[error("wanted an infohash of 40 hex digits or 32 of base32, got {0:?}")]
    Infohash(String),
    /// The value of a parameter is invalid.
    #[error("wanted the magnet link's {name} to be {wanted}, got {value:?}")]
    Parameter {
        /// Its name.
        name: String,
        /// The valid values.
        wanted: &'static str,
        /// Its value.
        value: String,
    },
}

impl FromStr for MagnetLink {
    type Err = InvalidMagnetLink;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let query = text
            .split_at_checked("magnet:?".len())
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("magnet:?"))
            .map(|(_, query)| query)
            .ok_or_else(|| InvalidMagnetLink::Scheme(text.to_owned()))?;
        let (mut infohash, mut version_2) = (None, false);
        let (mut name, mut length) = (None, None);
        let (mut trackers, mut web_seeds) = (Vec::new(), Vec::new());
        for parameter in query.split('&') {
            let (key, raw) = parameter.split_once('=').unwrap_or((parameter, ""));
            // Several of one kind may be numbered: `xt.1`.
            let key = match key.split_once('.') {
                Some((key, number)) if number.bytes().all(|byte| byte.is_ascii_digit()) => key,
                _ => key,
            };
            let invalid = |wanted| InvalidMagnetLink::Parameter {
                name: key.to_owned(),
                wanted,
                value: raw.to_owned(),
            };
            let decoded = |raw: &str| match percent_decode_str(raw).decode_utf8() {
                Ok(value) => Ok(value.into_owned()),
                Err(_) => Err(invalid("percent-encoded UTF-8")),
            };
            match key {
                "xt" => {
                    let topic = decoded(raw)?;
                    let (urn, hash) = topic.rsplit_once(':').unwrap_or_default();
                    if urn.eq_ignore_ascii_case("urn:btih") {
                        infohash = infohash.or(Some(parse_infohash(hash)?));
                    }
                    version_2 |= urn.eq_ignore_ascii_case("urn:btmh");
                }
                // Many writers encode a space as in a form.
                "dn" => name = Some(decoded(&raw.replace('+', " "))?),
                "xl" => length = Some(raw.parse().map_err(|_| invalid("a number of bytes"))?),
                "tr" => trackers.push(decoded(raw)?),
                "ws" => web_seeds.push(decoded(raw)?),
                _ => {}
            }
        }
        let infohash = infohash.ok_or(if version_2 {
            InvalidMagnetLink::Version2
        } else {
            InvalidMagnetLink::NoInfohash
        })?;
        Ok(Self { infohash, name, length, trackers, web_seeds })
    }
}

/// 40 hex digits, or 32 of base32 (RFC 4648 section 6) as older writers have them.
fn parse_infohash(text: &str) -> Result<Infohash, InvalidMagnetLink> {
    let infohash = if text.len() == 32 { parse_base32(text) } else { text.parse().ok() };
    infohash.ok_or_else(|| InvalidMagnetLink::Infohash(text.to_owned()))
}

fn parse_base32(text: &str) -> Option<Infohash> {
    let digits = text.bytes().map(|byte| match byte.to_ascii_uppercase() {
        letter @ b'A'..=b'Z' => Some(letter - b'A'),
        digit @ b'2'..=b'7' => Some(digit - b'2' + 26),
        _ => None,
    });
    let digits = digits.collect::<Option<Vec<_>>>()?;
    let mut bytes = [0; 20];
    for (bytes, digits) in bytes.as_chunks_mut::<5>().0.iter_mut().zip(digits.as_chunks::<8>().0) {
        let number = digits.iter().fold(0, |number, &digit| number << 5 | u64::from(digit));
        bytes.copy_from_slice(&number.to_be_bytes()[3..]);
    }
    Some(Infohash::new(bytes))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_the_torrent_its_trackers_and_web_seeds() {
        let link = MagnetLink {
            infohash: Infohash::new([1; 20]),
            name: Some("a b&c.mp4".into()),
            length: Some(7),
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

    fn parse(text: &str) -> Result<MagnetLink, String> {
        text.parse().map_err(|error: InvalidMagnetLink| error.to_string())
    }

    #[test]
    fn the_infohash_may_be_hex_or_base32_in_either_case() {
        let hex = "0123456789abcdef0123456789abcdef01234567";
        // python3 -c 'import base64; print(base64.b32encode(bytes.fromhex("0123...")))'
        let base32 = "AERUKZ4JVPG66AJDIVTYTK6N54ASGRLH";
        for text in [hex, &hex.to_uppercase(), base32, &base32.to_lowercase()] {
            let link = parse(&format!("magnet:?xt=urn:btih:{text}")).unwrap();
            assert_eq!(link.infohash.to_string(), hex);
        }
    }

    #[test]
    fn parameters_come_in_any_order_and_unknown_ones_are_ignored() {
        let hash = "ab".repeat(20);
        let link = parse(&format!(
            "MAGNET:?tr.1=http%3A%2F%2Ft&dn=a+b%2Bc&x.pe=h:1&so&ws=http://w/%20&tr=udp://u:1&xl=7\
             &xt=urn:btmh:1220&xt.1=URN:BTIH:{hash}"
        ))
        .unwrap();
        assert_eq!(
            link,
            MagnetLink {
                infohash: hash.parse().unwrap(),
                name: Some("a b+c".into()),
                length: Some(7),
                trackers: vec!["http://t".into(), "udp://u:1".into()],
                web_seeds: vec!["http://w/ ".into()],
            }
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        let hash = format!("magnet:?xt=urn:btih:{}", "0".repeat(40));
        for (text, wanted) in [
            ("http://h/", "wanted a magnet link, magnet:?xt=urn:btih:..., got \"http://h/\""),
            ("magnet", "wanted a magnet link, magnet:?xt=urn:btih:..., got \"magnet\""),
            ("mag\u{20ac}et:?", "wanted a magnet link, "),
            ("magnet:?dn=a", "wanted a magnet link with an infohash"),
            (
                "magnet:?xt=urn:btmh:1220",
                "wanted a magnet link with xt=urn:btih:..., got version 2",
            ),
            (
                "magnet:?xt=urn:btih:00",
                "wanted an infohash of 40 hex digits or 32 of base32, got \"00\"",
            ),
            (&format!("magnet:?xt=urn:btih:{}", "1".repeat(32)), "wanted an infohash of 40 hex"),
            (
                &format!("{hash}&xl=-1"),
                "wanted the magnet link's xl to be a number of bytes, got \"-1\"",
            ),
            (&format!("{hash}&dn=%ff"), "wanted the magnet link's dn to be percent-encoded UTF-8"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.starts_with(wanted), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn a_link_that_was_printed_reads_the_same(
            infohash: [u8; 20],
            name: Option<String>,
            length: Option<u64>,
            trackers: Vec<String>,
            web_seeds: Vec<String>,
        ) {
            let infohash = Infohash::new(infohash);
            let link = MagnetLink { infohash, name, length, trackers, web_seeds };
            prop_assert_eq!(parse(&link.to_string()), Ok(link));
        }

        #[test]
        fn no_text_panics(text: String, link in "magnet:\\?(xt=urn:btih:|&|[a-z%.=+0-9]{1,3}){0,20}") {
            let _either = (parse(&text), parse(&link), parse(&format!("magnet:?{text}")));
        }
    }
}
