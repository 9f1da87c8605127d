//! Logging to stderr, so that stdout carries nothing but the lines that scripts wait for.
//!
//! Log lines never hold a server up: [`output`] drops what nobody reads, and [`RateLimit`] suppresses
//! what one peer causes in masses. Both are counted and reported.

use std::{io::IsTerminal as _, sync::LazyLock};

use clap::{Args, ValueEnum};
use tracing_subscriber::{
    EnvFilter, Layer as _, Registry, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

use crate::{
    output,
    rate_limit::{Buckets, RateLimit, Suppressed},
};

/// The target of the lines that report lost lines. No filter and no limit applies to it.
pub(crate) const REPORT_TARGET: &str = "seedbed_log";

static BUCKETS: LazyLock<Buckets> = LazyLock::new(Buckets::default);

/// The logging flags that every binary has.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Logging")]
pub struct LogArgs {
    /// Form of the log lines on stderr
    #[arg(long, env = "SEEDBED_LOG_FORMAT", value_enum, default_value_t, global = true)]
    pub log_format: LogFormat,

    /// Least severe level that is logged, or a filter such as `warn,seedbed_wire=debug`; the engine's own lines appear only where the filter names `librqbit`
    #[arg(
        long,
        env = "SEEDBED_LOG_LEVEL",
        default_value = "warn",
        value_name = "LEVEL",
        value_parser = parse_filter,
        global = true
    )]
    pub log_level: String,
}

/// Form of the log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

fn parse_filter(level: &str) -> Result<String, String> {
    match EnvFilter::builder().parse(level) {
        Ok(_) => Ok(level.to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// The filter in force. The engine logs errors that do not concern the user (tasks that end with
/// their session, for example), so its lines are left out unless `level` names it.
fn effective_filter(level: &str) -> String {
    const ENGINE: &str = "librqbit";
    let engine = if level.contains(ENGINE) { String::new() } else { format!(",{ENGINE}=off") };
    format!("{level}{engine},{REPORT_TARGET}=warn")
}

impl LogArgs {
    /// Installs the process-wide subscriber. A second call has no effect.
    pub(crate) fn init(&self) {
        let format = fmt::layer::<Registry>()
            .with_writer(|| output::stderr().clone())
            .with_ansi(std::io::stderr().is_terminal());
        let format = match self.log_format {
            LogFormat::Text => format.boxed(),
            LogFormat::Json => format.json().boxed(),
        };
        // The error says that a subscriber is there already, which a test's process may have.
        let _already_set = tracing_subscriber::registry()
            .with(format)
            .with(RateLimit::new(&BUCKETS, output::stderr().clone()))
            .with(EnvFilter::new(effective_filter(&self.log_level)))
            .try_init();
    }
}

/// Logs how many lines the queue for stderr dropped, and how many were suppressed for each peer.
pub(crate) fn report_dropped(dropped: u64) {
    if dropped > 0 {
        tracing::warn!(target: REPORT_TARGET, dropped, "dropped log lines, which nobody read");
    }
    report_suppressed(&BUCKETS);
}

fn report_suppressed(buckets: &Buckets) {
    for Suppressed { lines, peer, like } in buckets.take_suppressed() {
        const MESSAGE: &str = "suppressed log lines, which came too fast";
        match peer {
            Some(peer) => tracing::warn!(target: REPORT_TARGET, lines, %peer, like, "{MESSAGE}"),
            None => tracing::warn!(target: REPORT_TARGET, lines, like, "{MESSAGE}"),
        }
    }
}

/// Logs what was suppressed and not yet reported, before the process ends.
pub(crate) fn report_at_exit() {
    report_suppressed(&BUCKETS);
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use super::*;

    #[test]
    fn a_misspelt_level_is_refused() {
        assert!(parse_filter("debug").is_ok());
        assert!(parse_filter("warn,seedbed_wire=trace").is_ok());
        assert!(parse_filter("seedbed_wire=loud").is_err());
    }

    /// What a subscriber wrote.
    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Written {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    /// What `log` writes under a filter.
    fn written(filter: &str, log: impl FnOnce()) -> String {
        let written = Written::default();
        let writer = written.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_env_filter(EnvFilter::new(effective_filter(filter)))
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, log);
        written.text()
    }

    #[test]
    fn lines_of_one_kind_and_peer_are_limited_and_their_number_is_reported() {
        let buckets: &'static Buckets = Box::leak(Box::default());
        let written = Written::default();
        let writer = written.clone();
        let format = fmt::layer().with_ansi(false).with_writer(move || writer.clone());
        let subscriber = tracing_subscriber::registry()
            .with(format)
            .with(RateLimit::new(buckets, output::stderr().clone()))
            .with(EnvFilter::new(effective_filter("debug")));
        tracing::subscriber::with_default(subscriber, || {
            for port in 1..=1000 {
                let peer = std::net::SocketAddr::from(([192, 0, 2, 1], port));
                tracing::warn!(%peer, "a flood");
                tracing::info!(%peer, "asked for");
            }
            tracing::warn!(peer = "192.0.2.2:1", "another peer");
            report_suppressed(buckets);
            report_suppressed(buckets);
        });
        let text = written.text();
        let admitted = text.lines().filter(|line| line.contains(": a flood")).count();
        assert!((20..1000).contains(&admitted), "{admitted} lines were admitted");
        let suppressed = 1000 - admitted;
        let report = format!("lines={suppressed} peer=192.0.2.1 like=\"a flood\"");
        assert_eq!(text.matches(&report).count(), 1, "wanted once: {report}");
        assert_eq!(text.matches("asked for").count(), 1000);
        assert!(text.contains("another peer"));
    }

    #[test]
    fn the_engine_is_silent_unless_the_filter_names_it() {
        let log = || {
            tracing::error!(target: "librqbit::session", "of the engine");
            tracing::error!(target: "librqbit_core::spawn_utils", "of its parts");
            tracing::warn!(target: "seedbed_seeder::seeder", "ours");
        };
        for quiet in ["warn", "trace", "warn,seedbed_wire=debug"] {
            let text = written(quiet, log);
            assert!(text.contains("ours") && !text.contains("of "), "{quiet}: {text}");
        }
        let text = written("librqbit=error", log);
        assert!(text.contains("of the engine") && text.contains("of its parts"), "{text}");
    }
}
