//! Threads with a runtime of their own.

use std::io;

use anyhow::Context as _;
use tokio::{runtime, sync::oneshot};

/// Runs `body` on a thread and a runtime of its own, to its end.
///
/// Where a request takes microseconds, waking another thread of a shared runtime for it is dear: over
/// HTTP it was 0.7 us of system time an announce.
///
/// # Errors
/// The thread cannot be started, or it fails.
pub(crate) async fn run<F, Fut>(name: &str, body: F) -> anyhow::Result<()>
where
    F: FnOnce() -> Fut + Send + 'static,
    Fut: Future<Output = anyhow::Result<()>>,
{
    let (report, outcome) = oneshot::channel();
    let start = || -> io::Result<()> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::Builder::new().name(name.to_owned());
        thread.spawn(move || report.send(runtime.block_on(body())))?;
        Ok(())
    };
    start().context("failed to start a thread")?;
    outcome.await.context("a thread of the tracker panicked")?
}
