//! One entry of the catalog: a video, an audio file, or a folder of episodes.

use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::values::{Bounded, Language, Name, PixelCount};

/// Number of the recipe. Increase it with every change to the code that changes the bytes of a video.
const RECIPE: u32 = 1;

/// Distance of the noise patch from the edges of the picture, in pixels.
pub(crate) const PATCH_MARGIN: u32 = 32;

/// Frequency of the tone in the fixed packets of Opus.
const OPUS_TONE_HZ: u32 = 440;

/// Limit on the tracks of one type: a track number of one byte in Matroska is at most 126.
const MAX_TRACKS: usize = 50;

/// An entry of the catalog.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Video {
    /// File name without its extension, or the folder's name.
    pub(crate) name: Name,
    /// The type of file.
    #[serde(default)]
    pub(crate) container: Container,
    /// Duration.
    pub(crate) seconds: Bounded<1, 3600>,
    /// The picture; an m4a has none.
    pub(crate) picture: Option<Picture>,
    /// The audio tracks.
    #[serde(default)]
    pub(crate) audio: Vec<Audio>,
    /// Languages of the subtitles, which are tracks of an mkv, or files beside an episode.
    #[serde(default)]
    pub(crate) subtitles: Vec<Language>,
    /// Number of files in the folder. An entry without it is a single file.
    pub(crate) episodes: Option<Bounded<1, 99>>,
    /// Duration of the HLS segments. An entry without it has none.
    pub(crate) segment_seconds: Option<Bounded<1, 60>>,
    /// Exact length of the file in bytes.
    pub(crate) size: Option<Bounded<1, { u32::MAX }>>,
}

/// The picture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Picture {
    /// The codec.
    pub(crate) codec: PictureCodec,
    /// The test pattern.
    #[serde(default)]
    pub(crate) pattern: Pattern,
    /// Width.
    pub(crate) width: PixelCount,
    /// Height.
    pub(crate) height: PixelCount,
    /// Frames per second.
    pub(crate) fps: Bounded<1, 240>,
    /// Time from one keyframe to the next.
    pub(crate) keyframe_seconds: Bounded<1, 30>,
    /// Preset of x264.
    #[serde(default)]
    pub(crate) preset: Preset,
    /// Fixed quantiser. 0 would be lossless, which High profile does not allow.
    pub(crate) qp: Bounded<1, 51>,
    /// Width of the noise patch.
    pub(crate) noise_width: PixelCount,
    /// Height of the noise patch.
    pub(crate) noise_height: PixelCount,
}

/// An audio track.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "AudioKeys", tag = "codec", rename_all = "lowercase")]
pub(crate) enum Audio {
    /// AAC, encoded from a tone with a little noise.
    Aac {
        /// Frequency of the tone.
        tone_hz: Bounded<20, 20_000>,
        /// Bit rate.
        kbps: Bounded<16, 320>,
        /// The language that the track claims to be in.
        language: Option<Language>,
    },
    /// Opus, whose packets are fixed because the output of libopus depends on the CPU.
    Opus {
        /// The language that the track claims to be in.
        language: Option<Language>,
    },
}

/// The keys of an audio track, before they are checked against the codec.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AudioKeys {
    codec: AudioCodec,
    tone_hz: Option<Bounded<20, 20_000>>,
    kbps: Option<Bounded<16, 320>>,
    language: Option<Language>,
}

impl TryFrom<AudioKeys> for Audio {
    type Error = String;

    fn try_from(keys: AudioKeys) -> Result<Self, String> {
        let AudioKeys { codec, tone_hz, kbps, language } = keys;
        let missing = |key: &str| format!("missing field `{key}`, which aac needs");
        let fixed = |key: &str| {
            let tone = format!("a tone of {OPUS_TONE_HZ} Hz");
            Err(format!("{key}: opus has fixed packets ({tone}) and takes no such key"))
        };
        match codec {
            AudioCodec::Aac => Ok(Self::Aac {
                tone_hz: tone_hz.ok_or_else(|| missing("tone_hz"))?,
                kbps: kbps.ok_or_else(|| missing("kbps"))?,
                language,
            }),
            AudioCodec::Opus if tone_hz.is_some() => fixed("tone_hz"),
            AudioCodec::Opus if kbps.is_some() => fixed("kbps"),
            AudioCodec::Opus => Ok(Self::Opus { language }),
        }
    }
}

