//! Reading TOML with errors of one line, which name the line and the key.

use std::{io, path::Path};

use serde::de::DeserializeOwned;

/// Why a TOML file could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file cannot be read.
    #[error(transparent)]
    Read(#[from] io::Error),
    /// A line of it is wrong.
    #[error("line {line}: {message}")]
    Invalid {
        /// The line, counted from 1.
        line: usize,
        /// What is wrong with it.
        message: String,
    },
}

pub(crate) fn read(path: &Path) -> Result<String, ConfigError> {
    Ok(std::fs::read_to_string(path)?)
}

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

/// The error `message` about the place `offset` of `text`.
pub(crate) fn at(text: &str, offset: usize, message: &str) -> ConfigError {
    let line = text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1;
    ConfigError::Invalid { line, message: message.to_owned() }
}

/// The key whose value starts at `offset`.
fn key_before(text: &str, offset: usize) -> Option<&str> {
    let before = text.get(..offset)?;
    let line = &before[before.rfind('\n').map_or(0, |newline| newline + 1)..];
    // The last one: there are several in the line of an inline table.
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
    fn a_wrong_value_is_named_by_line_and_key() {
        assert_eq!(
            error("# one\nwidth = \"x\"\n"),
            "line 2: width: invalid type: string \"x\", expected u32"
        );
    }

    #[test]
    fn an_unknown_key_is_named_with_the_known_ones() {
        assert_eq!(
            error("width = 2\n\nwitdh = 3\n"),
            "line 3: unknown field `witdh`, expected `width`"
        );
    }

    #[test]
    fn broken_syntax_is_one_line() {
        let message = error("width = 1\nwidth 2\n");
        assert!(message.starts_with("line 2: ") && !message.contains('\n'), "{message}");
    }
}
