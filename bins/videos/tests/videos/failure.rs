//! Mistakes, failures and signals: each is reported on one line and leaves no unfinished file.

use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

use seedbed_testkit::{Finished, run, wait_until};

use crate::{
    determinism::tree,
    workspace::{BINARY, Workspace, entry, one_line},
};

#[test]
fn a_misspelt_key_is_reported_with_its_line() {
    let workspace = Workspace::with(&entry("one", "").replace("\nseconds = 2", "\nduration = 2"));
    for command in ["generate", "verify", "list"] {
        let message = workspace.fail(2, command, &[]);
        let start = format!(
            "seedbed-videos: failed to read the catalog {}: line 3: unknown field `duration`, \
             expected one of ",
            workspace.path("catalog.toml").display()
        );
        assert!(message.starts_with(&start), "{message}");
    }
    assert!(!workspace.path("out").exists());
}

#[test]
fn an_invalid_lock_file_is_reported_with_its_line() {
    let workspace = Workspace::new();
    fs::write(workspace.path("lock.toml"), "version = 7\n").unwrap();
    let message = workspace.fail(2, "generate", &[]);
    assert!(message.ends_with("lock.toml: line 1: version: wanted 1, got 7"), "{message}");
}

#[test]
fn a_missing_ffmpeg_is_reported_and_leaves_no_file() {
    let workspace = Workspace::new();
    let message = workspace.fail(1, "generate", &["--ffmpeg", "/nonexistent"]);
    assert_eq!(
        message,
        "seedbed-videos: failed to run /nonexistent: no such file; \
         install it with apt-get install ffmpeg"
    );
    assert!(workspace.files().is_empty());
    assert!(!workspace.path("lock.toml").exists());
}

#[test]
fn a_missing_ffprobe_is_reported_and_leaves_no_file() {
    let workspace = Workspace::with(&entry("one", ""));
    let message = workspace.fail(1, "generate", &["--ffprobe", "seedbed-no-ffprobe"]);
    assert!(
        message.ends_with(
            "out/one.mp4: failed to run seedbed-no-ffprobe: not found in PATH; \
             install it with apt-get install ffmpeg"
        ),
        "{message}"
    );
    assert!(workspace.files().is_empty());
}

#[test]
fn an_encode_above_its_size_is_reported_with_the_excess() {
    let workspace = Workspace::with(&entry("one", "size = 10000"));
    let message = workspace.fail(1, "generate", &[]);
    assert!(message.contains("out/one.mp4: the encode of "), "{message}");
    assert!(message.contains(" larger than the size 10000; use a smaller noise patch"));
    assert!(workspace.files().is_empty());
}

#[test]
fn after_a_failure_no_other_video_is_started_and_finished_ones_stay() {
    let catalog = [entry("good", ""), entry("bad", "size = 10000"), entry("never", "")].concat();
    let workspace = Workspace::with(&catalog);
    workspace.fail(1, "generate", &["--jobs", "1"]);
    assert_eq!(workspace.files(), [".seedbed-videos.toml", "good.mp4"]);
    assert!(workspace.lock().contains("[video.good]") && !workspace.lock().contains("[video.bad]"));
}

#[test]
fn a_short_encode_is_an_error() {
    let workspace = Workspace::with(&entry("one", ""));
    let short = workspace.script("exec ffmpeg \"${@/testsrc=duration=2/testsrc=duration=1}\"");
    let message = workspace.fail(1, "generate", &["--ffmpeg", short.to_str().unwrap()]);
    assert!(message.contains("frames: wanted 20, got 10"), "{message}");
    assert!(workspace.files().is_empty());
}

/// Makes a video on a disk of `kib` KiB, and returns the files that it leaves.
fn on_a_disk_of(kib: u32) -> (Finished, BTreeMap<String, String>) {
    let workspace = Workspace::with(&entry("one", "size = 60000\nsegment_seconds = 1"));
    fs::create_dir(workspace.path("out")).unwrap();
    // The disk disappears with its namespace, so the script copies the files.
    let script = format!(
        "cd {}; mount -t tmpfs -o size={kib}k disk out || exit; \"$@\"; code=$?; cp -r out copy; \
         exit $code",
        workspace.0.path().display()
    );
    let unshare = ["--map-root-user", "--mount", "sh", "-c", &script, "sh", BINARY];
    let arguments =
        unshare.into_iter().map(str::to_owned).chain(workspace.arguments("generate", &[]));
    let finished = run(Path::new("unshare"), arguments);
    assert!(
        workspace.path("copy").exists(),
        "this test needs root or user namespaces: {finished:?}"
    );
    (finished, tree(&workspace.path("copy")))
}

