//! The catalog file: reads it, checks it, and selects entries by name.

use std::{collections::BTreeSet, path::Path};

use serde::Deserialize;
use toml::Spanned;

use super::{
    Video,
    toml_file::{self, ConfigError},
};

/// The entries, in the order of the file.
#[derive(Clone, Debug)]
pub(crate) struct Catalog {
    /// The entries; the file has at least one.
    pub(crate) videos: Vec<Video>,
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
    /// The file cannot be read, or a line of it is invalid.
    pub(crate) fn read(path: &Path) -> Result<Self, ConfigError> {
        Self::parse(&toml_file::read(path)?)
    }

    /// Parses the text of a catalog.
    ///
    /// # Errors
    /// A line of it is invalid.
    pub(crate) fn parse(text: &str) -> Result<Self, ConfigError> {
        let file: CatalogFile = toml_file::parse(text)?;
        let mut names = BTreeSet::new();
        for entry in &file.video {
            let video = entry.get_ref();
            let checked = if names.insert(&video.name) {
                video.check()
            } else {
                Err(format!("name: another video is named {:?}", video.name.as_str()))
            };
            checked.map_err(|message| toml_file::at(text, entry.span().start, &message))?;
        }
        Ok(Self { videos: file.video.into_iter().map(Spanned::into_inner).collect() })
    }

