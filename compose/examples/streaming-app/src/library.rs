//! The torrents that have been requested so far: a librqbit session.

use std::{collections::HashMap, path::PathBuf, sync::Arc};

use anyhow::{Context as _, ensure};
use librqbit::{
    AddTorrent, AddTorrentOptions, ListenerOptions, Magnet, ManagedTorrent, Session,
    SessionOptions, TorrentStatsState, api::TorrentIdOrHash,
};
use librqbit_bencode::ByteBuf;
use librqbit_core::Id20;
use reqwest::Url;
use serde::Deserialize;

use crate::error::Error;

/// Streams at a time. Each of them, and each write of a piece, holds one of librqbit's permits for
/// blocking work. With librqbit's default of 8, eight streams that wait for data prevent the write that
/// would bring it.
const STREAMS: usize = 512;

/// The torrents that have been requested so far.
#[derive(Clone)]
pub(crate) struct Library {
    session: Arc<Session>,
    trackers: Arc<[Url]>,
    http: reqwest::Client,
}

/// The answer to a scrape (BEP 48).
#[derive(Deserialize)]
struct Scrape<'a> {
    #[serde(borrow)]
    files: HashMap<ByteBuf<'a>, Counts>,
}

#[derive(Deserialize)]
struct Counts {
    complete: u64,
    incomplete: u64,
}

impl Library {
    /// Starts a session that finds peers only through `trackers` and the trackers of magnet links.
    pub(crate) async fn open(downloads: PathBuf, trackers: Vec<Url>) -> anyhow::Result<Self> {
        let options = SessionOptions {
            dht: None,
            disable_local_service_discovery: true,
            listen: Some(ListenerOptions::default()),
            runtime_worker_threads: Some(STREAMS),
            trackers: trackers.iter().cloned().collect(),
            ..SessionOptions::default()
        };
        let session = Session::new_with_opts(downloads, options)
            .await
            .context("failed to start the BitTorrent session")?;
        Ok(Self { session, trackers: trackers.into(), http: reqwest::Client::new() })
    }

    /// Finds a torrent by infohash or magnet link. Adds a new one, which takes until its peers have sent
    /// the metadata.
    pub(crate) async fn find(&self, text: &str) -> Result<Arc<ManagedTorrent>, Error> {
        let (infohash, names_trackers) = parse(text)?;
        if let Some(torrent) = self.session.get(TorrentIdOrHash::Hash(infohash)) {
            self.reconnect(&torrent).await;
            return Ok(torrent);
        }
        if !names_trackers && self.has_no_peers(infohash).await {
            return Err(Error::UnknownTorrent);
        }
        let options = AddTorrentOptions {
            overwrite: true,
            // Files of two torrents may have the same name.
            sub_folder: Some(infohash.as_string()),
            ..AddTorrentOptions::default()
        };
        let added = self.session.add_torrent(AddTorrent::from_url(text), Some(options)).await?;
        Ok(added.into_handle().context("a torrent was only listed")?)
    }

    /// Removes a torrent and its downloaded files.
    pub(crate) async fn forget(&self, text: &str) -> Result<(), Error> {
        let id = TorrentIdOrHash::Hash(parse(text)?.0);
        self.session.get(id).ok_or(Error::UnknownTorrent)?;
        Ok(self.session.delete(id, true).await?)
    }

    pub(crate) async fn close(&self) {
        self.session.stop().await;
    }

    /// Restarts a torrent that failed or lost all its peers. librqbit waits ten seconds, and then a
    /// minute, before it connects to a peer again: too long for the client of this request.
    async fn reconnect(&self, torrent: &Arc<ManagedTorrent>) {
        let stats = torrent.stats();
        let starved = match (&stats.state, &stats.live) {
            (TorrentStatsState::Error, _) => true,
            (_, Some(live)) => {
                let peers = &live.snapshot.peer_stats;
                !stats.finished && peers.queued + peers.connecting + peers.live == 0
            }
            _ => false,
        };
        if starved {
            // These fail only if another request has just done the same.
            let _paused = self.session.pause(torrent).await;
            let _started = self.session.unpause(torrent).await;
        }
    }

    /// Whether every tracker reports a swarm without peers. A tracker that does not answer counts as one
    /// that may have peers.
    async fn has_no_peers(&self, infohash: Id20) -> bool {
        for tracker in &*self.trackers {
            match self.count_peers(tracker, infohash).await {
                Ok(0) => {}
                Ok(_) => return false,
                Err(error) => {
                    tracing::warn!("failed to scrape {tracker}: {error:#}");
                    return false;
                }
            }
        }
        true
    }

    /// How many peers of this torrent a tracker has.
    async fn count_peers(&self, tracker: &Url, infohash: Id20) -> anyhow::Result<u64> {
        let path = tracker.path();
        ensure!(path.contains("/announce"), "wanted a URL with /announce in its path (BEP 48)");
        let mut url = tracker.clone();
        url.set_path(&path.replace("/announce", "/scrape"));
        let escaped: String = infohash.0.iter().map(|byte| format!("%{byte:02x}")).collect();
        url.set_query(Some(&format!("info_hash={escaped}")));
        let answer = self.http.get(url).send().await?.error_for_status()?.bytes().await?;
        let scrape: Scrape<'_> = librqbit_bencode::from_bytes(&answer)
            .map_err(|error| anyhow::anyhow!("its response is not a scrape response: {error}"))?;
        let counts = scrape.files.get(infohash.0.as_slice());
        Ok(counts.map_or(0, |counts| counts.complete + counts.incomplete))
    }
}

/// The infohash, and whether the text also names trackers.
fn parse(text: &str) -> Result<(Id20, bool), Error> {
    let magnet = Magnet::parse(text).map_err(|_| Error::NotATorrent)?;
    let infohash = magnet.as_id20().ok_or(Error::NotATorrent)?;
    Ok((infohash, !magnet.trackers.is_empty()))
}
