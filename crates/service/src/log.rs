//! Logging to stderr, so that stdout carries nothing but the lines that scripts wait for.

use std::io::IsTerminal as _;

use clap::{Args, ValueEnum};
use tracing_subscriber::EnvFilter;

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

/// The filter in force. The engine logs as errors what is none of the user's (its tasks that end
/// with their session, say), so its lines are left out unless `level` names it.
fn effective_filter(level: &str) -> String {
    const ENGINE: &str = "librqbit";
    if level.contains(ENGINE) { level.to_owned() } else { format!("{level},{ENGINE}=off") }
}

impl LogArgs {
    /// Installs the process-wide subscriber. A second call has no effect.
    pub(crate) fn init(&self) {
        let builder = tracing_subscriber::fmt()
            .with_env_filter(EnvFilter::new(effective_filter(&self.log_level)))
            .with_writer(std::io::stderr)
            .with_ansi(std::io::stderr().is_terminal());
        // The error says that a subscriber is there already, which a test's process may have.
        let _already_set = match self.log_format {
            LogFormat::Text => builder.try_init(),
            LogFormat::Json => builder.json().try_init(),
        };
    }
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

    /// What `log` writes under a filter.
    fn written(filter: &str, log: impl FnOnce()) -> String {
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
        let written = Written::default();
        let writer = written.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_env_filter(EnvFilter::new(effective_filter(filter)))
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, log);
        let bytes = written.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
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
