//! Entity tags: RFC 9110 section 8.8.3.

use std::fmt;

/// An entity tag, such as `"xyzzy"` or the weak `W/"xyzzy"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntityTag {
    weak: bool,
    opaque: String,
}

impl EntityTag {
    /// The strong tag whose opaque part is `bytes` in hexadecimal.
    #[must_use]
    pub fn strong(bytes: &[u8]) -> Self {
        Self { weak: false, opaque: hex::encode(bytes) }
    }

    /// The weak tag with the same opaque part.
    #[must_use]
    pub fn into_weak(self) -> Self {
        Self { weak: true, ..self }
    }

    /// The part between the quotes.
    #[must_use]
    pub fn opaque(&self) -> &str {
        &self.opaque
    }

    /// Strong comparison (section 8.8.3.2): both are strong and equal.
    #[must_use]
    pub fn matches_strongly(&self, other: &Self) -> bool {
        !self.weak && !other.weak && self.opaque == other.opaque
    }

    /// Weak comparison: the opaque parts are equal.
    #[must_use]
    pub fn matches_weakly(&self, other: &Self) -> bool {
        self.opaque == other.opaque
    }

    /// Parses exactly one tag.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match Self::split_first(text)? {
            (tag, "") => Some(tag),
            _ => None,
        }
    }

    /// Parses a list, up to the first thing in it that is no tag.
    #[must_use]
    pub fn parse_list(mut text: &str) -> Vec<Self> {
        let mut tags = Vec::new();
        loop {
            text = text.trim_start_matches([' ', '\t', ',']);
            let Some((tag, rest)) = Self::split_first(text) else { return tags };
            tags.push(tag);
            text = rest;
        }
    }

    /// The tag at the start of `text` and what follows it. A comma may be part of a tag.
    fn split_first(text: &str) -> Option<(Self, &str)> {
        let (weak, text) = match text.strip_prefix("W/") {
            Some(text) => (true, text),
            None => (false, text),
        };
        let (opaque, rest) = text.strip_prefix('"')?.split_once('"')?;
        let is_etagc = |c: char| c == '!' || c >= '#' && c != '\x7f';
        opaque.chars().all(is_etagc).then(|| (Self { weak, opaque: opaque.to_owned() }, rest))
    }
}

impl fmt::Display for EntityTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\"{}\"", if self.weak { "W/" } else { "" }, self.opaque)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(text: &str) -> EntityTag {
        EntityTag::parse(text).unwrap()
    }

    #[test]
    fn comparison_is_as_in_the_table_of_section_8_8_3_2() {
        for (left, right, strong, weak) in [
            (r#"W/"1""#, r#"W/"1""#, false, true),
            (r#"W/"1""#, r#"W/"2""#, false, false),
            (r#"W/"1""#, r#""1""#, false, true),
            (r#""1""#, r#""1""#, true, true),
        ] {
            assert_eq!(tag(left).matches_strongly(&tag(right)), strong, "{left} {right}");
            assert_eq!(tag(left).matches_weakly(&tag(right)), weak, "{left} {right}");
        }
    }

    #[test]
    fn a_tag_is_quoted_and_w_is_case_sensitive() {
        assert_eq!(tag(r#"W/"a""#).to_string(), r#"W/"a""#);
        for text in ["a", "\"a", r#"w/"a""#, r#""a b""#, r#""a"b"#, "", "W/"] {
            assert_eq!(EntityTag::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_list_may_hold_commas_inside_tags_and_empty_elements() {
        let tags = EntityTag::parse_list(r#", "a,b" ,,W/"c","d""#);
        assert_eq!(tags, [tag(r#""a,b""#), tag(r#"W/"c""#), tag(r#""d""#)]);
        assert_eq!(EntityTag::parse_list("a, b"), []);
    }
}
