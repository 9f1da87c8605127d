//! Exit codes, and the one path on which every binary ends.
//!
//! 0: done. 1: failed at run time. 2: bad usage or bad configuration.

use std::{
    backtrace::{Backtrace, BacktraceStatus},
    fmt,
    process::ExitCode,
};

use crate::{LogArgs, Shutdown, log, output, shutdown};

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
/// `name` is the binary's name, with which that line starts. No reader of stdout or stderr can keep
/// the process from ending: only the output of a command that succeeds waits for its reader, until
/// a signal comes.
pub fn run<F, Fut>(name: &str, log: &LogArgs, body: F) -> ExitCode
where
    F: FnOnce(Shutdown) -> Fut,
    Fut: Future<Output = anyhow::Result<()>>,
{
    log.init();
    report_panics();
    let result =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Into::into);
    let result = result.and_then(|runtime| {
        let outcome = runtime.block_on(async {
            let shutdown = Shutdown::new();
            shutdown::on_signal(&shutdown)?;
            body(shutdown.clone()).await?;
            let flushed = tokio::task::spawn_blocking(|| output::stdout().flush_until(None));
            let _all_is_written_or_nobody_reads = shutdown.run_until_cancelled(flushed).await;
            Ok(())
        });
        // Blocking work that does not end by itself (a client library's, for example) must not keep
        // the process from ending.
        runtime.shutdown_timeout(std::time::Duration::from_millis(100));
        outcome
    });
    let code = match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::stderr().push(format!("{name}: {error:#}\n").as_bytes());
            ExitCode::from(code(&error))
        }
    };
    log::report_at_exit();
    output::flush(output::EXIT_FLUSH);
    code
}

/// Sends the message of a panic through the queue: the standard library's hook would wait for the
/// reader of stderr.
fn report_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let thread = std::thread::current();
        let name = thread.name().unwrap_or("unnamed").to_owned();
        let backtrace = Backtrace::capture();
        let backtrace = match backtrace.status() {
            BacktraceStatus::Captured => format!("{backtrace}\n"),
            _ => String::new(),
        };
        output::stderr().push(format!("thread {name}: {panic}\n{backtrace}").as_bytes());
    }));
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
