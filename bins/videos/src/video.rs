//! One entry of the catalog: a video, an audio file, or a folder of episodes.

use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{
    opus,
    values::{Language, Name, Side, Whole},
};

/// Number of the recipe. It goes up with every change that changes the bytes of a video.
const RECIPE: u32 = 1;

/// How far the noise patch stands from the picture's edges, in pixels.
pub const PATCH_MARGIN: u32 = 32;

/// How many tracks of a kind a file may have: Matroska's numbers of one byte go to 126.
const MOST_TRACKS: usize = 50;

/// An entry of the catalog.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Video {
    /// File name without its extension, or the folder's name.
    pub name: Name,
    /// The kind of file.
    #[serde(default)]
    pub container: Container,
    /// Duration.
    pub seconds: Whole<1, 3600>,
    /// The picture; an audio file has none.
    pub picture: Option<Picture>,
    /// The audio tracks.
    #[serde(default)]
    pub audio: Vec<Audio>,
    /// Languages of the subtitles: tracks of an mkv, files beside any other.
    #[serde(default)]
    pub subtitles: Vec<Language>,
    /// How many files there are in the folder that this makes of it.
    pub episodes: Option<Whole<1, 99>>,
    /// Length of the HLS segments; without it there are none.
    pub segment_seconds: Option<Whole<1, 60>>,
    /// Exact length of the file in bytes.
    pub size: Option<Whole<1, { u32::MAX }>>,
}

/// The picture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Picture {
    /// The codec.
    pub codec: PictureCodec,
    /// What it shows.
    #[serde(default)]
    pub pattern: Pattern,
    /// Width.
    pub width: Side,
    /// Height.
    pub height: Side,
    /// Frames per second.
    pub fps: Whole<1, 240>,
    /// Distance of the keyframes.
    pub keyframe_seconds: Whole<1, 30>,
    /// Preset of x264.
    #[serde(default)]
    pub preset: Preset,
    /// Fixed quantiser. 0 would be lossless, which is another profile.
    pub qp: Whole<1, 51>,
    /// Width of the noise patch.
    pub noise_width: Side,
    /// Height of the noise patch.
    pub noise_height: Side,
}

/// An audio track.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "AudioKeys", tag = "codec", rename_all = "lowercase")]
pub enum Audio {
    /// AAC, encoded from a tone in a little noise.
    Aac {
        /// Frequency of the tone.
        tone_hz: Whole<20, 20_000>,
        /// Bit rate.
        kbps: Whole<16, 320>,
        /// The language that the track claims to be in.
        language: Option<Language>,
    },
    /// Opus, whose packets are fixed: libopus encodes differently from one CPU to the next.
    Opus {
        /// The language that the track claims to be in.
        language: Option<Language>,
    },
}

/// The keys of an audio track as the catalog has them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AudioKeys {
    codec: AudioCodec,
    tone_hz: Option<Whole<20, 20_000>>,
    kbps: Option<Whole<16, 320>>,
    language: Option<Language>,
}

impl TryFrom<AudioKeys> for Audio {
    type Error = String;

    fn try_from(keys: AudioKeys) -> Result<Self, String> {
        let AudioKeys { codec, tone_hz, kbps, language } = keys;
        let missing = |key: &str| format!("missing field `{key}`, which aac needs");
        let fixed = |key: &str| {
            let hz = opus::TONE_HZ;
            Err(format!("{key}: opus takes none, its packets are fixed (a tone of {hz} Hz)"))
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
    pub const fn codec(&self) -> AudioCodec {
        match self {
            Self::Aac { .. } => AudioCodec::Aac,
            Self::Opus { .. } => AudioCodec::Opus,
        }
    }

    /// The language that the track claims to be in.
    #[must_use]
    pub const fn language(&self) -> Option<&Language> {
        match self {
            Self::Aac { language, .. } | Self::Opus { language } => language.as_ref(),
        }
    }
}

/// The kind of file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the extensions")]
pub enum Container {
    #[default]
    Mp4,
    M4a,
    Webm,
    Mkv,
}

/// A codec of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the codecs' names")]
pub enum PictureCodec {
    H264,
    Vp9,
}

/// A codec of an audio track.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the codecs' names")]
pub enum AudioCodec {
    Aac,
    Opus,
}

/// The sources of ffmpeg that did not change since 2017.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "ffmpeg's names")]
pub enum Pattern {
    #[default]
    Testsrc,
    Smptebars,
    Smptehdbars,
}

/// The presets of x264 that gave the same bytes on every build compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "x264's names")]
pub enum Preset {
    Superfast,
    #[default]
    Veryfast,
}

/// One media file of an entry.
#[derive(Clone, Copy, Debug)]
pub struct Media<'a> {
    /// The entry.
    pub video: &'a Video,
    /// Counted from 1 in a folder; a file of its own is 0.
    pub episode: u32,
}

/// A name of ffmpeg or of this catalog, as it is written.
macro_rules! written {
    ($type:ty: $($variant:ident $text:literal),+) => {
        impl $type {
            /// As it is written.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }
    };
}
written!(Container: Mp4 "mp4", M4a "m4a", Webm "webm", Mkv "mkv");
written!(PictureCodec: H264 "h264", Vp9 "vp9");
written!(AudioCodec: Aac "aac", Opus "opus");
written!(Pattern: Testsrc "testsrc", Smptebars "smptebars", Smptehdbars "smptehdbars");
written!(Preset: Superfast "superfast", Veryfast "veryfast");

impl Container {
    /// Whether it is made of boxes (ISO/IEC 14496-12) and not of EBML elements.
    #[must_use]
    pub const fn is_mp4(self) -> bool {
        matches!(self, Self::Mp4 | Self::M4a)
    }
}

impl Picture {
    /// How many frames there are from one keyframe to the next.
    #[must_use]
    pub const fn keyframe_interval(&self) -> u32 {
        self.fps.get() * self.keyframe_seconds.get()
    }
}

impl Video {
    /// The file or folder in the output directory.
    #[must_use]
    pub fn root(&self) -> String {
        match self.episodes {
            Some(_) => self.name.to_string(),
            None => format!("{}.{}", self.name, self.container.as_str()),
        }
    }

    /// The folder of the HLS segments in the output directory: nothing seeds it, for its dot.
    #[must_use]
    pub fn hls_root(&self) -> String {
        format!(".hls/{}", self.name)
    }

    /// Its media files.
    pub fn media(&self) -> impl Iterator<Item = Media<'_>> {
        let episodes = match self.episodes {
            Some(last) => 1..=last.get(),
            None => 0..=0,
        };
        episodes.map(|episode| Media { video: self, episode })
    }

    /// How many frames each of its files has.
    #[must_use]
    pub fn frames(&self) -> u32 {
        self.picture.as_ref().map_or(0, |picture| picture.fps.get() * self.seconds.get())
    }

    /// A hash of all that decides about its bytes, but for the encoder: this entry and the recipe.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let entry = serde_json::to_string(self).expect("an entry is plain data");
        hex::encode(Sha256::digest(format!("seedbed-videos recipe {RECIPE}\n{entry}")))
    }

