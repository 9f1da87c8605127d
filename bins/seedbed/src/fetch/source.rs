//! Where the metainfo comes from.

use std::{convert::Infallible, fmt, path::PathBuf, str::FromStr, time::Duration};

use anyhow::{Context as _, bail};
use librqbit::AddTorrent;
use seedbed_metainfo::{MagnetLink, Torrent};
use seedbed_service::{UsageContext as _, http_client};
use url::Url;

/// What to fetch. It is not looked at before it is fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A magnet link (BEP 9).
    Magnet(String),
    /// An http URL of a .torrent file.
    Url(String),
    /// A .torrent file.
    File(PathBuf),
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
    /// Gets what the client is given.
    ///
    /// # Errors
    /// It is no magnet link or metainfo, or cannot be had.
    pub(super) async fn open(&self, patience: Duration) -> anyhow::Result<AddTorrent<'static>> {
        let bytes = match self {
            Self::Magnet(text) => {
                text.parse::<MagnetLink>()
                    .with_context(|| text.clone())
                    .usage("bad magnet link")?;
                return Ok(AddTorrent::from_url(text.clone()));
            }
            Self::Url(text) => {
                let url: Url = text.parse().with_context(|| text.clone()).usage("bad URL")?;
                let (status, body) = http_client::get(&url, patience).await?;
                if !status.is_success() {
                    bail!("wanted a .torrent file at {url}, got {status}");
                }
                body
            }
            Self::File(path) => {
                let file = || format!("failed to read {}", path.display());
                tokio::fs::read(path).await.with_context(file).usage("nothing to fetch")?.into()
            }
        };
        // The client's own parser is not made for what anyone may have written.
        Torrent::parse(&bytes).with_context(|| self.to_string()).usage("bad .torrent file")?;
        Ok(AddTorrent::from_bytes(bytes))
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
