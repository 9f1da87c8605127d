//! What is made, and when.

use std::{
    fs::{self, File},
    os::unix::fs::MetadataExt as _,
    path::Path,
    time::{Duration, Instant, SystemTime},
};

use seedbed_testkit::sha256_file;

use crate::{
    bed::{Bed, entry},
    determinism::every_kind,
};

fn identity(path: &Path) -> (u64, SystemTime) {
    let metadata = fs::metadata(path).unwrap();
    (metadata.ino(), metadata.modified().unwrap())
}

#[test]
fn a_second_run_makes_nothing_and_needs_no_ffmpeg() {
    let bed = Bed::new();
    bed.succeed("generate", &[]);
    let before = [identity(&bed.video("one")), identity(&bed.video("two"))];
    let stdout = bed.succeed("generate", &["--ffmpeg", "/nonexistent/ffmpeg"]);
    assert_eq!(stdout, "2 of 2 videos are up to date\n");
    assert_eq!(before, [identity(&bed.video("one")), identity(&bed.video("two"))]);
}

#[test]
fn a_run_with_nothing_to_do_takes_less_than_a_tenth_of_a_second() {
    let bed = Bed::with(&every_kind());
    bed.succeed("generate", &[]);
    let quickest = (0..5).map(|_| {
        let begun = Instant::now();
        bed.succeed("generate", &[]);
        begun.elapsed()
    });
    let quickest = quickest.min().unwrap();
    assert!(quickest < Duration::from_millis(100), "{quickest:?}");
}

#[test]
fn a_changed_entry_makes_that_video_anew() {
    let bed = Bed::new();
    bed.succeed("generate", &[]);
    let (one, two) = (identity(&bed.video("one")), identity(&bed.video("two")));
    let changed = entry("two", "").replace("qp = 28", "qp = 30");
    bed.write_catalog(&format!("{}{changed}", entry("one", "size = 60000")));
    let stdout = bed.succeed("generate", &["--update-lock"]);
    assert!(stdout.contains("generated two ") && !stdout.contains("generated one "), "{stdout}");
    assert!(stdout.ends_with("\n1 of 2 videos are up to date\n"), "{stdout}");
    assert_eq!(one, identity(&bed.video("one")));
    assert_ne!(two, identity(&bed.video("two")));
    bed.succeed("verify", &[]);
}

#[test]
fn a_touched_file_is_hashed_and_made_anew_only_if_it_differs() {
    let bed = Bed::new();
    bed.succeed("generate", &[]);
    let right = sha256_file(&bed.video("one"));
    let inode = identity(&bed.video("one")).0;
    File::options()
        .write(true)
        .open(bed.video("one"))
        .unwrap()
        .set_modified(SystemTime::UNIX_EPOCH)
        .unwrap();
    assert!(!bed.succeed("generate", &[]).contains("generated"));
    assert_eq!(identity(&bed.video("one")).0, inode);

    fs::write(bed.video("one"), vec![0; 60_000]).unwrap();
    assert!(bed.succeed("generate", &[]).contains("generated one "));
    assert_eq!(sha256_file(&bed.video("one")), right);
}

#[test]
fn names_select_videos() {
    let bed = Bed::new();
    bed.succeed("generate", &["two"]);
    assert_eq!(bed.files(), [".seedbed-videos.toml", "two.mp4"]);
    assert!(!bed.lock().contains("[video.one]"));
    let message = bed.fail(2, "generate", &["three"]);
    assert!(message.ends_with("catalog.toml: no video \"three\", there are one, two"), "{message}");
}

#[test]
fn two_runs_at_once_make_each_video_once() {
    let bed = Bed::new();
    let outputs = [bed.start(&[]), bed.start(&[])].map(|child| child.wait_with_output().unwrap());
    let stdout =
        outputs.iter().map(|output| String::from_utf8_lossy(&output.stdout)).collect::<String>();
    assert!(outputs.iter().all(|output| output.status.success()), "{outputs:?}");
    assert_eq!(stdout.matches("generated ").count(), 2, "{stdout}");
    assert_eq!(stdout.matches("2 of 2 videos are up to date").count(), 1, "{stdout}");
}
