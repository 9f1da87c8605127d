//! Waits for a condition instead of a fixed time.

use std::time::{Duration, Instant};

use crate::DEADLINE;

/// How often a condition is checked.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// Waits until `condition` holds.
///
/// # Panics
/// It does not within [`DEADLINE`]; `what` is in the message.
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    eventually(what, || condition().then_some(()));
}

/// Waits until `probe` returns a value.
///
/// # Panics
/// It does not within [`DEADLINE`]; `what` is in the message.
pub fn eventually<T>(what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(value) = probe() {
            return value;
        }
        assert!(Instant::now() < deadline, "waited {DEADLINE:?} for {what}");
        std::thread::sleep(POLL_INTERVAL);
    }
}
