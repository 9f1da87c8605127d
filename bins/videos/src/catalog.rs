//! The catalog: which videos there are, and what each is like.

use std::{collections::BTreeSet, fmt, path::Path};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use toml::Spanned;

use crate::config_file::{self, ConfigError};

/// Number of the recipe. It goes up with every change that changes the bytes of a video.
const RECIPE: u32 = 1;

/// How far the noise patch stands from the picture's edges, in pixels.
pub const PATCH_MARGIN: u32 = 32;

/// The videos, in the order of the file.
#[derive(Clone, Debug)]
pub struct Catalog {
    /// At least one.
    pub videos: Vec<Video>,
}

/// One video.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Video {
    /// File name without `.mp4`.
    pub name: Name,
    /// Width of the picture.
    pub width: Side,
    /// Height of the picture.
    pub height: Side,
    /// Frames per second.
    pub fps: Whole<1, 240>,
    /// Duration.
    pub seconds: Whole<1, 3600>,
    /// Distance of the keyframes.
    pub keyframe_seconds: Whole<1, 3600>,
    /// Preset of x264.
    pub preset: Preset,
    /// Fixed quantiser. 0 would be lossless, which is another profile.
    pub qp: Whole<1, 51>,
    /// Width of the noise patch.
    pub noise_width: Side,
    /// Height of the noise patch.
    pub noise_height: Side,
    /// Frequency of the tone.
    pub tone_hz: Whole<20, 20_000>,
    /// Bit rate of the sound.
    pub audio_kbps: Whole<32, 320>,
    /// Exact length of the file in bytes.
    pub size: Option<Whole<1, { u32::MAX }>>,
}

/// The presets of x264 that gave the same bytes on every build compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "x264's names")]
pub enum Preset {
    Superfast,
    Veryfast,
}

/// A whole number from `MIN` to `MAX`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "i64")]
pub struct Whole<const MIN: u32, const MAX: u32>(u32);

/// A side of a picture: even, since the chroma planes of yuv420p have half of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "i64")]
pub struct Side(u32);

/// A video's name: safe as a file name everywhere, and not hidden.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Name(String);

impl<const MIN: u32, const MAX: u32> Whole<MIN, MAX> {
    /// The number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl<const MIN: u32, const MAX: u32> TryFrom<i64> for Whole<MIN, MAX> {
    type Error = String;

    fn try_from(number: i64) -> Result<Self, String> {
        u32::try_from(number)
            .ok()
            .filter(|number| (MIN..=MAX).contains(number))
            .map(Self)
            .ok_or_else(|| format!("wanted a whole number from {MIN} to {MAX}, got {number}"))
    }
}

impl Side {
    /// The number of pixels.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl TryFrom<i64> for Side {
    type Error = String;

    fn try_from(number: i64) -> Result<Self, String> {
        u32::try_from(number)
            .ok()
            .filter(|number| (16..=8192).contains(number) && number % 2 == 0)
            .map(Self)
            .ok_or_else(|| format!("wanted an even number from 16 to 8192, got {number}"))
    }
}

impl Name {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Name {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c);
        let starts_well = text.starts_with(|c: char| c.is_ascii_alphanumeric());
        if starts_well && text.len() <= 100 && text.chars().all(allowed) {
            Ok(Self(text))
        } else {
            Err(format!(
                "wanted at most 100 of a-z, 0-9, '-', '_' and '.', a letter or digit first, got {text:?}"
            ))
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl Preset {
    /// Its name to x264.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Superfast => "superfast",
            Self::Veryfast => "veryfast",
        }
    }
}

impl Video {
    /// The name of its file.
    #[must_use]
    pub fn file_name(&self) -> String {
        format!("{}.mp4", self.name)
    }

    /// How many frames it has.
    #[must_use]
    pub const fn frames(&self) -> u32 {
        self.fps.get() * self.seconds.get()
    }

