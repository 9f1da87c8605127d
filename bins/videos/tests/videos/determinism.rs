//! The bytes depend on neither the environment nor the CPU, and every pinned option is needed.

use std::{collections::BTreeMap, path::Path};

use seedbed_testkit::{Tool, require, run, sha256_file};

use crate::workspace::{BINARY, FFMPEG_7, FFMPEG_9, Workspace, entry};

/// A tiny entry of each kind.
pub(crate) fn every_kind() -> String {
    let opus = |text: String| {
        text.replace("\"aac\", tone_hz = 440, kbps = 64", "\"opus\"").replace("h264", "vp9")
    };
    let kinds = [
        entry("segments", "segment_seconds = 1"),
        opus(entry("web", "container = \"webm\"")),
        entry("tracks", "container = \"mkv\"\nsubtitles = [\"eng\", \"deu\"]"),
        entry("season", "episodes = 2\nsubtitles = [\"eng\"]"),
        audio_file("sound"),
    ];
    kinds.concat()
}

fn audio_file(name: &str) -> String {
    let video = entry(name, "container = \"m4a\"");
    let (audio, _) = video.split_once("[video.picture]").unwrap();
    audio.to_owned()
}

/// The hash of each file in a directory except the state, which has modification times.
pub(crate) fn tree(directory: &Path) -> BTreeMap<String, String> {
    let mut tree = BTreeMap::new();
    let mut folders = vec![directory.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if !path.ends_with(".seedbed-videos.toml") {
                let name = path.strip_prefix(directory).unwrap().display().to_string();
                tree.insert(name, sha256_file(&path));
            }
        }
    }
    tree
}

/// A script that runs ffmpeg after a line of bash has changed `$arguments`.
fn changed(ffmpeg: Tool, change: &str) -> String {
    format!(
        "arguments=(\"$@\")\n{change}\nexec {} \"${{arguments[@]}}\"",
        require(ffmpeg).display()
    )
}

/// The output for `catalog` with a script instead of ffmpeg.
fn made_by(catalog: &str, script: &str) -> (Workspace, BTreeMap<String, String>) {
    let workspace = Workspace::with(catalog);
    let ffmpeg = workspace.script(script);
    workspace.succeed("generate", &["--ffmpeg", ffmpeg.to_str().unwrap()]);
    let tree = tree(&workspace.path("out"));
    (workspace, tree)
}

#[test]
fn jobs_directory_locale_and_time_zone_do_not_change_the_bytes() {
    let first = Workspace::with(&every_kind());
    first.succeed("generate", &["--jobs", "1"]);
    let made = tree(&first.path("out"));
    for name in [
        "segments.mp4",
        "web.webm",
        "tracks.mkv",
        "season/season-e02.mp4",
        "season/season-e02.eng.srt",
        "sound.m4a",
        ".hls/segments/ts/seg-00001.ts",
        ".hls/segments/fmp4/init.mp4",
        ".hls/segments/fmp4/seg-00001.m4s",
    ] {
        assert!(made.contains_key(name), "{name} in {made:?}");
    }

    let second = Workspace::with(&every_kind());
    let mut arguments = vec![
        "-C".to_owned(),
        second.0.path().display().to_string(),
        "LC_ALL=de_DE.UTF-8".to_owned(),
        "TZ=Asia/Tokyo".to_owned(),
        BINARY.to_owned(),
    ];
    let relative = "generate --jobs 2 --catalog catalog.toml --out out --lock lock.toml";
    arguments.extend(relative.split(' ').map(str::to_owned));
    assert!(run(Path::new("env"), arguments).status.success());
    assert_eq!(made, tree(&second.path("out")));
    assert_eq!(first.lock(), second.lock());
}

