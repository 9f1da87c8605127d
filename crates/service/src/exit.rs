//! Exit codes, and the one path on which every binary ends.
//!
//! 0: done. 1: failed at run time. 2: bad usage or bad configuration.

use std::{fmt, process::ExitCode};

use crate::{LogArgs, Shutdown, shutdown};

/// A mistake in the command line, the environment or a configuration file: exit code 2.
///
/// It is an `anyhow` context: [`UsageContext::usage`] marks an error with it, and [`run`]
/// finds it anywhere in the chain.
#[derive(Debug)]
pub struct Usage(pub String);

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// Marks an error as the caller's mistake, see [`Usage`].
pub trait UsageContext<T> {
    /// Adds `what` ("failed to read the catalog foo.toml") and exit code 2.
    ///
    /// # Errors
    /// The error it was called on, with its new context.
    fn usage(self, what: impl fmt::Display) -> anyhow::Result<T>;
}

impl<T, E> UsageContext<T> for Result<T, E>
where
    Result<T, E>: anyhow::Context<T, E>,
{
    fn usage(self, what: impl fmt::Display) -> anyhow::Result<T> {
        anyhow::Context::context(self, Usage(what.to_string()))
    }
}

/// Runs a binary's body to its end: sets up logging, builds the runtime, listens for SIGINT and
/// SIGTERM, and turns an error into one line on stderr and an exit code.
///
/// `name` is the binary's, as it starts that line.
pub fn run<F, Fut>(name: &str, log: &LogArgs, body: F) -> ExitCode
where
    F: FnOnce(Shutdown) -> Fut,
    Fut: Future<Output = anyhow::Result<()>>,
{
    log.init();
    let result =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Into::into);
    let result = result.and_then(|runtime| {
        let outcome = runtime.block_on(async {
            let shutdown = Shutdown::new();
            shutdown::on_signal(&shutdown)?;
            body(shutdown).await
        });
        // Blocking work that does not end by itself (a client library's, say) must not hold the
        // process up.
        runtime.shutdown_timeout(std::time::Duration::from_millis(100));
        outcome
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => report(name, &error),
    }
}

#[expect(clippy::print_stderr, reason = "the one place where a binary says why it ends")]
fn report(name: &str, error: &anyhow::Error) -> ExitCode {
    eprintln!("{name}: {error:#}");
    ExitCode::from(code(error))
}

fn code(error: &anyhow::Error) -> u8 {
    if error.downcast_ref::<Usage>().is_some() { 2 } else { 1 }
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    #[test]
    fn usage_is_found_below_other_context() {
        let wrong: Result<(), _> = "x".parse::<u16>().map(|_| ());
        let error = wrong.usage("bad port").context("failed to start").unwrap_err();
        assert_eq!(code(&error), 2);
        assert_eq!(
            format!("{error:#}"),
            "failed to start: bad port: invalid digit found in string"
        );
    }

    #[test]
    fn any_other_error_is_a_failure_at_run_time() {
        assert_eq!(code(&anyhow::anyhow!("no more disk")), 1);
    }
}
