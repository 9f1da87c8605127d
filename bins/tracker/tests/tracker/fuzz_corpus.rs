//! No input in the corpus of the fuzzers makes a parser panic.

use std::{fs, path::Path};

fn replay(target: &str, run: fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut count = 0;
    for entry in fs::read_dir(&corpus).expect("the corpus is there") {
        let bytes = fs::read(entry.expect("it can be listed").path()).expect("it can be read");
        // Every prefix, too: what is cut off is what a stranger sends most often.
        for end in 0..=bytes.len() {
            run(&bytes[..end]);
        }
        count += 1;
    }
    assert!(count > 4, "{corpus:?} has {count} files");
}

#[test]
fn http_queries() {
    replay("http_query", seedbed_tracker::fuzz::http_query);
}

#[test]
fn udp_packets() {
    replay("udp_packet", seedbed_tracker::fuzz::udp_packet);
}

#[test]
fn websocket_messages() {
    replay("websocket_message", seedbed_tracker::fuzz::websocket_message);
}
