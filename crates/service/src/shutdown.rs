//! One token that every task of a server watches, cancelled by SIGINT or SIGTERM.

use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
pub use tokio_util::sync::CancellationToken as Shutdown;

/// How long open requests and connections may take after shutdown begins. The whole process ends
/// within two seconds.
pub const GRACE: Duration = Duration::from_millis(1000);

/// Cancels `shutdown` on the first SIGINT or SIGTERM; the second ends the process at once.
///
/// # Errors
/// The process cannot install a signal handler.
pub fn on_signal(shutdown: &Shutdown) -> std::io::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let shutdown = shutdown.clone();
    tokio::spawn(async move {
        let mut wait = async || {
            tokio::select! {
                _ = interrupt.recv() => 130,
                _ = terminate.recv() => 143,
            }
        };
        wait().await;
        shutdown.cancel();
        let code = wait().await;
        std::process::exit(code);
    });
    Ok(())
}
