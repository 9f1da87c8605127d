//! A decoder for bencoded data (BEP 3) from untrusted sources, with bounded time and memory.
//!
//! The keys of a dictionary may be in any order, since many writers do not sort them. A key that
//! occurs twice is an error, since programs differ in which value they take.

use std::collections::{BTreeMap, btree_map::Entry};

/// Deepest nesting of lists and dictionaries. A .torrent file needs six levels.
const DEPTH: usize = 100;

/// Most values: about twenty times as many as a torrent of 10,000 files has. A value of two bytes
/// takes many times that in memory.
const VALUES: usize = 1_000_000;

/// A bencoded value. Its byte strings borrow from the encoded data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// An integer of 64 bits; larger ones are errors.
    Integer(i64),
    /// A byte string, which need not be text.
    Bytes(&'a [u8]),
    /// A list.
    List(Vec<Value<'a>>),
    /// A dictionary.
    Dict(Dict<'a>),
}

/// A bencoded dictionary.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dict<'a>(BTreeMap<&'a [u8], (Value<'a>, &'a [u8])>);

/// Bytes that are not bencoded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("wanted {wanted} at byte {at} of bencoded data")]
pub struct Malformed {
    at: usize,
    wanted: &'static str,
}

/// Decodes one value, which must span all of `bytes`.
///
/// # Errors
/// The bytes are not exactly one bencoded value.
pub fn decode(bytes: &[u8]) -> Result<Value<'_>, Malformed> {
    let mut decoder = Decoder { bytes, at: 0, values: 0 };
    let value = decoder.value(0)?;
    if decoder.at == bytes.len() { Ok(value) } else { Err(decoder.wanted("the end")) }
}

impl<'a> Value<'a> {
    /// The integer, if it is one.
    #[must_use]
    pub fn integer(&self) -> Option<i64> {
        if let Self::Integer(integer) = self { Some(*integer) } else { None }
    }

    /// The integer, if it is one and not negative.
    #[must_use]
    pub fn unsigned(&self) -> Option<u64> {
        self.integer()?.try_into().ok()
    }

    /// The byte string, if it is one.
    #[must_use]
    pub fn bytes(&self) -> Option<&'a [u8]> {
        if let Self::Bytes(bytes) = self { Some(bytes) } else { None }
    }

    /// The byte string, if it is one and UTF-8.
    #[must_use]
    pub fn text(&self) -> Option<&'a str> {
        std::str::from_utf8(self.bytes()?).ok()
    }

    /// The list, if it is one.
    #[must_use]
    pub fn list(&self) -> Option<&[Self]> {
        if let Self::List(list) = self { Some(list) } else { None }
    }

    /// The dictionary, if it is one.
    #[must_use]
    pub fn dict(&self) -> Option<&Dict<'a>> {
        if let Self::Dict(dict) = self { Some(dict) } else { None }
    }
}

impl<'a> Dict<'a> {
    /// The value of `key`.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value<'a>> {
        self.0.get(key.as_bytes()).map(|(value, _)| value)
    }

    /// The keys in order, each with the encoded bytes of its value.
    pub fn iter(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        self.0.iter().map(|(key, (_, raw))| (*key, *raw))
    }

    /// The encoded bytes of the value of `key`, of which an infohash is the hash.
    #[must_use]
    pub fn raw(&self, key: &str) -> Option<&'a [u8]> {
        self.0.get(key.as_bytes()).map(|(_, raw)| *raw)
    }
}

struct Decoder<'a> {
    bytes: &'a [u8],
    at: usize,
    values: usize,
}

