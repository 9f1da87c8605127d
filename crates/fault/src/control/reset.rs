//! `/control/reset`: back to the state of a fresh start.

use std::pin::Pin;

use axum::{http::StatusCode, response::Response};
use seedbed_service::admin::{self, ErrorBody};

use super::scope::Scope;

/// Brings a server back to the state of a fresh start, in less than 50 ms: empty swarms, all
/// torrents as at the start. The control API itself clears rules and journal.
pub trait Reset: Send + Sync {
    /// Does so, and ends when it is done.
    fn reset(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// A closure as a [`Reset`].
struct ResetFn<C>(C);

impl<C, F> Reset for ResetFn<C>
where
    C: Fn() -> F + Send + Sync,
    F: Future<Output = ()> + Send + 'static,
{
    fn reset(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin((self.0)())
    }
}

/// Makes a [`Reset`] out of a closure.
pub fn reset_fn<C, F>(reset: C) -> impl Reset
where
    C: Fn() -> F + Send + Sync,
    F: Future<Output = ()> + Send + 'static,
{
    ResetFn(reset)
}

/// Resets the servers
///
/// No rules, an empty journal, empty swarms, all torrents as at the start. Answers when this is so.
#[utoipa::path(
    post, path = "/reset", tag = "control", operation_id = "reset",
    responses(
        (status = 204, description = "All is as at the start"),
        (status = 500, description = "A server failed to reset", body = ErrorBody),
    )
)]
pub(super) async fn reset(scope: Scope) -> Result<StatusCode, Response> {
    // In a task of its own: a caller that goes away must not leave half of it undone.
    let done = tokio::spawn(async move {
        // First of all, so that nothing is held by a rule that is about to go.
        scope.members.iter().for_each(|member| member.store.reset());
        let resets = scope.members.iter().map(|member| member.reset.reset());
        futures_util::future::join_all(resets).await;
        // Last of all, so that what the reset caused is gone, too.
        if scope.is_whole {
            scope.journal.reset();
        } else {
            scope.journal.clear_of(&scope.sources());
        }
    });
    match done.await {
        Ok(()) => Ok(StatusCode::NO_CONTENT),
        Err(error) => {
            let message = format!("failed to reset: {error}");
            Err(admin::error(StatusCode::INTERNAL_SERVER_ERROR, message))
        }
    }
}