impl Audio {
    /// The codec.
    #[must_use]
    pub(crate) const fn codec(&self) -> AudioCodec {
        match self {
            Self::Aac { .. } => AudioCodec::Aac,
            Self::Opus { .. } => AudioCodec::Opus,
        }
    }

    /// The language that the track claims to be in.
    #[must_use]
    pub(crate) const fn language(&self) -> Option<&Language> {
        match self {
            Self::Aac { language, .. } | Self::Opus { language } => language.as_ref(),
        }
    }
}

/// The type of a media file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Container {
    #[default]
    Mp4,
    M4a,
    Webm,
    Mkv,
}

/// A codec of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum PictureCodec {
    H264,
    Vp9,
}

/// A codec of an audio track.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum AudioCodec {
    Aac,
    Opus,
}

/// Sources of ffmpeg whose output has not changed since 2017.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Pattern {
    #[default]
    Testsrc,
    Smptebars,
    Smptehdbars,
}

/// Presets of x264 whose output was the same from every build compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Preset {
    Superfast,
    #[default]
    Veryfast,
}

/// One media file of an entry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MediaFile<'a> {
    /// The entry.
    pub(crate) video: &'a Video,
    /// Number of the episode from 1 on, or 0 for a single file.
    pub(crate) episode: u32,
}

/// Adds the name that the catalog and ffmpeg have for each variant.
macro_rules! named {
    ($type:ty: $($variant:ident $text:literal),+) => {
        impl $type {
            /// The name in the catalog.
            #[must_use]
            pub(crate) const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }
    };
}
named!(Container: Mp4 "mp4", M4a "m4a", Webm "webm", Mkv "mkv");
named!(PictureCodec: H264 "h264", Vp9 "vp9");
named!(AudioCodec: Aac "aac", Opus "opus");
named!(Pattern: Testsrc "testsrc", Smptebars "smptebars", Smptehdbars "smptehdbars");
named!(Preset: Superfast "superfast", Veryfast "veryfast");

impl Container {
    /// Whether a file consists of boxes (ISO/IEC 14496-12) rather than EBML elements.
    #[must_use]
    pub(crate) const fn is_mp4(self) -> bool {
        matches!(self, Self::Mp4 | Self::M4a)
    }
}

impl Picture {
    /// Number of frames from one keyframe to the next.
    #[must_use]
    pub(crate) const fn keyframe_interval(&self) -> u32 {
        self.fps.get() * self.keyframe_seconds.get()
    }
}

impl Video {
    /// Path of the file or folder in the output directory.
    #[must_use]
    pub(crate) fn root(&self) -> String {
        match self.episodes {
            Some(_) => self.name.to_string(),
            None => format!("{}.{}", self.name, self.container.as_str()),
        }
    }

    /// Path of the HLS segments in the output directory. The seeder skips names that begin with a dot.
    #[must_use]
    pub(crate) fn hls_root(&self) -> String {
        format!(".hls/{}", self.name)
    }