    /// Returns the entries with these names, or all entries if `names` is empty.
    ///
    /// # Errors
    /// No entry has such a name.
    pub(crate) fn select(&self, names: &[String]) -> Result<Vec<&Video>, UnknownVideo> {
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

/// A name that no entry has.
#[derive(Debug, thiserror::Error)]
#[error("no video is named {name:?}; the catalog has {known}")]
pub(crate) struct UnknownVideo {
    name: String,
    known: String,
}

/// The catalog of the stock videos.
#[cfg(test)]
pub(crate) fn stock() -> Catalog {
    Catalog::parse(include_str!("../../../../videos/catalog.toml")).unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::values::Bounded;

    const ENTRY: &str = "\
[[video]]
name = \"a\"
seconds = 1
audio = [{ codec = \"aac\", tone_hz = 440, kbps = 64 }]

[video.picture]
codec = \"h264\"
width = 64
height = 64
fps = 10
keyframe_seconds = 1
preset = \"veryfast\"
qp = 28
noise_width = 16
noise_height = 16
";

    fn error(text: &str) -> String {
        Catalog::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn the_stock_catalog_has_nine_entries() {
        let catalog = stock();
        let facts = catalog
            .videos
            .iter()
            .map(|video| (video.root(), video.size.map(Bounded::get), video.seconds.get()));
        let facts = facts.collect::<Vec<_>>();
        let facts = facts.iter().map(|(name, size, seconds)| (name.as_str(), *size, *seconds));
        assert_eq!(
            facts.collect::<Vec<_>>(),
            [
                ("test-small-720p.mp4", Some(1 << 20), 10),
                ("test-medium-1080p.mp4", Some(5 << 20), 30),
                ("test-large-4k.mp4", Some(20 << 20), 60),
                ("one-minute-720p30.mp4", None, 60),
                ("test-second-360p.mp4", None, 1),
                ("test-audio.m4a", None, 10),
                ("test-webm-360p.webm", None, 3),
                ("test-tracks-360p.mkv", None, 6),
                ("test-season", None, 4),
            ]
        );
    }

    #[test]
    fn each_episode_of_a_folder_has_its_subtitle_files() {
        let catalog = stock();
        let folder = catalog.videos.iter().find(|video| video.episodes.is_some()).unwrap();
        let last = folder.media().last().unwrap();
        assert_eq!(last.path(), "test-season/test-season-e03.mp4");
        let subtitles = last.subtitle_files().map(|(path, _)| path).collect::<Vec<_>>();
        assert_eq!(
            subtitles,
            ["test-season/test-season-e03.eng.srt", "test-season/test-season-e03.deu.srt"]
        );
    }

    #[test]
    fn a_misspelt_key_is_reported_with_its_line() {
        let message = error(&ENTRY.replace("seconds = 1\naudio", "duration = 1\naudio"));
        assert!(
            message.starts_with("line 3: unknown field `duration`, expected one of `name`"),
            "{message}"
        );
    }

    #[test]
    fn a_missing_key_is_reported_with_its_entry() {
        let text = format!("{ENTRY}\n{}", ENTRY.replace("fps = 10\n", ""));
        assert_eq!(error(&text), "line 22: missing field `fps`");
    }

    #[test]
    fn a_value_out_of_range_is_reported_with_the_range() {
        for (right, wrong, message) in [
            ("fps = 10", "fps = 0", "line 10: fps: wanted an integer from 1 to 240, got 0"),
            (
                "width = 64",
                "width = 65",
                "line 8: width: wanted an even number from 16 to 8192, got 65",
            ),
            ("qp = 28", "qp = -1", "line 13: qp: wanted an integer from 1 to 51, got -1"),
            (
                "qp = 28",
                "qp = 2.5",
                "line 13: qp: invalid type: floating point `2.5`, expected i64",
            ),
            (
                "\"veryfast\"",
                "\"quick\"",
                "line 12: preset: unknown variant `quick`, expected `superfast` or `veryfast`",
            ),
            (
                "noise_width = 16",
                "noise_width = 34",
                "line 1: noise_width: wanted at most 32 in a picture of 64x64, got 34",
            ),
            ("kbps = 64", "kbps = 1", "line 4: kbps: wanted an integer from 16 to 320, got 1"),
        ] {
            assert_eq!(error(&ENTRY.replace(right, wrong)), message);
        }
    }

    #[test]
    fn keys_that_exclude_each_other_are_reported_with_their_entry() {
        let more = |key: &str| ENTRY.replace("\nseconds = 1\n", &format!("\nseconds = 1\n{key}\n"));
        let opus = ENTRY.replace("\"aac\", tone_hz = 440, kbps = 64", "\"opus\"");
        for (text, message) in [
            (more("container = \"m4a\""), "picture: wanted a picture in every container but m4a"),
            (more("container = \"webm\""), "codec: wanted a codec that webm takes, got h264"),
            (more("subtitles = [\"eng\"]"), "subtitles: wanted container mkv or episodes"),
            (
                more(&format!("container = \"mkv\"\nsubtitles = {:?}", ["eng"; 51])),
                "subtitles: wanted at most 50, got 51",
            ),
            (more("container = \"mkv\"\nsize = 100000"), "size: wanted container mp4 or m4a"),
            (
                more("container = \"mkv\"\nsegment_seconds = 1"),
                "segment_seconds: wanted container mp4",
            ),
            (
                more("segment_seconds = 3").replace("keyframe_seconds = 1", "keyframe_seconds = 2"),
                "segment_seconds: wanted a multiple of keyframe_seconds, which is 2, got 3",
            ),
            (opus, "audio: wanted a codec that mp4 takes, got opus"),
        ] {
            let got = error(&text);
            assert!(got.starts_with(&format!("line 1: {message}")), "{got}");
        }
    }

    #[test]
    fn an_audio_track_takes_only_the_keys_of_its_codec() {
        for (right, wrong, message) in [
            (
                "\"aac\"",
                "\"opus\"",
                "tone_hz: opus has fixed packets (a tone of 440 Hz) and takes no such key",
            ),
            (
                "\"aac\", tone_hz = 440",
                "\"opus\"",
                "kbps: opus has fixed packets (a tone of 440 Hz) and takes no such key",
            ),
            (", tone_hz = 440", "", "missing field `tone_hz`, which aac needs"),
            (", kbps = 64", "", "missing field `kbps`, which aac needs"),
        ] {
            let error = error(&ENTRY.replace(right, wrong));
            assert_eq!(error, format!("line 4: audio: {message}"));
        }
    }

    #[test]
    fn a_name_cannot_leave_the_output_directory() {
        for name in ["../a", "a/b", ".a", "", "A", "a b"] {
            let message = error(&ENTRY.replace("\"a\"", &format!("{name:?}")));
            assert!(
                message.starts_with("line 2: name: wanted at most 100 of the characters"),
                "{message}"
            );
        }
    }

    #[test]
    fn a_name_is_used_once() {
        let text = format!("{ENTRY}\n{ENTRY}");
        assert_eq!(error(&text), "line 17: name: another video is named \"a\"");
    }

    #[test]
    fn every_key_changes_the_fingerprint_but_a_comment_does_not() {
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
            ("kbps = 64", "kbps = 65"),
            ("kbps = 64", "kbps = 64, language = \"eng\""),
            ("\nseconds = 1", "\nseconds = 1\nsize = 100000"),
            ("\nseconds = 1", "\nseconds = 1\nsegment_seconds = 1"),
            ("\nseconds = 1", "\nseconds = 1\nepisodes = 2"),
            ("\nseconds = 1", "\nseconds = 1\nepisodes = 2\nsubtitles = [\"eng\"]"),
            ("\nseconds = 1", "\nseconds = 1\ncontainer = \"mkv\""),
            ("\nwidth", "\npattern = \"smptebars\"\nwidth"),
        ] {
            assert!(seen.insert(of(&ENTRY.replace(from, to))), "{to}");
        }
    }

    #[test]
    fn select_returns_entries_in_the_order_of_the_catalog() {
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
        assert_eq!(
            names(&["c"]).unwrap_err().to_string(),
            "no video is named \"c\"; the catalog has a, b"
        );
    }
}
