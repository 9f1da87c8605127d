//! `/api/torrents`: the swarms as JSON.

use std::{net::SocketAddr, sync::Arc};

use aquatic_peer_id::PeerId as AquaticPeerId;
use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
    routing::get,
};
use seedbed_metainfo::{Infohash, PeerId};
use seedbed_service::admin;
use serde::Serialize;

use super::{ANY_ORIGIN, App};
use crate::{
    announce::{Event, SwarmCounts, Transport},
    clock::Moment,
    store::Peer,
};

/// A torrent in a list.
#[derive(Debug, Serialize)]
struct Torrent {
    infohash: Infohash,
    #[serde(flatten)]
    counts: SwarmCounts,
}

/// A torrent with its peers. Times are milliseconds since the tracker started, as is `now`.
#[derive(Debug, Serialize)]
struct TorrentDetails {
    #[serde(flatten)]
    torrent: Torrent,
    now: Moment,
    peers: Vec<PeerDetails>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PeerDetails {
    id: PeerId,
    client: String,
    /// The first of `addresses`.
    address: Option<SocketAddr>,
    addresses: Vec<SocketAddr>,
    transport: Transport,
    uploaded: u64,
    downloaded: u64,
    left: Option<u64>,
    event: Event,
    first_seen: Moment,
    last_seen: Moment,
}

impl From<Peer> for PeerDetails {
    fn from(peer: Peer) -> Self {
        let addresses: Vec<_> = peer.addresses().iter().collect();
        Self {
            id: peer.id,
            client: AquaticPeerId(*peer.id.as_bytes()).client().to_string(),
            address: addresses.first().copied(),
            addresses,
            transport: peer.transport,
            uploaded: peer.uploaded,
            downloaded: peer.downloaded,
            left: peer.left,
            event: peer.event,
            first_seen: peer.first_seen,
            last_seen: peer.last_seen(),
        }
    }
}

pub(super) fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/api/torrents", get(torrents))
        .route("/api/torrents/{infohash}", get(torrent))
}

async fn torrents(State(app): State<Arc<App>>) -> Response {
    let swarms = app.engine.store().scrape_all(app.clock.now());
    let torrents: Vec<_> =
        swarms.into_iter().map(|(infohash, counts)| Torrent { infohash, counts }).collect();
    ([ANY_ORIGIN], Json(torrents)).into_response()
}

async fn torrent(State(app): State<Arc<App>>, Path(infohash): Path<String>) -> Response {
    let response = match infohash.parse::<Infohash>() {
        Ok(infohash) => details(&app, infohash),
        Err(error) => admin::error(StatusCode::BAD_REQUEST, format!("infohash: {error}")),
    };
    ([ANY_ORIGIN], response).into_response()
}

fn details(app: &App, infohash: Infohash) -> Response {
    let now = app.clock.now();
    let Some((counts, peers)) = app.engine.store().swarm(&infohash, now) else {
        let message = format!("infohash: no torrent {infohash} is known");
        return admin::error(StatusCode::NOT_FOUND, message);
    };
    let peers = peers.into_iter().map(Into::into).collect();
    Json(TorrentDetails { torrent: Torrent { infohash, counts }, now, peers }).into_response()
}