    /// How many frames there are from one keyframe to the next.
    #[must_use]
    pub const fn keyframe_interval(&self) -> u32 {
        self.fps.get() * self.keyframe_seconds.get()
    }

    /// A hash of all that decides about its bytes, but for the encoder: this entry and the recipe.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let entry = serde_json::to_string(self).expect("an entry is plain data");
        hex::encode(Sha256::digest(format!("seedbed-videos recipe {RECIPE}\n{entry}")))
    }

    /// What the types of the fields cannot say.
    fn check(&self) -> Result<(), String> {
        for (key, patch, side) in [
            ("noise_width", self.noise_width, self.width),
            ("noise_height", self.noise_height, self.height),
        ] {
            let limit = side.get().saturating_sub(PATCH_MARGIN);
            if patch.get() > limit {
                return Err(format!(
                    "{key}: wanted at most {limit} in a picture of {}x{}, got {}",
                    self.width.get(),
                    self.height.get(),
                    patch.get()
                ));
            }
        }
        Ok(())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CatalogFile {
    video: Vec<Spanned<Video>>,
}

impl Catalog {
    /// Reads a catalog.
    ///
    /// # Errors
    /// The file cannot be read, or a line of it is wrong.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        Self::parse(&config_file::read(path)?)
    }

    /// Parses the text of a catalog.
    ///
    /// # Errors
    /// A line of it is wrong.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let file: CatalogFile = config_file::parse(text)?;
        let mut names = BTreeSet::new();
        for entry in &file.video {
            let video = entry.get_ref();
            let checked = if names.insert(&video.name) {
                video.check()
            } else {
                Err(format!("name: there is another video {:?}", video.name.as_str()))
            };
            checked.map_err(|message| config_file::at(text, entry.span().start, &message))?;
        }
        Ok(Self { videos: file.video.into_iter().map(Spanned::into_inner).collect() })
    }

    /// The videos named, or all where none is.
    ///
    /// # Errors
    /// There is none of such a name.
    pub fn select(&self, names: &[String]) -> Result<Vec<&Video>, UnknownVideo> {
        if let Some(unknown) =
            names.iter().find(|name| self.videos.iter().all(|video| video.name.as_str() != **name))
        {
            let known = self.videos.iter().map(|video| video.name.as_str()).collect::<Vec<_>>();
            return Err(UnknownVideo { name: unknown.clone(), known: known.join(", ") });
        }
        let wanted =
            |video: &&Video| names.is_empty() || names.iter().any(|n| n == video.name.as_str());
        Ok(self.videos.iter().filter(wanted).collect())
    }
}

/// A name on the command line is not in the catalog.
#[derive(Debug, thiserror::Error)]
#[error("no video {name:?}, there are {known}")]
pub struct UnknownVideo {
    name: String,
    known: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTRY: &str = "\
[[video]]
name = \"a\"
width = 64
height = 64
fps = 10
seconds = 1
keyframe_seconds = 1
preset = \"veryfast\"
qp = 28
noise_width = 16
noise_height = 16
tone_hz = 440
audio_kbps = 64
";

