//! A thread with a runtime of its own.

use std::io;

use anyhow::Context as _;
use tokio::{runtime, sync::oneshot};

/// Runs `body` to its end on a thread and a runtime of its own.
///
/// A request takes microseconds, so waking another thread of a shared runtime for each would cost as much.
///
/// # Errors
/// The thread cannot be started, or `body` fails.
pub(super) async fn run<F, Fut>(name: &str, body: F) -> anyhow::Result<()>
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
