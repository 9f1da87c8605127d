//! The URL of a tracker.

use std::{fmt, str::FromStr};

use seedbed_service::Trust;
use url::Url;

/// `http://host:port/announce` or `udp://host:port`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct TrackerUrl {
    text: String,
    endpoint: Endpoint,
}

/// The transport that a tracker's URL names, and its address.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) enum Endpoint {
    /// The URL is https if a trust is given.
    Http(Url, Option<Trust>),
    Udp {
        host: String,
        port: u16,
    },
}

/// A text that is no tracker URL, or not one that this build supports.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidTrackerUrl {
    /// It is no tracker URL.
    #[error("wanted a tracker URL, http://host:port/announce or udp://host:port, got {0:?}")]
    Malformed(String),
    /// This build does not support its scheme.
    #[error("{scheme} trackers are not supported by this build, got {url:?}")]
    Unsupported {
        /// The URL's scheme, such as `wss`.
        scheme: String,
        /// The URL.
        url: String,
    },
}

impl TrackerUrl {
    /// The https tracker at `url`, which has to show the certificate that is trusted.
    #[must_use]
    pub fn https(url: Url, trust: Trust) -> Self {
        Self { text: url.to_string(), endpoint: Endpoint::Http(url, Some(trust)) }
    }

    pub(crate) const fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }
}

impl FromStr for TrackerUrl {
    type Err = InvalidTrackerUrl;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let malformed = || InvalidTrackerUrl::Malformed(text.to_owned());
        let url: Url = text.parse().map_err(|_| malformed())?;
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(malformed)?;
        if url.port() == Some(0) {
            return Err(malformed());
        }
        let endpoint = match url.scheme() {
            // Without a path the announce would go to the tracker's start page.
            "http" if url.path() == "/" => return Err(malformed()),
            "http" => Endpoint::Http(url, None),
            "udp" => Endpoint::Udp {
                host: host.trim_matches(['[', ']']).to_owned(),
                port: url.port().ok_or_else(malformed)?,
            },
            scheme @ ("https" | "ws" | "wss") => {
                return Err(InvalidTrackerUrl::Unsupported {
                    scheme: scheme.to_owned(),
                    url: text.to_owned(),
                });
            }
            _ => return Err(malformed()),
        };
        Ok(Self { text: text.to_owned(), endpoint })
    }
}

impl fmt::Display for TrackerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for TrackerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http_and_udp_urls_are_printed_as_they_were_given() {
        for text in [
            "http://tracker:8000/announce",
            "http://[::1]:8000/a/passkey?x=%41",
            "udp://tracker:8000",
            "udp://127.0.0.1:8000/announce",
        ] {
            assert_eq!(text.parse::<TrackerUrl>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn an_ipv6_host_over_udp_has_no_brackets() {
        let url: TrackerUrl = "udp://[::1]:8000/announce".parse().unwrap();
        assert!(*url.endpoint() == Endpoint::Udp { host: "::1".into(), port: 8000 });
    }

    #[test]
    fn anything_else_is_refused_by_name() {
        for wrong in [
            "",
            "tracker:8000",
            "http://tracker:8000",
            "http://tracker:0/announce",
            "http:///announce",
            "udp://tracker",
            "udp://:8000",
            "udp://tracker:65536",
            "ftp://tracker:8000/announce",
            "mailto:tracker",
        ] {
            let error = wrong.parse::<TrackerUrl>().unwrap_err().to_string();
            assert!(error.starts_with("wanted a tracker URL"), "{wrong}: {error}");
            assert!(error.ends_with(&format!("got {wrong:?}")), "{wrong}: {error}");
        }
    }

    #[test]
    fn tls_and_websocket_trackers_are_not_supported_by_this_build() {
        for (scheme, url) in [
            ("https", "https://tracker/announce"),
            ("ws", "ws://tracker:8000"),
            ("wss", "wss://tracker"),
        ] {
            assert_eq!(
                url.parse::<TrackerUrl>().unwrap_err().to_string(),
                format!("{scheme} trackers are not supported by this build, got {url:?}")
            );
        }
    }
}
