//! End-to-end tests of the streaming app against a bed. They know only URLs.
//!
//! With STREAM_URL, TRACKER_URL, SEEDER_URL and RANGE_URL they test what runs there. Without, they
//! start the bed's servers and the app, first as processes on free ports and then in containers.

#![expect(clippy::unwrap_used, reason = "what is unexpected fails the test")]

mod bed;
mod cases;

use std::time::{Duration, Instant};

use seedbed_tests::containers::figure;

use crate::bed::Bed;

#[test]
fn every_case_passes_in_processes() {
    run_all(Bed::start);
}

#[test]
fn every_case_passes_in_containers() {
    run_all(Bed::in_containers);
}

/// Runs all cases in one test, because one of them pauses the shared seeder and one restarts the tracker.
fn run_all(start_bed: fn() -> Bed) {
    let start = Instant::now();
    let mut bed = start_bed();
    for (name, case) in cases::ALL {
        let start = Instant::now();
        case(&mut bed);
        figure(format_args!("case {name} ok ({:.2?})", start.elapsed()));
    }
    bed.end();
    let took = start.elapsed();
    figure(format_args!("all in {took:.2?}"));
    assert!(took < Duration::from_secs(120), "took {took:?}");
}
