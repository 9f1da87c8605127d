//! A file that is rewritten in place, faster than its timestamps tick (RFC 9110 section 8.8.1).

use std::{
    collections::HashMap,
    fs::File,
    os::unix::fs::FileExt as _,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use crate::Origin;

const LENGTH: usize = 4 << 20;
/// How much is written at a time.
const CHUNK: usize = 64 << 10;
/// Two ticks of the slowest kernel timer. A file that its writer leaves alone for so long is as a
/// whole what it is, whatever is in it.
const SETTLED: Duration = Duration::from_millis(20);
const ANSWERS: usize = 30;

/// Rewrites the file with one byte after the other until it is told to stop. Returns the longest time
/// between two writes of one version.
fn rewrite(file: &File, stop: &AtomicBool) -> Duration {
    let mut longest = Duration::ZERO;
    for version in (0..=255).cycle() {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let mut last = Instant::now();
        for at in (0..LENGTH).step_by(CHUNK) {
            file.write_all_at(&[version; CHUNK], at as u64).unwrap();
            longest = longest.max(last.elapsed());
            last = Instant::now();
        }
        // Some versions last long enough to be served, some do not.
        std::thread::sleep(SETTLED * u32::from(version % 5));
    }
    longest
}

#[test]
fn a_file_that_is_rewritten_in_a_loop_has_a_tag_for_each_version_and_no_mixed_answer() {
    let origin = Origin::start(&[]);
    origin.write("file", vec![0; LENGTH], 0);
    let file = File::options().write(true).open(origin.path("file")).unwrap();
    let stop = AtomicBool::new(false);
    let mut bodies = HashMap::new();
    let (mut complete, mut mixed) = (0, 0);
    let longest = std::thread::scope(|scope| {
        let writer = scope.spawn(|| rewrite(&file, &stop));
        for _ in 0..ANSWERS {
            let answer = origin.send("GET /file", &[]);
            if answer.status != 200 || answer.body.len() < LENGTH {
                // It changed all the time, or while it was sent.
                assert!([200, 503].contains(&answer.status), "{}", answer.status);
                continue;
            }
            complete += 1;
            mixed += usize::from(answer.body.iter().any(|byte| *byte != answer.body[0]));
            let etag = answer.header("etag").unwrap();
            assert!(etag.starts_with('"'), "{etag}");
            let known = bodies.entry(etag.to_owned()).or_insert_with(|| answer.body.clone());
            assert!(*known == answer.body, "two contents have the tag {etag}");
        }
        stop.store(true, Ordering::Relaxed);
        writer.join().unwrap()
    });
    println!("{complete} of {ANSWERS} complete, {mixed} mixed, {longest:?} between two writes");
    // Unless the writer itself left the file half written for as long as a version lasts.
    assert!(mixed == 0 || longest >= SETTLED / 2, "{mixed} mixed, {longest:?}");
}

#[test]
fn a_file_that_never_settles_gets_503() {
    let origin = Origin::start(&[]);
    origin.write("file", "", 0);
    let file = File::options().write(true).open(origin.path("file")).unwrap();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                file.write_all_at(b"x", 0).unwrap();
                std::thread::yield_now();
            }
        });
        let answer = seedbed_testkit::eventually("503", || {
            let answer = origin.send("GET /file", &[]);
            (answer.status == 503).then_some(answer)
        });
        assert_eq!(answer.header("retry-after"), Some("1"));
        stop.store(true, Ordering::Relaxed);
        writer.join().unwrap();
    });
    assert_eq!(origin.send("GET /file", &[]).status, 200);
}
