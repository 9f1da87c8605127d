//! The lock file, and the commands that compare videos with it.

use std::{fs, path::Path};

use seedbed_testkit::{Tool, require, run, sha256_file};
use serde_json::Value;

use crate::workspace::{BINARY, FFMPEG_7, FFMPEG_9, Workspace, entry, one_line};

#[test]
fn a_copied_file_is_kept_if_it_matches_the_lock_file() {
    let workspace = Workspace::new();
    workspace.succeed("generate", &[]);
    fs::remove_file(workspace.path("out/.seedbed-videos.toml")).unwrap();
    assert!(!workspace.succeed("generate", &[]).contains("generated"));
}

#[test]
fn a_difference_from_the_lock_file_is_reported_and_not_recorded() {
    let workspace = Workspace::new();
    workspace.succeed("generate", &[]);
    let forged = workspace.forge_lock();
    let stdout = workspace.succeed("generate", &[]);
    let line = stdout.lines().find(|line| line.starts_with("differs one: ")).unwrap();
    assert!(
        line.contains(&"0".repeat(64)) && line.matches("made by ffmpeg ").count() == 2,
        "{line}"
    );
    assert!(workspace.video("one").exists());
    assert_eq!(workspace.lock(), forged);

    workspace.succeed("generate", &["--update-lock"]);
    assert_ne!(workspace.lock(), forged);
    workspace.succeed("verify", &[]);
}

#[test]
fn with_locked_a_difference_from_the_lock_file_is_an_error() {
    let workspace = Workspace::new();
    workspace.succeed("generate", &[]);
    workspace.succeed("generate", &["--locked"]);
    let forged = workspace.forge_lock();
    fs::remove_file(workspace.video("one")).unwrap();
    let message = workspace.fail(1, "generate", &["--locked"]);
    assert!(message.contains(&format!("wanted sha256 {}", "0".repeat(64))), "{message}");
    assert!(!workspace.video("one").exists());
    assert_eq!(workspace.lock(), forged);

    fs::remove_file(workspace.path("lock.toml")).unwrap();
    let message = workspace.fail(1, "generate", &["--locked"]);
    assert!(message.contains("has no record of one as it is in the catalog now"), "{message}");
    assert!(!workspace.path("lock.toml").exists());
}

/// The arguments of a command on the stock catalog.
fn stock(command: &str, out: &Path) -> Vec<String> {
    let videos = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../videos");
    let mut arguments = vec![command.to_owned()];
    for (flag, path) in [
        ("--catalog", videos.join("catalog.toml")),
        ("--lock", videos.join("lock.toml")),
        ("--out", videos.join(out)),
    ] {
        arguments.extend([flag.to_owned(), path.display().to_string()]);
    }
    arguments
}

/// Makes the stock videos that take seconds.
fn small_stock_videos_have_the_hashes_of_the_lock_file(ffmpeg: Tool) {
    let _installed = require(Tool::FFPROBE);
    let out = tempfile::tempdir().unwrap();
    let mut arguments = stock("generate", out.path());
    let ffmpeg = require(ffmpeg).display().to_string();
    let flags = ["--locked", "--ffmpeg", &ffmpeg];
    let names = [
        "test-small-720p",
        "test-second-360p",
        "test-audio",
        "test-webm-360p",
        "test-tracks-360p",
        "test-season",
    ];
    arguments.extend(flags.into_iter().chain(names).map(str::to_owned));
    let finished = run(Path::new(BINARY), arguments);
    assert!(finished.status.success(), "{finished:?}");
}

#[test]
fn debians_ffmpeg_gives_the_hashes_of_the_lock_file() {
    small_stock_videos_have_the_hashes_of_the_lock_file(Tool::FFMPEG);
}

#[test]
fn ffmpeg_7_gives_the_hashes_of_the_lock_file() {
    small_stock_videos_have_the_hashes_of_the_lock_file(FFMPEG_7);
}

#[test]
fn ffmpeg_9_gives_the_hashes_of_the_lock_file() {
    small_stock_videos_have_the_hashes_of_the_lock_file(FFMPEG_9);
}

