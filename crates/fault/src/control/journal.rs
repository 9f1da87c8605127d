//! `/control/journal`: pages, long-polling and server-sent events.

use std::{convert::Infallible, time::Duration};

use axum::{
    Json,
    http::{HeaderMap, StatusCode, header},
    response::{
        IntoResponse as _, Response,
        sse::{self, Sse},
    },
};
use futures_util::{Stream, StreamExt as _, stream};
use seedbed_service::admin::ErrorBody;
use serde::Serialize;
use utoipa::ToSchema;

use super::{query::Query, scope::Scope};
use crate::journal::{Entry, Filter, Journal, Page, Part, Summary, append_lines};

/// How many entries a stream reads at once.
const BATCH: usize = 256;
/// How long a stream waits for entries before it polls again. Readers do not notice.
const POLL_TIMEOUT: Duration = Duration::from_secs(600);

/// An entry, with the sentence that describes it on demand.
#[derive(Serialize, ToSchema)]
#[schema(as = DescribedEntry)]
struct EntryView {
    #[serde(flatten)]
    entry: Entry,
    /// The sentence, with `parts=true`.
    #[serde(skip_serializing_if = "Option::is_none")]
    parts: Option<Vec<Part>>,
}

impl EntryView {
    fn new(entry: Entry, parts: bool) -> Self {
        Self { parts: parts.then(|| entry.parts()), entry }
    }
}

/// A part of the journal.
#[derive(Serialize, ToSchema)]
#[schema(as = JournalPage)]
struct PageView {
    /// The entries, in their order.
    entries: Vec<EntryView>,
    /// The number to ask for next with `since`.
    next: u64,
    /// How many entries after `since` were dropped from the journal before they were read.
    skipped: u64,
    /// Milliseconds since the start or the last reset.
    now: u64,
    /// How often the journal was reset.
    resets: u64,
}

/// Journal entries
///
/// JSON by default. With `Accept: application/x-ndjson`, a line of JSON for each entry. With
/// `Accept: text/event-stream`, server-sent events that go on: an entry each, with its number as
/// id, so that `Last-Event-ID` resumes; an event `skipped` says how many entries were lost, an
/// event `reset` that the journal was reset.
#[utoipa::path(
    get, path = "/journal", tag = "journal", operation_id = "journal",
    params(
        ("since" = Option<u64>, Query, description = "Only entries behind this number"),
        ("wait" = Option<f64>, Query, description = "Seconds to wait for an entry if there is none"),
        ("limit" = Option<u64>, Query, description = "The most entries, 1000 by default"),
        ("parts" = Option<bool>, Query, description = "Adds the sentence that describes an entry"),
        ("server" = Option<String>, Query, description = "Only of these servers, comma-separated"),
        ("kind" = Option<String>, Query, description = "Only of these kinds, comma-separated"),
        ("peer" = Option<String>, Query, description = "Only of a peer: its address or network, the start of its id, or a pattern of its client's name"),
        ("torrent" = Option<String>, Query, description = "Only of a torrent: a pattern of its name, or its infohash"),
        ("path" = Option<String>, Query, description = "Only of requests for paths of this pattern"),
        ("fault" = Option<String>, Query, description = "Only where a rule acted: its number, its type, or `any`"),
        ("last-event-id" = Option<u64>, Header, description = "As `since`, for server-sent events"),
    ),
    responses(
        (status = 200, description = "The entries", content(
            (PageView = "application/json"),
            (String = "application/x-ndjson"),
            (String = "text/event-stream"),
        )),
        (status = 400, description = "A parameter is wrong, and named", body = ErrorBody),
    )
)]
pub(super) async fn read(scope: Scope, query: Query, headers: HeaderMap) -> Response {
    let mut query = query.within(&scope);
    let journal = scope.journal.clone();
    let accepts = |kind: &str| {
        let accept = headers.get_all(header::ACCEPT).iter();
        accept.filter_map(|value| value.to_str().ok()).any(|value| value.contains(kind))
    };
    if accepts("text/event-stream") {
        let last = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok());
        query.since = last.unwrap_or(query.since);
        let keep_alive = sse::KeepAlive::new().interval(Duration::from_secs(15));
        return Sse::new(follow(journal, query)).keep_alive(keep_alive).into_response();
    }
    let page = journal.wait(query.since, &query.filter, query.limit, query.wait).await;
    if accepts("application/x-ndjson") {
        let mut lines = Vec::new();
        append_lines(&page, &mut lines);
        return ([(header::CONTENT_TYPE, "application/x-ndjson")], lines).into_response();
    }
    let Page { entries, next, skipped, now, resets } = page;
    let entries = entries.into_iter().map(|entry| EntryView::new(entry, query.parts)).collect();
    Json(PageView { entries, next, skipped, now, resets }).into_response()
}

