//! Carries out a [`policy::Delivery`](crate::policy::Delivery) on a response over HTTP.

use axum::response::Response;
use seedbed_http::{Progress, Step};
use tokio::time::sleep;

use crate::policy::Delivery;

/// Has the server deliver a response as a policy decided. A limit of zero bytes closes the connection
/// without a response; any other limit counts the bytes of the content.
pub(super) fn deliver(mut response: Response, delivery: Delivery) -> Response {
    if delivery.is_plain() {
        return response;
    }
    let mut delay = Some(delivery.delay).filter(|delay| !delay.is_zero());
    let plan = move |progress: &Progress| {
        if let Some(delay) = delay.take() {
            return Step::Wait(Box::pin(sleep(delay)));
        }
        let end = match delivery.limit {
            None => return Step::Send(u64::MAX),
            Some(0) => 0,
            Some(limit) => progress.head + limit as u64,
        };
        match end.saturating_sub(progress.sent) {
            0 => Step::Close,
            rest => Step::Send(rest),
        }
    };
    response.extensions_mut().insert(seedbed_http::Delivery::new(plan));
    response
}