impl<'a> Decoder<'a> {
    fn value(&mut self, depth: usize) -> Result<Value<'a>, Malformed> {
        self.values += 1;
        if depth > DEPTH {
            return Err(self.wanted("less depth"));
        }
        if self.values > VALUES {
            return Err(self.wanted("fewer values"));
        }
        match self.bytes.get(self.at) {
            Some(b'i') => {
                self.at += 1;
                self.number(b'e', "an integer of 64 bits").map(Value::Integer)
            }
            Some(b'l') => {
                self.at += 1;
                let mut list = Vec::new();
                while !self.at_end() {
                    list.push(self.value(depth + 1)?);
                }
                Ok(Value::List(list))
            }
            Some(b'd') => {
                self.at += 1;
                let mut dict = BTreeMap::new();
                while !self.at_end() {
                    let at_key = self.at;
                    let key = self.string()?;
                    let start = self.at;
                    let value = self.value(depth + 1)?;
                    match dict.entry(key) {
                        Entry::Vacant(entry) => entry.insert((value, &self.bytes[start..self.at])),
                        Entry::Occupied(_) => {
                            return Err(Malformed { at: at_key, wanted: "each key once" });
                        }
                    };
                }
                Ok(Value::Dict(Dict(dict)))
            }
            Some(b'0'..=b'9') => self.string().map(Value::Bytes),
            _ => Err(self.wanted("a value")),
        }
    }

    /// Whether a list or dictionary ends here. If it does, skips its end.
    fn at_end(&mut self) -> bool {
        let ends = self.bytes.get(self.at) == Some(&b'e');
        self.at += usize::from(ends);
        ends
    }

    fn string(&mut self) -> Result<&'a [u8], Malformed> {
        const WANTED: &str = "a byte string";
        let start = self.at;
        let malformed = Malformed { at: start, wanted: WANTED };
        let length = usize::try_from(self.number(b':', WANTED)?).map_err(|_| malformed.clone())?;
        let string = self.bytes[self.at..].get(..length).ok_or(malformed)?;
        self.at += length;
        Ok(string)
    }

    /// Reads a number in its canonical form: without leading zeros, `+` or `-0`.
    fn number(&mut self, end: u8, wanted: &'static str) -> Result<i64, Malformed> {
        // `-9223372036854775808` has 20 bytes.
        let end = self.bytes[self.at..].iter().take(21).position(|&byte| byte == end);
        let text = end.and_then(|end| std::str::from_utf8(&self.bytes[self.at..][..end]).ok());
        let canonical = |text: &&str| {
            let digits = text.strip_prefix('-').unwrap_or(text);
            digits.starts_with(|c: char| c.is_ascii_digit())
                && (*text == "0" || !digits.starts_with('0'))
        };
        let number = text.filter(canonical).and_then(|text| Some((text.parse().ok()?, text.len())));
        let (number, length) = number.ok_or(self.wanted(wanted))?;
        self.at += length + 1;
        Ok(number)
    }

    const fn wanted(&self, wanted: &'static str) -> Malformed {
        Malformed { at: self.at, wanted }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bep_3_integers_strings_lists_and_dictionaries_are_read() {
        let value = decode(b"d4:listli-7ei0e2:\xff\0e3:one3:twoe").unwrap();
        let dict = value.dict().unwrap();
        let list = dict.get("list").unwrap();
        assert_eq!(
            list.list().unwrap(),
            [Value::Integer(-7), Value::Integer(0), Value::Bytes(b"\xff\0")]
        );
        assert_eq!(dict.raw("list").unwrap(), b"li-7ei0e2:\xff\0e");
        assert_eq!(dict.get("one").unwrap().text(), Some("two"));
        assert_eq!(dict.get("two"), None);
        assert_eq!(list.text(), None);
        assert_eq!(Value::Integer(-7).unsigned(), None);
    }

    #[test]
    fn keys_may_come_in_any_order_but_only_once() {
        assert!(decode(b"d1:bi1e1:ai2ee").is_ok());
        let error = decode(b"d1:ai1e1:ai2ee").unwrap_err().to_string();
        assert_eq!(error, "wanted each key once at byte 7 of bencoded data");
    }

    #[test]
    fn integers_are_those_of_64_bits_in_their_only_form() {
        assert_eq!(decode(b"i9223372036854775807e"), Ok(Value::Integer(i64::MAX)));
        assert_eq!(decode(b"i-9223372036854775808e"), Ok(Value::Integer(i64::MIN)));
        for wrong in [
            &b"i9223372036854775808e"[..],
            b"i-9223372036854775809e",
            b"i99999999999999999999999999999e",
            b"ie",
            b"i-e",
            b"i+1e",
            b"i01e",
            b"i-0e",
            b"i-01e",
            b"i1",
            b"i 1e",
        ] {
            let error = decode(wrong).unwrap_err().to_string();
            assert_eq!(error, "wanted an integer of 64 bits at byte 1 of bencoded data");
        }
    }

    #[test]
    fn what_is_cut_off_or_goes_on_is_refused() {
        let whole = b"d1:ad1:bli1e2:xxeee";
        assert!(decode(whole).is_ok());
        for end in 0..whole.len() {
            decode(&whole[..end]).unwrap_err();
        }
        let error = decode(b"i1etrailing").unwrap_err().to_string();
        assert_eq!(error, "wanted the end at byte 3 of bencoded data");
        for wrong in [&b"-1:a"[..], b"99999999999999999999:a", b"5:abcd", b"01:a", b"di1ei2ee"] {
            decode(wrong).unwrap_err();
        }
    }

    #[test]
    fn neither_depth_nor_number_exhausts_anything() {
        let nested = |depth| [b"l".repeat(depth), b"e".repeat(depth)].concat();
        assert!(decode(&nested(DEPTH + 1)).is_ok());
        assert_eq!(decode(&nested(DEPTH + 2)).unwrap_err().wanted, "less depth");
        decode(&b"d1:x".repeat(100_000)).unwrap_err();
        let many = [&b"l"[..], &b"0:".repeat(VALUES), b"e"].concat();
        assert_eq!(decode(&many).unwrap_err().wanted, "fewer values");
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _either = decode(&bytes);
        }

        #[test]
        fn nothing_like_bencode_panics(text in "([dlei:0-9-]|1:a|i1e|2:){0,60}") {
            let _either = decode(text.as_bytes());
        }
    }
}