#[test]
fn a_full_disk_is_reported_and_leaves_no_unfinished_file() {
    let (finished, right) = on_a_disk_of(8192);
    assert!(finished.status.success(), "{finished:?}");
    // Too small for the picture, for the samples, and then for one step after another.
    for kib in [4, 100].into_iter().chain((400..=560).step_by(20)) {
        let (finished, left) = on_a_disk_of(kib);
        for (name, hash) in &left {
            assert_eq!(right.get(name), Some(hash), "{name} on a disk of {kib} KiB");
        }
        if finished.status.success() {
            assert!(kib > 400, "everything fits in {kib} KiB");
            continue;
        }
        let message = one_line(1, finished.status, &finished.stderr);
        assert!(message.contains("out/one.mp4: "), "{message}");
        assert!(message.to_lowercase().contains("no space left on device"), "{message}");
    }
}

/// Instead of ffmpeg: leaves the picture unfinished and hangs.
const STALL: &str = "\
case \"$*\" in
*-filter_complex*) echo $$ > \"${0%/*}/pid\"; head -c 1000 /dev/zero > picture.mp4; exec sleep 600;;
*) exec ffmpeg \"$@\";;
esac";

/// Starts a run that hangs, waits for its temporary file, and sends it a signal.
fn killed_midway(workspace: &Workspace, signal: &str) -> (std::process::Output, String) {
    let stalling = workspace.script(STALL);
    let child = workspace.start(&["--jobs", "1", "--ffmpeg", stalling.to_str().unwrap()]);
    let exists = |entry: fs::DirEntry| entry.path().join("picture.mp4").exists();
    wait_until("a temporary file", || {
        fs::read_dir(workspace.path("out")).is_ok_and(|entries| entries.flatten().any(exists))
    });
    let pid = fs::read_to_string(workspace.path("pid")).unwrap().trim().to_owned();
    let kill = run(Path::new("kill"), [signal, &child.id().to_string()]);
    assert!(kill.status.success());
    (child.wait_with_output().unwrap(), pid)
}

#[test]
fn a_full_stdout_holds_up_neither_a_run_nor_its_end() {
    let (reader, mut writer) = std::io::pipe().unwrap();
    // As much as a pipe holds, and then more, in case this one holds more.
    writer.write_all(&[b'x'; 1 << 16]).unwrap();
    let stdout = writer.try_clone().unwrap();
    let filler = std::thread::spawn(move || while writer.write_all(b"x").is_ok() {});
    let workspace = Workspace::new();
    let stalling = workspace.script(STALL);
    let mut child = Command::new(BINARY)
        .args(workspace.arguments("generate", &["--ffmpeg", stalling.to_str().unwrap()]))
        .stdin(Stdio::null())
        .stdout(stdout)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait_until("ffmpeg to be started", || workspace.path("pid").exists());
    assert!(run(Path::new("kill"), ["-TERM", &child.id().to_string()]).status.success());
    wait_until("the end of the run", || child.try_wait().unwrap().is_some());
    assert_eq!(child.wait().unwrap().code(), Some(1));
    drop(reader);
    filler.join().unwrap();
}

#[test]
fn a_run_that_is_terminated_kills_its_ffmpeg_and_leaves_no_file() {
    for signal in ["-TERM", "-INT"] {
        let workspace = Workspace::new();
        let (output, pid) = killed_midway(&workspace, signal);
        let message = one_line(1, output.status, &String::from_utf8_lossy(&output.stderr));
        assert_eq!(message, "seedbed-videos: interrupted");
        assert!(!Path::new("/proc").join(pid).exists(), "ffmpeg still runs");
        assert!(workspace.files().is_empty());
        assert!(!workspace.path("lock.toml").exists());
        workspace.succeed("generate", &[]);
        workspace.succeed("verify", &[]);
    }
}

#[test]
fn the_run_after_one_that_was_killed_removes_its_leftovers() {
    let workspace = Workspace::new();
    let (output, pid) = killed_midway(&workspace, "-KILL");
    assert!(!output.status.success());
    wait_until("ffmpeg to end", || !Path::new("/proc").join(&pid).exists());
    let files = workspace.files();
    assert!(files.iter().all(|name| name.starts_with('.')) && files.len() == 1, "{files:?}");
    workspace.succeed("generate", &[]);
    assert_eq!(workspace.files(), [".seedbed-videos.toml", "one.mp4", "two.mp4"]);
    workspace.succeed("verify", &[]);
}
