//! Text from outside, cut to a length that a journal can hold many of.

use std::{borrow::Cow, fmt};

use serde::{Serialize, Serializer};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{Object, RefOr, Schema, schema::Type},
};

/// The most bytes of one text.
const MAX_LENGTH: usize = 256;

/// Text of at most 256 bytes; longer text is cut, and ends with `…`.
#[derive(Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Text(Box<str>);

impl Text {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        if text.len() <= MAX_LENGTH {
            return Self(text.into());
        }
        let end = text.floor_char_boundary(MAX_LENGTH - '…'.len_utf8());
        Self(format!("{}…", &text[..end]).into())
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        if text.len() <= MAX_LENGTH { Self(text.into()) } else { text.as_str().into() }
    }
}

impl From<&[u8]> for Text {
    fn from(bytes: &[u8]) -> Self {
        // Cut first: what comes from outside may be long.
        String::from_utf8_lossy(&bytes[..bytes.len().min(MAX_LENGTH * 2)]).into_owned().into()
    }
}

impl std::ops::Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl PartialSchema for Text {
    fn schema() -> RefOr<Schema> {
        Object::with_type(Type::String).into()
    }
}

impl ToSchema for Text {
    fn name() -> Cow<'static, str> {
        "Text".into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_is_cut_between_characters() {
        let text = Text::from("ä".repeat(1000).as_str());
        assert!(text.len() <= MAX_LENGTH && text.ends_with("ä…"));
        assert_eq!(Text::from("short").as_str(), "short");
        assert!(Text::from(&[0xff; 5000][..]).len() <= MAX_LENGTH);
    }
}