    /// The media files of this entry: one, or one for each episode.
    pub(crate) fn media(&self) -> impl Iterator<Item = MediaFile<'_>> {
        let episodes = match self.episodes {
            Some(last) => 1..=last.get(),
            None => 0..=0,
        };
        episodes.map(|episode| MediaFile { video: self, episode })
    }

    /// Number of frames of each media file.
    #[must_use]
    pub(crate) fn frames(&self) -> u32 {
        self.picture.as_ref().map_or(0, |picture| picture.fps.get() * self.seconds.get())
    }

    /// Hash of everything but the encoder that determines the bytes: this entry and the recipe.
    #[must_use]
    pub(crate) fn fingerprint(&self) -> String {
        let entry = serde_json::to_string(self).expect("an entry is plain data");
        hex::encode(Sha256::digest(format!("seedbed-videos recipe {RECIPE}\n{entry}")))
    }

    /// Checks the rules that concern several keys. An error names the key at fault.
    pub(crate) fn check(&self) -> Result<(), String> {
        let container = self.container.as_str();
        if self.picture.is_some() == (self.container == Container::M4a) {
            return Err(
                "picture: wanted a picture in every container but m4a, and none in m4a".to_owned()
            );
        }
        if self.container == Container::M4a && self.audio.len() != 1 {
            return Err(format!("audio: wanted one track in m4a, got {}", self.audio.len()));
        }
        for (key, tracks) in [("audio", self.audio.len()), ("subtitles", self.subtitles.len())] {
            if tracks > MAX_TRACKS {
                return Err(format!("{key}: wanted at most {MAX_TRACKS}, got {tracks}"));
            }
        }
        if let Some(picture) = &self.picture {
            picture.check(self.container)?;
        }
        for audio in &self.audio {
            let codec = audio.codec();
            if !self.container.takes(codec == AudioCodec::Aac) {
                return Err(format!(
                    "audio: wanted a codec that {container} takes, got {}",
                    codec.as_str()
                ));
            }
        }
        if !self.subtitles.is_empty() && self.container != Container::Mkv && self.episodes.is_none()
        {
            return Err("subtitles: wanted container mkv or episodes".to_owned());
        }
        if self.size.is_some() && (!self.container.is_mp4() || self.episodes.is_some()) {
            return Err("size: wanted container mp4 or m4a, and no episodes".to_owned());
        }
        self.check_segments()
    }

    fn check_segments(&self) -> Result<(), String> {
        let Some(segment) = self.segment_seconds else { return Ok(()) };
        let Some(picture) = self.picture.as_ref().filter(|_| self.container == Container::Mp4)
        else {
            return Err("segment_seconds: wanted container mp4".to_owned());
        };
        if self.episodes.is_some() {
            return Err("segment_seconds: wanted no episodes".to_owned());
        }
        let keyframes = picture.keyframe_seconds.get();
        if segment.get() % keyframes != 0 {
            return Err(format!(
                "segment_seconds: wanted a multiple of keyframe_seconds, which is {keyframes}, got {}",
                segment.get()
            ));
        }
        Ok(())
    }
}

impl Container {
    /// Whether it takes a codec that is one of MPEG's, or one that is not.
    const fn takes(self, mpeg: bool) -> bool {
        match self {
            Self::Mp4 | Self::M4a => mpeg,
            Self::Webm => !mpeg,
            Self::Mkv => true,
        }
    }
}

impl Picture {
    fn check(&self, container: Container) -> Result<(), String> {
        if !container.takes(self.codec == PictureCodec::H264) {
            let (codec, container) = (self.codec.as_str(), container.as_str());
            return Err(format!("codec: wanted a codec that {container} takes, got {codec}"));
        }
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

impl MediaFile<'_> {
    /// Path in the output directory.
    #[must_use]
    pub(crate) fn path(&self) -> String {
        let Video { name, container, .. } = self.video;
        match self.episode {
            0 => self.video.root(),
            episode => format!("{name}/{name}-e{episode:02}.{}", container.as_str()),
        }
    }

    /// Paths of the subtitle files beside this file, with their languages.
    pub(crate) fn subtitle_files(&self) -> impl Iterator<Item = (String, &Language)> {
        let beside = self.video.container != Container::Mkv;
        let path = self.path();
        self.video.subtitles.iter().filter(move |_| beside).map(move |language| {
            let subtitles = Path::new(&path).with_extension(format!("{}.srt", language.as_str()));
            (subtitles.display().to_string(), language)
        })
    }

    /// Seed of the noise patch. Episodes have different ones.
    #[must_use]
    pub(crate) fn noise_seed(&self) -> u32 {
        7 + self.episode
    }

    /// Frequency of the tone of a track, given its key `tone_hz`. Episodes have different ones.
    #[must_use]
    pub(crate) fn tone_hz(&self, tone_hz: Bounded<20, 20_000>) -> u32 {
        tone_hz.get() + 20 * self.episode
    }
}
