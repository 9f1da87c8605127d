//! The recipe: the arguments of ffmpeg, which pin everything that could vary.
//!
//! Audio is encoded without SIMD (`-cpuflags 0`), because the AAC encoder computes with floats and
//! its output depends on the CPU. The output of the video encoders does not, and they take twice as
//! long without SIMD.

use super::tone;
use crate::catalog::{Audio, MediaFile, PATCH_MARGIN, Picture, PictureCodec, Video};

/// Parameters of x264. The number of threads changes the output, and defaults to the cores.
const X264: &str = "threads=4:lookahead-threads=1:sliced-threads=0:cpu-independent=1:\
                    colorprim=smpte170m:transfer=smpte170m:colormatrix=smpte170m";

/// Removes the SEI, which holds the build of x264.
const NO_SEI: &str = "filter_units=remove_types=6";

/// Turns off the tools of the AAC encoder whose decisions compare floats.
const AAC: &str = "-c:a aac -aac_coder fast -aac_pns 0 -aac_tns 0 -aac_is 0 -aac_ms 0";

/// Of the speeds tried, the only one whose output was the same from all builds compared. The number
/// of threads defaults to the cores.
const VP9: &str = "-deadline realtime -cpu-used 5 -threads 1 -row-mt 0 -lag-in-frames 0 \
                   -auto-alt-ref 0";

/// Keeps versions, times and names out of a file.
const BITEXACT: &str = "-fflags +bitexact -map_metadata -1 -map_chapters -1";

/// The file of an audio track's samples.
pub(crate) const PCM_FILE: &str = "tone.s16";

/// The file of the picture's packets.
pub(crate) const PICTURE_FILE: &str = "picture.mp4";

/// The file of an audio track's packets.
pub(crate) fn audio_file(index: usize) -> String {
    format!("sound-{index}.mp4")
}

/// A command line.
#[derive(Default)]
struct Arguments(Vec<String>);

impl Arguments {
    /// Adds arguments, separated by spaces.
    fn words(&mut self, words: &str) -> &mut Self {
        self.0.extend(words.split(' ').map(str::to_owned));
        self
    }

    fn pair(&mut self, flag: &str, value: impl AsRef<str>) -> &mut Self {
        self.0.extend([flag.to_owned(), value.as_ref().to_owned()]);
        self
    }

    fn append(&mut self, more: Self) -> &mut Self {
        self.0.extend(more.0);
        self
    }
}

/// Encodes one frame with the settings of x264, and prints the stream.
pub(crate) fn settings_check() -> Vec<String> {
    let mut arguments = Arguments::default();
    arguments.words("-nostdin -v warning -f lavfi -i testsrc=duration=1:size=64x64:rate=1");
    arguments.words("-c:v libx264 -pix_fmt yuv420p -qp 28").pair("-x264-params", X264);
    arguments.words("-f h264 pipe:1");
    arguments.0
}

/// Encodes the picture alone.
pub(crate) fn picture(media: &MediaFile<'_>, picture: &Picture) -> Vec<String> {
    let (fps, seconds) = (picture.fps.get(), media.video.seconds.get());
    let mut arguments = Arguments::default();
    arguments.words("-nostdin -y -v warning -progress pipe:1 -nostats -stats_period 0.5");
    let (pattern, width, height) =
        (picture.pattern.as_str(), picture.width.get(), picture.height.get());
    arguments
        .words("-f lavfi")
        .pair("-i", format!("{pattern}=duration={seconds}:size={width}x{height}:rate={fps}"));
    let (width, height) = (picture.noise_width.get(), picture.noise_height.get());
    arguments.words("-f lavfi").pair(
        "-i",
        format!(
            "color=c=gray:s={width}x{height}:r={fps}:d={seconds},format=yuv420p,\
             noise=c0s=60:c0f=t:all_seed={}",
            media.noise_seed()
        ),
    );
    arguments.pair(
        "-filter_complex",
        format!(
            "[0:v]scale=flags=bitexact+accurate_rnd,format=yuv420p[picture];\
             [picture][1:v]overlay=x=W-w-{PATCH_MARGIN}:y=H-h-{PATCH_MARGIN}\
             :format=yuv420:shortest=1,format=yuv420p[out]"
        ),
    );
    arguments.words("-map [out]").append(picture_encoder(picture));
    arguments.words("-flags:v +bitexact").words(BITEXACT);
    movie(&mut arguments, media.video);
    arguments.words(PICTURE_FILE);
    arguments.0
}