/// The entries behind a number, and those to come, as events.
fn follow(
    journal: Journal,
    query: Query,
) -> impl Stream<Item = Result<sse::Event, Infallible>> + Send {
    let Query { since, filter, parts, .. } = query;
    let resets = journal.resets();
    let state = (journal, filter, since, resets);
    let pages = stream::unfold(state, async |(journal, filter, since, resets)| {
        let page = journal.wait_from(since, resets, &filter, BATCH, POLL_TIMEOUT).await;
        let is_reset = resets != page.resets;
        let state = (journal, filter, page.next, page.resets);
        Some(((page, is_reset), state))
    });
    pages.flat_map(move |(page, is_reset)| {
        let reset = is_reset.then(|| sse::Event::default().event("reset").data("{}"));
        let skipped = (page.skipped > 0).then(|| {
            let data = format!("{{\"skipped\":{}}}", page.skipped);
            sse::Event::default().event("skipped").data(data)
        });
        let entries = page.entries.into_iter().map(move |entry| {
            let id = entry.seq.to_string();
            let text = serde_json::to_string(&EntryView::new(entry, parts)).unwrap_or_default();
            sse::Event::default().id(id).data(text)
        });
        stream::iter(reset.into_iter().chain(skipped).chain(entries).map(Ok))
    })
}

/// Empties the journal
///
/// Numbers go on.
#[utoipa::path(
    delete, path = "/journal", tag = "journal", operation_id = "clear_journal",
    responses((status = 204, description = "It is empty"))
)]
pub(super) async fn clear(scope: Scope) -> StatusCode {
    if scope.is_whole {
        scope.journal.clear();
    } else {
        scope.journal.clear_of(&scope.sources());
    }
    StatusCode::NO_CONTENT
}

/// Summary by peer
///
/// What each peer requested, received, and where it was cut off, computed from the entries that the
/// journal keeps.
#[utoipa::path(
    get, path = "/journal/summary", tag = "journal", operation_id = "journal_summary",
    params(
        ("since" = Option<u64>, Query, description = "Only entries behind this number"),
        ("server" = Option<String>, Query, description = "Only of these servers, comma-separated"),
        ("kind" = Option<String>, Query, description = "Only of these kinds, comma-separated"),
        ("peer" = Option<String>, Query, description = "Only of a peer: its address or network, the start of its id, or a pattern of its client's name"),
        ("torrent" = Option<String>, Query, description = "Only of a torrent: a pattern of its name, or its infohash"),
        ("path" = Option<String>, Query, description = "Only of requests for paths of this pattern"),
        ("fault" = Option<String>, Query, description = "Only where a rule acted: its number, its type, or `any`"),
    ),
    responses(
        (status = 200, description = "By peer", body = Summary),
        (status = 400, description = "A parameter is wrong, and named", body = ErrorBody),
    )
)]
pub(super) async fn summary(scope: Scope, query: Query) -> Json<Summary> {
    let query = query.within(&scope);
    let filter: &Filter = &query.filter;
    Json(scope.journal.summary(query.since, filter))
}