#[test]
fn the_stock_videos_match_the_catalog_and_the_lock_file() {
    let ffprobe = require(Tool::FFPROBE);
    let finished = run(Path::new(BINARY), stock("verify", Path::new("out")));
    assert!(finished.status.success(), "run `make videos` first: {finished:?}");
    let sizes =
        [("test-small-720p", 1 << 20), ("test-medium-1080p", 5 << 20), ("test-large-4k", 20 << 20)];
    for (name, size) in sizes {
        assert!(finished.stdout.contains(&format!("ok {name} {size} bytes")), "{finished:?}");
        // Packets, rather than padding, fill the file.
        let path = format!("{}/../../videos/out/{name}.mp4", env!("CARGO_MANIFEST_DIR"));
        let arguments = ["-v", "error", "-show_entries", "packet=size", "-of", "csv=p=0", &path];
        let packets = run(&ffprobe, arguments).stdout;
        let packets =
            packets.lines().filter_map(|size| size.trim_end_matches(',').parse::<u64>().ok());
        let packets = packets.sum::<u64>();
        assert!(packets * 100 > size * 95, "{name} has {packets} bytes of packets");
    }
}

#[test]
fn update_lock_removes_videos_that_left_the_catalog() {
    let workspace = Workspace::new();
    workspace.succeed("generate", &[]);
    workspace.write_catalog(&entry("two", ""));
    workspace.succeed("generate", &[]);
    assert!(workspace.lock().contains("[video.one]"));
    workspace.succeed("generate", &["--update-lock"]);
    assert!(!workspace.lock().contains("[video.one]"));
}

#[test]
fn verify_reports_what_was_wanted_and_what_came() {
    let workspace = Workspace::new();
    workspace.succeed("generate", &[]);
    let ok = workspace.succeed("verify", &[]);
    assert!(ok.starts_with("ok one 60000 bytes sha256 ") && ok.contains("\nok two "), "{ok}");

    let (one, two) = (sha256_file(&workspace.video("one")), sha256_file(&workspace.video("two")));
    fs::copy(workspace.video("two"), workspace.video("one")).unwrap();
    workspace.write_catalog(&format!(
        "{}{}",
        entry("one", "size = 60000"),
        entry("two", "").replace("fps = 10", "fps = 12")
    ));
    let finished = workspace.run("verify", &[]);
    let message = one_line(1, finished.status, &finished.stderr);
    assert_eq!(message, "seedbed-videos: 2 of 2 videos failed");
    let lines = finished.stdout.lines().collect::<Vec<_>>();
    assert!(
        lines[0].starts_with(&format!("failed one: sha256: wanted {one}, got {two}; length: "))
    );
    assert!(lines[0].contains("; size: wanted 60000, got "), "{}", lines[0]);
    assert!(lines[1].contains("frame rate: wanted 12/1, got 10/1"), "{}", lines[1]);
    assert!(lines[1].contains("keyframe spacing: wanted 12 frames, got 10 frames"), "{}", lines[1]);

    fs::write(workspace.video("one"), "").unwrap();
    let finished = workspace.run("verify", &[]);
    assert_eq!(finished.status.code(), Some(1));
    assert!(finished.stdout.starts_with("failed one: "), "{}", finished.stdout);

    fs::write(workspace.video("one"), "no video").unwrap();
    fs::remove_file(workspace.video("two")).unwrap();
    let finished = workspace.run("verify", &[]);
    assert_eq!(finished.status.code(), Some(1));
    assert!(finished.stdout.contains("Invalid data found"), "{}", finished.stdout);
    assert!(finished.stdout.contains("two.mp4, got no file"), "{}", finished.stdout);
}

#[test]
fn list_shows_the_status_of_each_file() {
    let workspace = Workspace::new();
    let table = workspace.succeed("list", &[]);
    let heading = table.lines().next().unwrap().split_whitespace().collect::<Vec<_>>();
    let columns = "NAME KIND CODECS PICTURE FPS SECONDS BYTES FILE INFOHASH";
    assert_eq!(heading.join(" "), columns);
    assert!(table.contains("missing"), "{table}");
    workspace.succeed("generate", &["one"]);
    let list: Value = serde_json::from_str(&workspace.succeed("list", &["--json"])).unwrap();
    assert_eq!(list[0]["name"], "one");
    assert_eq!(list[0]["file"], "ready");
    assert_eq!(list[0]["lock"]["length"], 60_000);
    assert_eq!(list[1]["file"], "missing");
    assert_eq!(list[1]["lock"], Value::Null);
}