/// The encoder of a picture and its settings. The quantiser is fixed, because versions differ in how
/// they control a bit rate.
fn picture_encoder(picture: &Picture) -> Arguments {
    let (qp, interval) = (picture.qp.get().to_string(), picture.keyframe_interval().to_string());
    let mut arguments = Arguments::default();
    match picture.codec {
        PictureCodec::H264 => {
            arguments.words("-c:v libx264 -profile:v high");
            arguments.pair("-preset", picture.preset.as_str()).pair("-qp", qp);
            arguments.pair("-g", &interval).pair("-keyint_min", &interval);
            arguments.words("-sc_threshold 0").pair("-x264-params", X264).pair("-bsf:v", NO_SEI);
        }
        PictureCodec::Vp9 => {
            arguments.words("-c:v libvpx-vp9").words(VP9).words("-b:v 0");
            arguments.pair("-crf", &qp).pair("-qmin", &qp).pair("-qmax", &qp);
            arguments.pair("-g", &interval).pair("-keyint_min", &interval);
        }
    }
    arguments
}

/// Encodes one audio track alone, at `kbps`.
pub(crate) fn audio(kbps: u32, index: usize) -> Vec<String> {
    let mut arguments = Arguments::default();
    arguments.words("-cpuflags 0 -nostdin -y -v warning");
    arguments.words("-f s16le").pair("-ar", tone::RATE.to_string());
    arguments.pair("-ac", tone::CHANNELS.to_string()).pair("-i", PCM_FILE);
    arguments.append(audio_encoder(kbps));
    arguments.words("-flags:a +bitexact").words(BITEXACT);
    arguments.words("-write_btrt 0 -movie_timescale 1000").words(&audio_file(index));
    arguments.0
}

/// The encoder of an audio track and its settings.
fn audio_encoder(kbps: u32) -> Arguments {
    let mut arguments = Arguments::default();
    arguments.words(AAC).pair("-b:a", format!("{kbps}k"));
    arguments
}

/// Copies the packets of all tracks into one MP4 file.
pub(crate) fn remux(video: &Video, output: &str) -> Vec<String> {
    let mut arguments = Arguments::default();
    arguments.words("-nostdin -y -v warning");
    let pictures = usize::from(video.picture.is_some());
    if video.picture.is_some() {
        arguments.pair("-i", PICTURE_FILE);
    }
    for index in 0..video.audio.len() {
        arguments.pair("-i", audio_file(index));
    }
    if video.picture.is_some() {
        arguments.words("-map 0:v");
    }
    for index in 0..video.audio.len() {
        arguments.pair("-map", format!("{}:a", index + pictures));
    }
    arguments.words("-c copy").words(BITEXACT);
    for (index, audio) in video.audio.iter().enumerate() {
        if let Some(language) = audio.language() {
            let (flag, value) =
                (format!("-metadata:s:a:{index}"), format!("language={}", language.as_str()));
            arguments.pair(&flag, value);
        }
    }
    // ffmpeg 6.0 keeps a stream's metadata in spite of `-map_metadata -1`.
    if video.picture.is_some() {
        arguments.words("-metadata:s:v encoder=");
    }
    movie(&mut arguments, video);
    arguments.words("-movflags +faststart -f mp4").words(output);
    arguments.0
}

/// Cuts the MP4 file `input` into segments of a transport stream.
pub(crate) fn transport_stream(video: &Video, input: &str) -> Vec<String> {
    let seconds = video.segment_seconds.map_or(0, |seconds| seconds.get());
    let mut arguments = Arguments::default();
    arguments.words("-nostdin -y -v warning").pair("-i", input).words("-c copy").words(BITEXACT);
    // Without a language, some builds write `und` and others nothing.
    arguments.words("-metadata:s:a language=zxx");
    arguments.words("-metadata service_provider=seedbed -metadata service_name=seedbed");
    arguments.words("-f hls -hls_playlist_type vod").pair("-hls_time", seconds.to_string());
    arguments.words("-hls_segment_filename ts/seg-%05d.ts ts.m3u8");
    arguments.0
}

/// Copies the MP4 file `input` with a fragment for each keyframe. The segments of fragmented MP4 that
/// ffmpeg itself cuts differ between versions.
pub(crate) fn fragmented(video: &Video, input: &str) -> Vec<String> {
    let mut arguments = Arguments::default();
    arguments.words("-nostdin -y -v warning").pair("-i", input).words("-c copy").words(BITEXACT);
    movie(&mut arguments, video);
    arguments.words("-movflags +frag_keyframe+empty_moov+default_base_moof fragmented.mp4");
    arguments.0
}

/// Sets the options of the MP4 muxer whose defaults differ between versions.
fn movie(arguments: &mut Arguments, video: &Video) {
    arguments.words("-write_btrt 0 -movie_timescale 1000");
    if let Some(picture) = &video.picture {
        arguments.pair("-video_track_timescale", (picture.fps.get() * 1000).to_string());
    }
}

/// The encoders of a video and their settings, as the lock file records them.
pub(crate) fn flags(video: &Video) -> String {
    let picture = video.picture.iter().map(picture_encoder);
    let encoded = video.audio.iter().filter_map(|audio| match audio {
        Audio::Aac { kbps, .. } => Some(audio_encoder(kbps.get())),
        Audio::Opus { .. } => None,
    });
    let codecs = picture.chain(encoded);
    codecs.map(|codec| codec.0.join(" ")).collect::<Vec<_>>().join("; ")
}
