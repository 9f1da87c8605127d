//! Mistakes, failures and signals: one line, and nothing that looks finished.

use std::{collections::BTreeMap, fs, path::Path};

use seedbed_testkit::{Finished, run, wait_until};

use crate::{
    bed::{BINARY, Bed, entry, one_line},
    determinism::tree,
};

#[test]
fn a_misspelt_key_is_one_line_that_names_the_line() {
    let bed = Bed::with(&entry("one", "").replace("\nseconds = 2", "\nduration = 2"));
    for command in ["generate", "verify", "list"] {
        let message = bed.fail(2, command, &[]);
        let start = format!(
            "seedbed-videos: failed to read the catalog {}: line 3: unknown field `duration`, \
             expected one of ",
            bed.path("catalog.toml").display()
        );
        assert!(message.starts_with(&start), "{message}");
    }
    assert!(!bed.path("out").exists());
}

#[test]
fn a_broken_lock_file_is_one_line_that_names_the_line() {
    let bed = Bed::new();
    fs::write(bed.path("lock.toml"), "version = 7\n").unwrap();
    let message = bed.fail(2, "generate", &[]);
    assert!(message.ends_with("lock.toml: line 1: version: wanted 1, got 7"), "{message}");
}

#[test]
fn a_missing_ffmpeg_is_one_line_and_leaves_nothing() {
    let bed = Bed::new();
    let message = bed.fail(1, "generate", &["--ffmpeg", "/nonexistent"]);
    assert_eq!(
        message,
        "seedbed-videos: failed to run /nonexistent: no such file; \
         install it with apt-get install ffmpeg"
    );
    assert!(bed.files().is_empty());
    assert!(!bed.path("lock.toml").exists());
}

#[test]
fn a_missing_ffprobe_is_one_line_and_leaves_nothing() {
    let bed = Bed::with(&entry("one", ""));
    let message = bed.fail(1, "generate", &["--ffprobe", "seedbed-no-ffprobe"]);
    assert!(
        message.ends_with(
            "out/one.mp4: failed to run seedbed-no-ffprobe: not found in PATH; \
             install it with apt-get install ffmpeg"
        ),
        "{message}"
    );
    assert!(bed.files().is_empty());
}

#[test]
fn an_encode_above_its_size_says_by_how_much() {
    let bed = Bed::with(&entry("one", "size = 10000"));
    let message = bed.fail(1, "generate", &[]);
    assert!(message.contains("out/one.mp4: the encode of "), "{message}");
    assert!(message.contains(" larger than the size 10000: wanted a smaller noise patch"));
    assert!(bed.files().is_empty());
}

#[test]
fn a_failure_begins_no_other_video_and_keeps_those_that_are_made() {
    let catalog = [entry("good", ""), entry("bad", "size = 10000"), entry("never", "")].concat();
    let bed = Bed::with(&catalog);
    bed.fail(1, "generate", &["--jobs", "1"]);
    assert_eq!(bed.files(), [".seedbed-videos.toml", "good.mp4"]);
    assert!(bed.lock().contains("[video.good]") && !bed.lock().contains("[video.bad]"));
}

#[test]
fn a_short_encode_is_not_taken_for_a_finished_one() {
    let bed = Bed::with(&entry("one", ""));
    let short = bed.script("exec ffmpeg \"${@/testsrc=duration=2/testsrc=duration=1}\"");
    let message = bed.fail(1, "generate", &["--ffmpeg", short.to_str().unwrap()]);
    assert!(message.contains("frames: wanted 20, got 10"), "{message}");
    assert!(bed.files().is_empty());
}

