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

    /// Least severe level that is logged, or a filter such as `warn,seedbed_wire=debug`
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

impl LogArgs {
    /// Installs the process-wide subscriber. A second call has no effect.
    pub(crate) fn init(&self) {
        let builder = tracing_subscriber::fmt()
            .with_env_filter(EnvFilter::new(&self.log_level))
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
    use super::*;

    #[test]
    fn a_misspelt_level_is_refused() {
        assert!(parse_filter("debug").is_ok());
        assert!(parse_filter("warn,seedbed_wire=trace").is_ok());
        assert!(parse_filter("seedbed_wire=loud").is_err());
    }
}
