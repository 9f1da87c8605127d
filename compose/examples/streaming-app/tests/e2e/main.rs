//! End-to-end tests of the streaming app against a bed, from outside: by URLs alone.
//!
//! With STREAM_URL, TRACKER_URL, SEEDER_URL and RANGE_URL they test what runs there. Without, they
//! start the bed's servers and the app on free ports.

#![expect(clippy::unwrap_used, reason = "what is unexpected fails the test")]

mod bed;
mod cases;

use std::time::{Duration, Instant};

use crate::bed::Bed;

/// One test, since its cases share a seeder that is paused and a tracker that is restarted.
#[test]
fn the_app_streams_what_the_bed_has() {
    let start = Instant::now();
    let mut bed = Bed::start();
    for (name, case) in cases::ALL {
        let start = Instant::now();
        print!("case {name} ... ");
        case(&mut bed);
        println!("ok ({:.2?})", start.elapsed());
    }
    bed.end();
    let took = start.elapsed();
    println!("all in {took:.2?}");
    assert!(took < Duration::from_secs(120), "took {took:?}");
}
