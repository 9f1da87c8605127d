//! `/api/torrents`: the swarms as JSON.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use seedbed_metainfo::{Client, Infohash, PeerId};
use seedbed_service::admin::{self, ErrorBody};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::Tracker;
use crate::{
    clock::Moment,
    messages::{Event, SwarmCounts, Transport},
    store::Peer,
};

/// A torrent in a list.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Torrent)]
struct TorrentSummary {
    #[schema(value_type = String, pattern = "^[0-9a-f]{40}$")]
    infohash: Infohash,
    #[serde(flatten)]
    counts: SwarmCounts,
}

/// A torrent with its peers. All times, also `now`, are milliseconds since the tracker started.
#[derive(Debug, Serialize, ToSchema)]
struct TorrentDetails {
    #[serde(flatten)]
    torrent: TorrentSummary,
    now: Moment,
    peers: Vec<PeerDetails>,
}

/// A peer of a torrent.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Peer)]
struct PeerDetails {
    #[schema(value_type = String, pattern = "^[0-9a-f]{40}$")]
    id: PeerId,
    /// The client and its version, by the peer id.
    client: String,
    /// The first of `addresses`.
    #[schema(value_type = Option<String>, required)]
    address: Option<SocketAddr>,
    /// The addresses where it accepts connections; none behind a WebSocket.
    #[schema(value_type = Vec<String>)]
    addresses: Vec<SocketAddr>,
    transport: Transport,
    uploaded: u64,
    downloaded: u64,
    /// The bytes that it lacks, if it says so.
    #[schema(required)]
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
            client: Client::of(peer.id).to_string(),
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

pub(super) fn router() -> OpenApiRouter<Arc<Tracker>> {
    OpenApiRouter::new().routes(routes!(torrents)).routes(routes!(torrent))
}

/// All torrents
#[utoipa::path(
    get, path = "/api/torrents", tag = "swarms",
    responses((status = 200, description = "The torrents, sorted by infohash", body = [TorrentSummary]))
)]
async fn torrents(State(tracker): State<Arc<Tracker>>) -> Response {
    let swarms = tracker.engine.store().scrape_all(tracker.clock.now()).flatten();
    let torrents: Vec<_> =
        swarms.map(|(infohash, counts)| TorrentSummary { infohash, counts }).collect();
    Json(torrents).into_response()
}

/// One torrent and its peers
#[utoipa::path(
    get, path = "/api/torrents/{infohash}", tag = "swarms",
    params(("infohash" = String, Path, description = "40 hex digits")),
    responses(
        (status = 200, description = "The torrent and its peers", body = TorrentDetails),
        (status = 400, description = "Not an infohash", body = ErrorBody),
        (status = 404, description = "The tracker does not know the torrent", body = ErrorBody),
    )
)]
async fn torrent(State(tracker): State<Arc<Tracker>>, Path(infohash): Path<String>) -> Response {
    match infohash.parse::<Infohash>() {
        Ok(infohash) => details(&tracker, infohash),
        Err(error) => admin::error(StatusCode::BAD_REQUEST, format!("infohash: {error}")),
    }
}

fn details(tracker: &Tracker, infohash: Infohash) -> Response {
    let now = tracker.clock.now();
    let Some((counts, peers)) = tracker.engine.store().swarm(&infohash, now) else {
        let message = format!("infohash: torrent {infohash} is unknown");
        return admin::error(StatusCode::NOT_FOUND, message);
    };
    let peers = peers.into_iter().map(Into::into).collect();
    Json(TorrentDetails { torrent: TorrentSummary { infohash, counts }, now, peers })
        .into_response()
}
