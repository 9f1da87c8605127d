//! Which videos a run makes, and which it leaves alone.

use std::{
    fs::{self, File},
    os::unix::fs::MetadataExt as _,
    path::Path,
    time::SystemTime,
};

use seedbed_testkit::sha256_file;

use crate::workspace::{Workspace, entry};

fn identity(path: &Path) -> (u64, SystemTime) {
    let metadata = fs::metadata(path).unwrap();
    (metadata.ino(), metadata.modified().unwrap())
}

#[test]
fn a_run_with_nothing_to_do_makes_no_video_and_starts_no_ffmpeg() {
    let workspace = Workspace::new();
    workspace.succeed("generate", &[]);
    let before = [identity(&workspace.video("one")), identity(&workspace.video("two"))];
    let stdout = workspace.succeed("generate", &["--ffmpeg", "/nonexistent/ffmpeg"]);
    assert_eq!(stdout, "2 of 2 videos are up to date\n");
    assert_eq!(before, [identity(&workspace.video("one")), identity(&workspace.video("two"))]);
}

#[test]
fn a_run_with_nothing_to_do_reads_no_video() {
    let workspace = Workspace::new();
    workspace.succeed("generate", &[]);
    // Other bytes of the same length and modification time go unnoticed only if nobody reads them.
    let video = workspace.video("one");
    let modified = identity(&video).1;
    fs::write(&video, vec![0; 60_000]).unwrap();
    File::options().write(true).open(&video).unwrap().set_modified(modified).unwrap();
    assert_eq!(workspace.succeed("generate", &[]), "2 of 2 videos are up to date\n");
}

#[test]
fn a_video_is_made_again_if_its_entry_changed() {
    let workspace = Workspace::new();
    workspace.succeed("generate", &[]);
    let (one, two) = (identity(&workspace.video("one")), identity(&workspace.video("two")));
    let changed = entry("two", "").replace("qp = 28", "qp = 30");
    workspace.write_catalog(&format!("{}{changed}", entry("one", "size = 60000")));
    let stdout = workspace.succeed("generate", &["--update-lock"]);
    assert!(stdout.contains("generated two ") && !stdout.contains("generated one "), "{stdout}");
    assert!(stdout.ends_with("\n1 of 2 videos are up to date\n"), "{stdout}");
    assert_eq!(one, identity(&workspace.video("one")));
    assert_ne!(two, identity(&workspace.video("two")));
    workspace.succeed("verify", &[]);
}

#[test]
fn a_modified_file_is_made_again_only_if_its_hash_differs() {
    let workspace = Workspace::new();
    workspace.succeed("generate", &[]);
    let right = sha256_file(&workspace.video("one"));
    let inode = identity(&workspace.video("one")).0;
    File::options()
        .write(true)
        .open(workspace.video("one"))
        .unwrap()
        .set_modified(SystemTime::UNIX_EPOCH)
        .unwrap();
    assert!(!workspace.succeed("generate", &[]).contains("generated"));
    assert_eq!(identity(&workspace.video("one")).0, inode);

    fs::write(workspace.video("one"), vec![0; 60_000]).unwrap();
    assert!(workspace.succeed("generate", &[]).contains("generated one "));
    assert_eq!(sha256_file(&workspace.video("one")), right);
}

#[test]
fn only_the_named_videos_are_made() {
    let workspace = Workspace::new();
    workspace.succeed("generate", &["two"]);
    assert_eq!(workspace.files(), [".seedbed-videos.toml", "two.mp4"]);
    assert!(!workspace.lock().contains("[video.one]"));
    let message = workspace.fail(2, "generate", &["three"]);
    assert!(
        message.ends_with("catalog.toml: no video is named \"three\"; the catalog has one, two"),
        "{message}"
    );
}

#[test]
fn concurrent_runs_make_each_video_once() {
    let workspace = Workspace::new();
    let outputs =
        [workspace.start(&[]), workspace.start(&[])].map(|child| child.wait_with_output().unwrap());
    let stdout =
        outputs.iter().map(|output| String::from_utf8_lossy(&output.stdout)).collect::<String>();
    assert!(outputs.iter().all(|output| output.status.success()), "{outputs:?}");
    assert_eq!(stdout.matches("generated ").count(), 2, "{stdout}");
    assert_eq!(stdout.matches("2 of 2 videos are up to date").count(), 1, "{stdout}");
}
