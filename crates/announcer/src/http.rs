//! The announce over HTTP (BEP 3).

use std::{fmt::Write as _, time::Duration};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use seedbed_service::{Trust, http_client};
use url::Url;

use crate::{
    error::Error,
    request::{AnnounceRequest, Event},
    response::AnnounceResponse,
};

/// All characters but the unreserved ones of RFC 3986 section 2.3.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

pub(crate) async fn announce(
    tracker: &Url,
    trust: Option<&Trust>,
    request: &AnnounceRequest,
    timeout: Duration,
) -> Result<AnnounceResponse, Error> {
    let (status, body) = http_client::get_trusting(&url(tracker, request), trust, timeout).await?;
    match AnnounceResponse::from_bencode(&body) {
        // A failure reason says more than the status that some trackers send with it.
        Err(Error::Failure(reason)) => Err(Error::Failure(reason)),
        _ if !status.is_success() => Err(Error::Status(status.as_u16())),
        result => result,
    }
}

/// The URL of the request. It asks for the list of dictionaries, since only that has peer ids.
fn url(tracker: &Url, request: &AnnounceRequest) -> Url {
    let mut query = tracker.query().map(|query| format!("{query}&")).unwrap_or_default();
    let AnnounceRequest { port, uploaded, downloaded, left, numwant, key, .. } = request;
    let infohash = percent_encode(request.infohash.as_bytes(), RESERVED);
    let peer_id = percent_encode(request.peer_id.as_bytes(), RESERVED);
    let _infallible = write!(
        query,
        "info_hash={infohash}&peer_id={peer_id}&port={port}&uploaded={uploaded}\
        &downloaded={downloaded}&left={left}&compact=0&numwant={numwant}&key={key:08x}"
    );
    query.push_str(match request.event {
        None => "",
        Some(Event::Started) => "&event=started",
        Some(Event::Completed) => "&event=completed",
        Some(Event::Stopped) => "&event=stopped",
    });
    if let Some(ip) = request.ip {
        let _infallible = write!(query, "&ip={ip}");
    }
    let mut url = tracker.clone();
    url.set_query(Some(&query));
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bep_3_the_query_carries_raw_bytes_percent_encoded() {
        let tracker = "http://tracker:8000/announce".parse().unwrap();
        assert_eq!(
            url(&tracker, &AnnounceRequest::example()).as_str(),
            "http://tracker:8000/announce\
            ?info_hash=%00%01%7F%80%FF%20%26%2B%25~abcdefghij&peer_id=-SE0100-0123456789ab\
            &port=6881&uploaded=7&downloaded=0&left=0&compact=0&numwant=50&key=00c0ffee\
            &event=started&ip=192.0.2.1"
        );
    }

    #[test]
    fn a_query_of_the_trackers_own_stays() {
        let tracker = "http://tracker/announce?passkey=%61".parse().unwrap();
        let request = AnnounceRequest { event: None, ip: None, ..AnnounceRequest::example() };
        let url = url(&tracker, &request);
        assert!(url.as_str().starts_with("http://tracker/announce?passkey=%61&info_hash="));
        assert!(url.as_str().ends_with("&key=00c0ffee"));
    }
}
