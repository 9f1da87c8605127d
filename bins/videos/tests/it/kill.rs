//! A run that is killed at any moment leaves no file or a right one.

use std::time::{Duration, Instant};

use crate::{
    bed::Bed,
    determinism::{every_kind, tree},
};

/// splitmix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        x ^ (x >> 31)
    }
}

#[test]
fn twenty_kills_at_any_moment_leave_no_file_or_a_right_one() {
    let reference = Bed::with(&every_kind());
    let begun = Instant::now();
    reference.succeed("generate", &[]);
    let whole = begun.elapsed();
    let right = tree(&reference.path("out"));

    let mut random = Random(5);
    let mut unfinished = 0;
    for round in 0..20 {
        let bed = Bed::with(&every_kind());
        let mut child = bed.start(&[]);
        let moment = whole.mul_f64((random.next() % 1000) as f64 / 1000.0);
        let until = Instant::now() + moment;
        while Instant::now() < until && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(1));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let out = bed.path("out");
        let left = if out.exists() { tree(&out) } else { right.clone() };
        for (name, hash) in left.iter().filter(|(name, _)| !name.starts_with(".seedbed-videos.")) {
            assert_eq!(right.get(name), Some(hash), "{name} after {moment:?} in round {round}");
        }
        let folder = left.keys().filter(|name| name.starts_with("season/")).count();
        assert!([0, 4].contains(&folder), "{folder} files of the folder");
        unfinished += usize::from(left.len() < right.len());
    }
    assert!(unfinished > 0, "no kill came in time");
}

#[test]
fn a_run_after_a_kill_is_right() {
    let bed = Bed::with(&every_kind());
    let mut child = bed.start(&["--jobs", "1"]);
    seedbed_testkit::wait_until("the first video", || bed.video("segments").exists());
    child.kill().unwrap();
    child.wait().unwrap();
    bed.succeed("generate", &[]);
    bed.succeed("verify", &[]);
}
