//! Reads TOML files. An error is one line of text and names the line and the key.

use std::{io, path::Path};

use serde::de::DeserializeOwned;

/// A TOML file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// The file cannot be read.
    #[error(transparent)]
    Read(#[from] io::Error),
    /// A line is invalid.
    #[error("line {line}: {message}")]
    Invalid {
        /// The line, counted from 1.
        line: usize,
        /// The key, and why its value is invalid.
        message: String,
    },
}

/// Reads the text of a file.
pub(crate) fn read(path: &Path) -> Result<String, ConfigError> {
    Ok(std::fs::read_to_string(path)?)
}

/// Parses the text of a file.
pub(crate) fn parse<T: DeserializeOwned>(text: &str) -> Result<T, ConfigError> {
    toml::from_str(text).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        let message = error.message().replace('\n', ", ");
        match key_before(text, offset) {
            Some(key) => at(text, offset, &format!("{key}: {message}")),
            None => at(text, offset, &message),
        }
    })
}

/// An error about the byte `offset` of `text`.
pub(crate) fn at(text: &str, offset: usize, message: &str) -> ConfigError {
    let line = text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1;
    ConfigError::Invalid { line, message: message.to_owned() }
}

/// The key whose value starts at `offset`.
fn key_before(text: &str, offset: usize) -> Option<&str> {
    let before = text.get(..offset)?;
    let line = &before[before.rfind('\n').map_or(0, |newline| newline + 1)..];
    // An inline table has several keys on a line: the last one is meant.
    let (key, _) = line.rsplit_once('=')?;
    key.trim().rsplit([' ', '{', ',']).next()
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        #[expect(dead_code, reason = "only parsed")]
        width: u32,
    }

    fn error(text: &str) -> String {
        parse::<Sample>(text).unwrap_err().to_string()
    }

    #[test]
    fn an_invalid_value_is_reported_with_its_line_and_key() {
        assert_eq!(
            error("# one\nwidth = \"x\"\n"),
            "line 2: width: invalid type: string \"x\", expected u32"
        );
    }

    #[test]
    fn an_unknown_key_is_reported_with_the_known_keys() {
        assert_eq!(
            error("width = 2\n\nwitdh = 3\n"),
            "line 3: unknown field `witdh`, expected `width`"
        );
    }

    #[test]
    fn a_syntax_error_is_reported_on_one_line() {
        let message = error("width = 1\nwidth 2\n");
        assert!(message.starts_with("line 2: ") && !message.contains('\n'), "{message}");
    }
}
