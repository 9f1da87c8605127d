//! Folders, audio files, Matroska and WebM, and `clean`.

use std::{collections::BTreeSet, fs, path::Path};

use seedbed_testkit::{run, sha256_file};
use serde_json::Value;

use crate::{
    determinism::{every_kind, tree},
    workspace::Workspace,
};

fn streams(path: &Path) -> Value {
    let arguments = ["-v", "error", "-of", "json", "-show_streams", "-show_format"];
    let path = path.display().to_string();
    let finished = run(Path::new("ffprobe"), arguments.into_iter().chain([path.as_str()]));
    assert!(finished.status.success() && finished.stderr.is_empty(), "{finished:?}");
    serde_json::from_str(&finished.stdout).unwrap()
}

#[test]
fn every_kind_of_entry_has_its_streams_and_verifies() {
    let workspace = Workspace::with(&every_kind());
    workspace.succeed("generate", &[]);
    let ok = workspace.succeed("verify", &[]);
    assert_eq!(ok.lines().filter(|line| line.starts_with("ok ")).count(), 5, "{ok}");
    assert_eq!(workspace.succeed("generate", &[]), "5 of 5 videos are up to date\n");

    let tracks = streams(&workspace.path("out/tracks.mkv"));
    let kinds = tracks["streams"].as_array().unwrap().iter().map(|s| s["codec_name"].clone());
    assert_eq!(kinds.collect::<Vec<_>>(), ["h264", "aac", "subrip", "subrip"]);
    assert_eq!(tracks["streams"][3]["tags"]["language"], "deu");
    assert_eq!(tracks["format"]["duration"], "2.000000");

    let web = streams(&workspace.path("out/web.webm"));
    assert_eq!(web["streams"][0]["codec_name"], "vp9");
    assert_eq!(web["streams"][1]["codec_name"], "opus");

    let sound = streams(&workspace.path("out/sound.m4a"));
    assert_eq!(sound["streams"].as_array().unwrap().len(), 1);

    // Episodes differ, so that a test notices if a client mixes them up.
    let season = tree(&workspace.path("out/season"));
    assert_eq!(season.len(), 4, "{season:?}");
    let pictures = season.iter().filter(|(name, _)| name.ends_with(".mp4"));
    assert_eq!(pictures.map(|(_, hash)| hash).collect::<BTreeSet<_>>().len(), 2);
    let subtitles = fs::read_to_string(workspace.path("out/season/season-e01.eng.srt")).unwrap();
    assert!(subtitles.starts_with("1\n00:00:00,000 --> 00:00:01,000\neng 0\n"), "{subtitles}");
}

#[test]
fn the_opus_track_is_a_tone_from_its_first_sample_on() {
    let workspace = Workspace::with(&every_kind());
    workspace.succeed("generate", &["web"]);
    let (file, pcm) = (workspace.path("out/web.webm"), workspace.path("pcm").display().to_string());
    let file = file.display().to_string();
    let arguments = ["-v", "warning", "-i", &file, "-map", "0:a", "-f", "s16le", &pcm];
    let finished = run(Path::new("ffmpeg"), arguments);
    assert!(finished.status.success() && finished.stderr.is_empty(), "{finished:?}");
    let pcm = fs::read(&pcm).unwrap();
    // Two seconds of stereo, less the 120 samples of the pre-skip.
    assert_eq!(pcm.len(), (2 * 48_000 - 120) * 4);
    // 1200 samples are eleven periods.
    for (index, block) in pcm.chunks_exact(1200 * 4).enumerate() {
        let (mut sine, mut cosine, mut power) = (0.0, 0.0, 0.0);
        for (index, frame) in block.chunks_exact(4).enumerate() {
            let sample = f64::from(i16::from_le_bytes([frame[0], frame[1]]));
            let phase = std::f64::consts::TAU * 440.0 * index as f64 / 48_000.0;
            sine += sample * phase.sin() / 600.0;
            cosine += sample * phase.cos() / 600.0;
            power += sample * sample / 600.0;
        }
        let tone = sine * sine + cosine * cosine;
        assert!((7000.0..9000.0).contains(&tone.sqrt()), "amplitude {} of {index}", tone.sqrt());
        assert!(tone > 0.995 * power, "block {index}: {tone} of {power}");
    }
}

#[test]
fn players_can_seek_in_matroska() {
    let workspace = Workspace::with(&every_kind());
    workspace.succeed("generate", &["tracks", "web"]);
    for name in ["tracks.mkv", "web.webm"] {
        let path = workspace.path("out").join(name).display().to_string();
        let arguments =
            ["-v", "error", "-ss", "1.5", "-i", &path, "-map", "0:v", "-f", "framemd5", "-"];
        let finished = run(Path::new("ffmpeg"), arguments);
        assert!(finished.stderr.is_empty(), "{finished:?}");
        let frames = finished.stdout.lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(frames, 5, "{name}: {}", finished.stdout);
    }
}

#[test]
fn a_folder_is_made_again_if_its_files_changed() {
    let workspace = Workspace::with(&every_kind());
    workspace.succeed("generate", &["season"]);
    let right = tree(&workspace.path("out"));
    fs::write(workspace.path("out/season/notes.txt"), "added").unwrap();
    fs::remove_file(workspace.path("out/season/season-e01.mp4")).unwrap();
    assert!(workspace.succeed("generate", &["season"]).contains("generated season "));
    assert_eq!(tree(&workspace.path("out")), right);
}

#[test]
fn verify_names_the_layer_that_differs() {
    let workspace = Workspace::with(&every_kind());
    workspace.succeed("generate", &["sound"]);
    let path = workspace.path("out/sound.m4a");
    let mut bytes = fs::read(&path).unwrap();
    let whole = sha256_file(&path);
    // Byte 8, in the brand, belongs to the container, and the last byte to the audio.
    bytes[8] ^= 0x20;
    fs::write(&path, &bytes).unwrap();
    let message = workspace.run("verify", &["sound"]).stdout;
    assert!(message.contains(&format!("sha256: wanted {whole}")), "{message}");
    assert!(message.contains("container layer: wanted"), "{message}");
    assert!(!message.contains("audio layer: wanted"), "{message}");

    bytes[8] ^= 0x20;
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&path, &bytes).unwrap();
    let message = workspace.run("verify", &["sound"]).stdout;
    assert!(message.contains("audio layer: wanted"), "{message}");
    assert!(!message.contains("container layer: wanted"), "{message}");
}

#[test]
fn clean_removes_only_generated_files() {
    let workspace = Workspace::with(&every_kind());
    workspace.succeed("generate", &[]);
    fs::write(workspace.path("out/mine.mp4"), "mine").unwrap();
    assert_eq!(
        workspace.succeed("clean", &["season", "segments"]),
        "removed segments\nremoved season\n"
    );
    assert!(
        !workspace.path("out/season").exists() && !workspace.path("out/.hls/segments").exists()
    );
    assert!(workspace.path("out/web.webm").exists());
    assert_eq!(workspace.succeed("clean", &[]), "removed web\nremoved tracks\nremoved sound\n");
    assert_eq!(workspace.files(), ["mine.mp4"]);
    assert_eq!(workspace.succeed("clean", &[]), "");
}
