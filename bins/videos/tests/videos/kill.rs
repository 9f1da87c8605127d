//! A run that is killed leaves either no file or a right one.

use crate::{
    determinism::{every_kind, tree},
    workspace::{Workspace, entry},
};

/// Instead of ffmpeg: kills the run at the call with this number. Even calls end before that, odd
/// ones do not begin.
fn kill_at(call: u32) -> String {
    let work = if call.is_multiple_of(2) { "ffmpeg \"$@\"; " } else { "" };
    format!(
        "calls=\"${{0%/*}}/calls\"; echo >> \"$calls\"\n\
         [ $(wc -l < \"$calls\") != {call} ] || {{ {work}kill -KILL $PPID; exit; }}\n\
         exec ffmpeg \"$@\""
    )
}

#[test]
fn a_run_that_is_killed_at_any_call_of_ffmpeg_leaves_no_file_or_a_right_one() {
    let catalog = entry("segments", "segment_seconds = 1")
        + &entry("season", "episodes = 2\nsubtitles = [\"eng\"]");
    let reference = Workspace::with(&catalog);
    reference.succeed("generate", &[]);
    let right = tree(&reference.path("out"));

    for call in 1.. {
        let workspace = Workspace::with(&catalog);
        let killing = workspace.script(&kill_at(call));
        let arguments = ["--jobs", "1", "--ffmpeg", killing.to_str().unwrap()];
        let finished = workspace.run("generate", &arguments);
        let left = tree(&workspace.path("out"));
        for (name, hash) in left.iter().filter(|(name, _)| !name.starts_with(".seedbed-videos.")) {
            assert_eq!(right.get(name), Some(hash), "{name} after a kill at call {call}");
        }
        let folder = left.keys().filter(|name| name.starts_with("season/")).count();
        assert!([0, 4].contains(&folder), "{folder} files of the folder");
        if finished.status.success() {
            // The run ended before it called ffmpeg that often.
            assert!(call > 10, "{call} calls");
            assert_eq!(left, right);
            break;
        }
        assert_eq!(finished.status.code(), None, "{finished:?}");
    }
}

#[test]
fn the_run_after_one_that_was_killed_is_right() {
    let workspace = Workspace::with(&every_kind());
    let killing = workspace.script(&kill_at(10));
    let arguments = ["--jobs", "1", "--ffmpeg", killing.to_str().unwrap()];
    assert_eq!(workspace.run("generate", &arguments).status.code(), None);
    workspace.succeed("generate", &[]);
    workspace.succeed("verify", &[]);
}