    /// What the types of the fields cannot say: the key at fault, and what is wrong with it.
    pub(crate) fn check(&self) -> Result<(), String> {
        let container = self.container.as_str();
        if self.picture.is_some() == (self.container == Container::M4a) {
            return Err("picture: wanted one in every container but m4a, and none there".to_owned());
        }
        if self.container == Container::M4a && self.audio.len() != 1 {
            return Err(format!("audio: wanted one track in an m4a, got {}", self.audio.len()));
        }
        for (key, tracks) in [("audio", self.audio.len()), ("subtitles", self.subtitles.len())] {
            if tracks > MOST_TRACKS {
                return Err(format!("{key}: wanted at most {MOST_TRACKS}, got {tracks}"));
            }
        }
        if let Some(picture) = &self.picture {
            picture.check(self.container)?;
        }
        for audio in &self.audio {
            let codec = audio.codec();
            if !self.container.takes(codec == AudioCodec::Aac) {
                return Err(format!(
                    "audio: wanted another codec in {container}, got {}",
                    codec.as_str()
                ));
            }
        }
        if !self.subtitles.is_empty() && self.container != Container::Mkv && self.episodes.is_none()
        {
            return Err("subtitles: wanted an mkv to put them in, or episodes to put files beside"
                .to_owned());
        }
        if self.size.is_some() && (!self.container.is_mp4() || self.episodes.is_some()) {
            return Err("size: wanted a single mp4 or m4a, which takes a free box".to_owned());
        }
        self.check_segments()
    }

    fn check_segments(&self) -> Result<(), String> {
        let Some(segment) = self.segment_seconds else { return Ok(()) };
        let Some(picture) = self.picture.as_ref().filter(|_| self.container == Container::Mp4)
        else {
            return Err("segment_seconds: wanted an mp4".to_owned());
        };
        if self.episodes.is_some() {
            return Err("segment_seconds: wanted an entry without episodes".to_owned());
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
    /// Whether a codec may be in it, given whether it is one of MPEG's.
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
            return Err(format!("codec: wanted another one in {container}, got {codec}"));
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

impl Media<'_> {
    /// Its path in the output directory.
    #[must_use]
    pub fn path(&self) -> String {
        let Video { name, container, .. } = self.video;
        match self.episode {
            0 => self.video.root(),
            episode => format!("{name}/{name}-e{episode:02}.{}", container.as_str()),
        }
    }

    /// The paths of the subtitle files beside it, with their languages.
    pub fn subtitle_files(&self) -> impl Iterator<Item = (String, &Language)> {
        let beside = self.video.container != Container::Mkv;
        let path = self.path();
        self.video.subtitles.iter().filter(move |_| beside).map(move |language| {
            let subtitles = Path::new(&path).with_extension(format!("{}.srt", language.as_str()));
            (subtitles.display().to_string(), language)
        })
    }

    /// The seed of the noise patch: episodes differ.
    #[must_use]
    pub fn noise_seed(&self) -> u32 {
        7 + self.episode
    }

    /// The tone of a track of which the catalog has `tone_hz`: episodes differ.
    #[must_use]
    pub fn tone_hz(&self, tone_hz: Whole<20, 20_000>) -> u32 {
        tone_hz.get() + 20 * self.episode
    }
}
