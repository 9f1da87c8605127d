//! `/api/torrents`: the swarms as JSON.

use std::{net::SocketAddr, sync::Arc};

use aquatic_peer_id::PeerId as AquaticPeerId;
use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use seedbed_metainfo::{Infohash, PeerId};
use seedbed_service::admin::{self, ErrorBody};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{ANY_ORIGIN, App};
use crate::{
    announce::{Event, SwarmCounts, Transport},
    clock::Moment,
    store::Peer,
};

/// A torrent in a list.
#[derive(Debug, Serialize, ToSchema)]
struct Torrent {
    #[schema(value_type = String, pattern = "^[0-9a-f]{40}$")]
    infohash: Infohash,
    #[serde(flatten)]
    counts: SwarmCounts,
}

/// A torrent with its peers. Times are milliseconds since the tracker started, as is `now`.
#[derive(Debug, Serialize, ToSchema)]
struct TorrentDetails {
    #[serde(flatten)]
    torrent: Torrent,
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
    /// What its id says of the client and its version.
    client: String,
    /// The first of `addresses`.
    #[schema(value_type = Option<String>, required)]
    address: Option<SocketAddr>,
    /// Where it takes connections; nowhere behind a WebSocket.
    #[schema(value_type = Vec<String>)]
    addresses: Vec<SocketAddr>,
    transport: Transport,
    uploaded: u64,
    downloaded: u64,
    /// Bytes that it lacks, where it says so.
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

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(torrents)).routes(routes!(torrent))
}

/// All torrents
#[utoipa::path(
    get, path = "/api/torrents", tag = "swarms",
    responses((status = 200, description = "By infohash", body = [Torrent]))
)]
async fn torrents(State(app): State<Arc<App>>) -> Response {
    let swarms = app.engine.store().scrape_all(app.clock.now()).flatten();
    let torrents: Vec<_> = swarms.map(|(infohash, counts)| Torrent { infohash, counts }).collect();
    ([ANY_ORIGIN], Json(torrents)).into_response()
}

/// One torrent and its peers
#[utoipa::path(
    get, path = "/api/torrents/{infohash}", tag = "swarms",
    params(("infohash" = String, Path, description = "40 hex digits")),
    responses(
        (status = 200, description = "The torrent and its peers", body = TorrentDetails),
        (status = 400, description = "That is no infohash", body = ErrorBody),
        (status = 404, description = "It is not known", body = ErrorBody),
    )
)]
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