/// Makes a video with all of its output on a disk of so many KiB, and gives what is left there.
fn on_a_disk_of(kib: u32) -> (Finished, BTreeMap<String, String>) {
    let bed = Bed::with(&entry("one", "size = 60000\nsegment_seconds = 1"));
    fs::create_dir(bed.path("out")).unwrap();
    // The disk goes with its namespace: what is looked at is a copy.
    let script = format!(
        "cd {}; mount -t tmpfs -o size={kib}k disk out || exit; \"$@\"; code=$?; cp -r out copy; \
         exit $code",
        bed.0.path().display()
    );
    let unshare = ["--map-root-user", "--mount", "sh", "-c", &script, "sh", BINARY];
    let arguments = unshare.into_iter().map(str::to_owned).chain(bed.arguments("generate", &[]));
    let finished = run(Path::new("unshare"), arguments);
    assert!(bed.path("copy").exists(), "this test needs root or user namespaces: {finished:?}");
    (finished, tree(&bed.path("copy")))
}

#[test]
fn a_full_disk_is_told_as_that_and_leaves_nothing_that_looks_finished() {
    let (finished, right) = on_a_disk_of(8192);
    assert!(finished.status.success(), "{finished:?}");
    // Too small for the picture and for the tone, then for one step after the other.
    for kib in [4, 100].into_iter().chain((400..=560).step_by(20)) {
        let (finished, left) = on_a_disk_of(kib);
        for (name, hash) in &left {
            assert_eq!(right.get(name), Some(hash), "{name} on a disk of {kib} KiB");
        }
        if finished.status.success() {
            assert!(kib > 400, "there is room for all in {kib} KiB");
            continue;
        }
        let message = one_line(1, finished.status, &finished.stderr);
        assert!(message.contains("out/one.mp4: "), "{message}");
        assert!(message.to_lowercase().contains("no space left on device"), "{message}");
    }
}

/// Stands in for an ffmpeg that is busy with the picture: its output is there, unfinished.
const STALL: &str = "\
case \"$*\" in
*-filter_complex*) echo $$ > \"${0%/*}/pid\"; head -c 1000 /dev/zero > picture.mp4; exec sleep 600;;
*) exec ffmpeg \"$@\";;
esac";

/// Starts a run that stalls, waits until its temporary file is there, and signals the run.
fn killed_midway(bed: &Bed, signal: &str) -> (std::process::Output, String) {
    let stalling = bed.script(STALL);
    let child = bed.start(&["--jobs", "1", "--ffmpeg", stalling.to_str().unwrap()]);
    let is_there = |entry: fs::DirEntry| entry.path().join("picture.mp4").exists();
    wait_until("a temporary file", || {
        fs::read_dir(bed.path("out")).is_ok_and(|entries| entries.flatten().any(is_there))
    });
    let pid = fs::read_to_string(bed.path("pid")).unwrap().trim().to_owned();
    let kill = run(Path::new("kill"), [signal, &child.id().to_string()]);
    assert!(kill.status.success());
    (child.wait_with_output().unwrap(), pid)
}

#[test]
fn a_run_that_is_terminated_ends_its_ffmpeg_and_leaves_nothing() {
    for signal in ["-TERM", "-INT"] {
        let bed = Bed::new();
        let (output, pid) = killed_midway(&bed, signal);
        let message = one_line(1, output.status, &String::from_utf8_lossy(&output.stderr));
        assert_eq!(message, "seedbed-videos: interrupted");
        assert!(!Path::new("/proc").join(pid).exists(), "ffmpeg still runs");
        assert!(bed.files().is_empty());
        assert!(!bed.path("lock.toml").exists());
        bed.succeed("generate", &[]);
        bed.succeed("verify", &[]);
    }
}

#[test]
fn a_run_that_is_killed_leaves_nothing_that_looks_finished_and_the_next_one_is_right() {
    let bed = Bed::new();
    let (output, pid) = killed_midway(&bed, "-KILL");
    assert!(!output.status.success());
    wait_until("ffmpeg to end", || !Path::new("/proc").join(&pid).exists());
    let files = bed.files();
    assert!(files.iter().all(|name| name.starts_with('.')) && files.len() == 1, "{files:?}");
    bed.succeed("generate", &[]);
    assert_eq!(bed.files(), [".seedbed-videos.toml", "one.mp4", "two.mp4"]);
    bed.succeed("verify", &[]);
}