    fn error(text: &str) -> String {
        Catalog::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn the_stock_catalog_is_right() {
        let catalog = Catalog::parse(include_str!("../../../videos/catalog.toml")).unwrap();
        let sizes =
            catalog.videos.iter().map(|v| (v.name.as_str(), v.size.map(Whole::get), v.frames()));
        assert_eq!(
            sizes.collect::<Vec<_>>(),
            [
                ("test-small-720p", Some(1 << 20), 240),
                ("test-medium-1080p", Some(5 << 20), 720),
                ("test-large-4k", Some(20 << 20), 1440),
                ("one-minute-720p30", None, 1800),
            ]
        );
    }

    #[test]
    fn a_misspelt_key_is_named_with_its_line() {
        let message = error(&ENTRY.replace("seconds = 1\nkey", "duration = 1\nkey"));
        assert!(
            message.starts_with("line 6: unknown field `duration`, expected one of `name`"),
            "{message}"
        );
    }

    #[test]
    fn a_missing_key_is_named_with_its_entry() {
        let text = format!("{ENTRY}\n{}", ENTRY.replace("fps = 10\n", ""));
        assert_eq!(error(&text), "line 15: missing field `fps`");
    }

    #[test]
    fn a_value_out_of_range_is_named_with_the_range() {
        for (right, wrong, message) in [
            ("fps = 10", "fps = 0", "line 5: fps: wanted a whole number from 1 to 240, got 0"),
            (
                "width = 64",
                "width = 65",
                "line 3: width: wanted an even number from 16 to 8192, got 65",
            ),
            ("qp = 28", "qp = -1", "line 9: qp: wanted a whole number from 1 to 51, got -1"),
            ("qp = 28", "qp = 2.5", "line 9: qp: invalid type: floating point `2.5`, expected i64"),
            (
                "\"veryfast\"",
                "\"quick\"",
                "line 8: preset: unknown variant `quick`, expected `superfast` or `veryfast`",
            ),
            (
                "noise_width = 16",
                "noise_width = 34",
                "line 1: noise_width: wanted at most 32 in a picture of 64x64, got 34",
            ),
        ] {
            assert_eq!(error(&ENTRY.replace(right, wrong)), message);
        }
    }

    #[test]
    fn a_name_leaves_no_directory() {
        for name in ["../a", "a/b", ".a", "", "A", "a b"] {
            let message = error(&ENTRY.replace("\"a\"", &format!("{name:?}")));
            assert!(message.starts_with("line 2: name: wanted at most 100"), "{message}");
        }
    }

    #[test]
    fn a_name_is_there_once() {
        let text = format!("{ENTRY}\n{ENTRY}");
        assert_eq!(error(&text), "line 15: name: there is another video \"a\"");
    }

    #[test]
    fn every_key_changes_the_fingerprint_and_a_comment_does_not() {
        let of = |text: &str| Catalog::parse(text).unwrap().videos[0].fingerprint();
        let mut seen = BTreeSet::from([of(ENTRY)]);
        assert!(!seen.insert(of(&format!("# a comment\n{ENTRY}"))));
        for (from, to) in [
            ("\"a\"", "\"b\""),
            ("\nwidth = 64", "\nwidth = 66"),
            ("\nheight = 64", "\nheight = 66"),
            ("fps = 10", "fps = 11"),
            ("\nseconds = 1", "\nseconds = 2"),
            ("keyframe_seconds = 1", "keyframe_seconds = 2"),
            ("veryfast", "superfast"),
            ("qp = 28", "qp = 29"),
            ("noise_width = 16", "noise_width = 18"),
            ("noise_height = 16", "noise_height = 18"),
            ("tone_hz = 440", "tone_hz = 441"),
            ("audio_kbps = 64", "audio_kbps = 65\nsize = 100000"),
            ("audio_kbps = 64", "audio_kbps = 65"),
        ] {
            assert!(seen.insert(of(&ENTRY.replace(from, to))), "{to}");
        }
    }

    #[test]
    fn names_select_in_the_order_of_the_catalog() {
        let catalog =
            Catalog::parse(&format!("{ENTRY}\n{}", ENTRY.replace("\"a\"", "\"b\""))).unwrap();
        let names = |wanted: &[&str]| {
            let wanted = wanted.iter().map(ToString::to_string).collect::<Vec<_>>();
            catalog
                .select(&wanted)
                .map(|videos| videos.iter().map(|v| v.name.to_string()).collect::<Vec<_>>())
        };
        assert_eq!(names(&[]).unwrap(), ["a", "b"]);
        assert_eq!(names(&["b", "a", "b"]).unwrap(), ["a", "b"]);
        assert_eq!(names(&["c"]).unwrap_err().to_string(), "no video \"c\", there are a, b");
    }
}