#[test]
fn a_cpu_without_vector_extensions_gives_the_same_bytes() {
    let (_workspace, made) = made_by(&every_kind(), &changed(Tool::FFMPEG, ""));
    // The flag is for the code of ffmpeg, the parameter for x264, and the variable for libvpx.
    let old = "arguments=(\"${arguments[@]/cpu-independent=1/cpu-independent=1:asm=sse4.2}\")
[[ $* == *-cpuflags* ]] || arguments=(-cpuflags sse4.2 \"${arguments[@]}\")
export VPX_SIMD_CAPS_MASK=0x3f";
    let (_workspace, made_without) = made_by(&every_kind(), &changed(Tool::FFMPEG, old));
    assert_eq!(made, made_without);
    let none = "arguments=(\"${arguments[@]/cpu-independent=1/cpu-independent=1:asm=0}\")
[[ $* == *-cpuflags* ]] || arguments=(-cpuflags 0 \"${arguments[@]}\")
export VPX_SIMD_CAPS_MASK=0";
    let (_workspace, made_without) = made_by(&every_kind(), &changed(Tool::FFMPEG, none));
    assert_eq!(made, made_without);
}

/// A picture that is large enough for differences between code paths of x264 to show.
fn larger() -> String {
    entry("one", "")
        .replace("width = 128\nheight = 96\nfps = 10", "width = 320\nheight = 240\nfps = 24")
        .replace("noise_width = 16\nnoise_height = 16", "noise_width = 64\nnoise_height = 64")
}

fn picture_with(change: &str) -> String {
    made_by(&larger(), &changed(Tool::FFMPEG, change)).1.remove("one.mp4").unwrap()
}

#[test]
fn unpinned_threads_change_the_bytes() {
    let with_threads = |threads: u32| {
        picture_with(&format!("arguments=(\"${{arguments[@]/threads=4:/threads={threads}:}}\")"))
    };
    assert_ne!(with_threads(2), with_threads(6));
}

#[test]
#[cfg(target_arch = "x86_64")]
fn without_cpu_independent_x264_depends_on_the_cpu() {
    let with_asm = |asm: &str| {
        picture_with(&format!("arguments=(\"${{arguments[@]/cpu-independent=1/{asm}}}\")"))
    };
    assert_ne!(with_asm("asm=0"), with_asm("asm=sse4.2"));
}

#[test]
#[cfg(target_arch = "x86_64")]
fn without_bitexact_the_scaler_depends_on_the_cpu() {
    if !std::arch::is_x86_feature_detected!("avx2") {
        return;
    }
    let with_flags = |flags: &str| {
        picture_with(&format!(
            "arguments=(\"${{arguments[@]/scale=flags=bitexact+accurate_rnd,/}}\")
[[ $* == *-filter_complex* ]] && arguments=({flags} \"${{arguments[@]}}\")"
        ))
    };
    assert_ne!(with_flags(""), with_flags("-cpuflags 0"));
}

#[test]
#[cfg(target_arch = "x86_64")]
fn without_cpuflags_the_aac_encoder_depends_on_the_cpu_since_ffmpeg_6() {
    if !std::arch::is_x86_feature_detected!("avx2") {
        return;
    }
    let catalog = audio_file("sound").replace("kbps = 64", "kbps = 128");
    let catalog = catalog.replace("seconds = 2", "seconds = 10");
    let on_any = "[[ $1 == -cpuflags ]] && arguments=(\"${@:3}\")";
    for (ffmpeg, shows) in [(Tool::FFMPEG, false), (FFMPEG_7, true), (FFMPEG_9, true)] {
        let (_workspace, pinned) = made_by(&catalog, &changed(ffmpeg, ""));
        let (_workspace, unpinned) = made_by(&catalog, &changed(ffmpeg, on_any));
        assert_eq!(pinned != unpinned, shows, "{ffmpeg:?}");
    }
}

#[test]
fn without_bitexact_the_muxer_writes_its_version() {
    let _installed = require(Tool::FFMPEG);
    let inexact = picture_with("arguments=(\"${arguments[@]/+bitexact/-bitexact}\")");
    assert_ne!(inexact, picture_with(""));
}
