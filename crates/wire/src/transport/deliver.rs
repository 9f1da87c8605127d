//! Sends a few bytes, such as our handshake, as a policy wants them.

use std::{io, time::Duration};

use tokio::{
    io::{AsyncWrite, AsyncWriteExt as _},
    time::{Instant, sleep_until},
};

use super::limiter;
use crate::{
    policy::{Changes, CloseKind, Occasion, Plan, Policy},
    session::{Delivery, Step, pace::Pace},
};

/// How a delivery ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delivered {
    /// All was sent that is to be sent.
    Whole,
    /// The connection is to be closed.
    Close(CloseKind),
}

/// Sends `original` as the plan of `ask` wants it, if the policy is in force, and else as it is.
///
/// # Errors
/// Writing failed, or the peer took nothing for `write_timeout`.
pub(crate) async fn run(
    policy: &dyn Policy,
    to: &mut (impl AsyncWrite + Unpin),
    original: &[u8],
    ask: impl Fn(Occasion) -> Plan,
    write_timeout: Duration,
) -> io::Result<Delivered> {
    let mut changes = policy.changes().map(Changes::subscribe);
    let generation = || policy.changes().map_or(0, Changes::generation);
    let mut delivery = Delivery::new(original.len(), generation());
    if policy.in_force() {
        delivery.ask(Instant::now().into_std(), generation(), &ask);
    }
    let mut pace = Pace::default();
    loop {
        let (now, generation) = (Instant::now().into_std(), generation());
        if delivery.is_outdated(generation) {
            if policy.in_force() {
                delivery.ask(now, generation, &ask);
            } else {
                delivery.release(generation);
            }
        }
        let start = delivery.position();
        let bytes = match delivery.step(now, original.len() - start, &mut pace) {
            Step::Wait(until) => {
                let due = async {
                    match until {
                        Some(until) => sleep_until(until.into()).await,
                        None => std::future::pending().await,
                    }
                };
                let changed = async {
                    match &mut changes {
                        // The policy is borrowed, so it cannot be gone.
                        Some(changes) => drop(changes.changed().await),
                        None => std::future::pending().await,
                    }
                };
                tokio::select! { () = due => {}, () = changed => {} }
                continue;
            }
            Step::Send(bytes) => bytes,
            Step::Forward(length) => {
                let bytes = &original[start..start + length];
                let mut changed = Vec::new();
                if delivery.patch(start, &mut changed, bytes) { changed } else { bytes.to_vec() }
            }
            Step::Skip(_) => continue,
            Step::Close(how) => {
                to.flush().await?;
                return Ok(Delivered::Close(how));
            }
            Step::NeedInput | Step::Done => break,
        };
        limiter::write_all(to, &bytes, std::iter::empty(), write_timeout).await?;
    }
    to.flush().await?;
    Ok(Delivered::Whole)
}
