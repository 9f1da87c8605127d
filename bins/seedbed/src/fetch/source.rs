//! The torrent to fetch, from a magnet link, a .torrent file or the URL of one.

use std::{convert::Infallible, fmt, path::PathBuf, str::FromStr, time::Duration};

use anyhow::{Context as _, bail};
use librqbit::AddTorrent;
use seedbed_metainfo::{Infohash, MagnetLink, TorrentFile};
use seedbed_service::{UsageContext as _, http_client};
use url::Url;

/// Where the torrent comes from. Nothing is read before it is fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A magnet link (BEP 9).
    Magnet(String),
    /// An http URL of a .torrent file.
    Url(String),
    /// A .torrent file.
    File(PathBuf),
}

/// The torrent to fetch. The announcer needs its infohash, trackers and length; the client parses
/// nothing but the metainfo.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) infohash: Infohash,
    /// Announce URLs, in tiers (BEP 12).
    pub(super) trackers: Vec<Vec<String>>,
    /// Length of the content; a magnet link may leave it out.
    pub(super) length: Option<u64>,
    /// The .torrent file; a magnet link has none.
    metainfo: Option<Vec<u8>>,
}

impl Wanted {
    /// The form in which librqbit takes it.
    pub(super) fn add_torrent(&self) -> AddTorrent<'static> {
        match &self.metainfo {
            Some(file) => AddTorrent::from_bytes(file.clone()),
            None => AddTorrent::from_url(format!("magnet:?xt=urn:btih:{}", self.infohash)),
        }
    }

    /// Whether the metainfo has to come from a peer.
    pub(super) fn needs_metainfo(&self) -> bool {
        self.metainfo.is_none()
    }

    /// Sets the metainfo that came from a peer.
    pub(super) fn set_metainfo(&mut self, file: Vec<u8>) {
        self.metainfo = Some(file);
    }

    fn of_magnet(text: &str) -> anyhow::Result<Self> {
        let magnet: MagnetLink =
            text.parse().with_context(|| text.to_owned()).usage("bad magnet link")?;
        let MagnetLink { infohash, length, trackers, .. } = magnet;
        let trackers = trackers.into_iter().map(|url| vec![url]).collect();
        Ok(Self { infohash, trackers, length, metainfo: None })
    }

    fn of_file(bytes: Vec<u8>, source: &Source) -> anyhow::Result<Self> {
        let file = TorrentFile::parse(&bytes).with_context(|| source.to_string());
        let TorrentFile { infohash, tiers, length, .. } = file.usage("bad .torrent file")?;
        Ok(Self { infohash, trackers: tiers, length: Some(length), metainfo: Some(bytes) })
    }
}

impl FromStr for Source {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let owned = text.to_owned();
        Ok(match text.split_once(':') {
            Some(("magnet", _)) => Self::Magnet(owned),
            Some((_, rest)) if rest.starts_with("//") => Self::Url(owned),
            _ => Self::File(owned.into()),
        })
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Magnet(text) | Self::Url(text) => f.write_str(text),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

impl Source {
    /// Reads or downloads it.
    ///
    /// # Errors
    /// It is neither a magnet link nor a .torrent file, or cannot be read or downloaded.
    pub(super) async fn open(&self, timeout: Duration) -> anyhow::Result<Wanted> {
        match self {
            Self::Magnet(text) => Wanted::of_magnet(text),
            Self::Url(text) => {
                let url: Url = text.parse().with_context(|| text.clone()).usage("bad URL")?;
                let (status, body) = http_client::get(&url, timeout).await?;
                if !status.is_success() {
                    bail!("wanted a .torrent file at {url}, got {status}");
                }
                Wanted::of_file(body.into(), self)
            }
            Self::File(path) => {
                let file = || format!("failed to read {}", path.display());
                let bytes = tokio::fs::read(path).await.with_context(file);
                Wanted::of_file(bytes.usage("nothing to fetch")?, self)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scheme_tells_magnet_links_and_urls_from_files() {
        let magnet = "magnet:?xt=urn:btih:00";
        assert_eq!(magnet.parse(), Ok(Source::Magnet(magnet.into())));
        let url = "http://h/a.torrent";
        assert_eq!(url.parse(), Ok(Source::Url(url.into())));
        for file in ["a.torrent", "/a:b/c.torrent", "magnet.torrent"] {
            assert_eq!(file.parse(), Ok(Source::File(file.into())));
        }
    }
}
