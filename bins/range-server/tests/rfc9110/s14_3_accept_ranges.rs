//! Section 14.3: Accept-Ranges.

use crate::OneFile;

#[test]
fn what_has_ranges_says_so() {
    let file = OneFile::start();
    for line in ["GET /file.mp4", "HEAD /file.mp4", "GET /synthetic/10"] {
        let response = file.origin.send(line, &[]);
        assert_eq!(response.header("accept-ranges"), Some("bytes"), "{line}");
    }
}

#[test]
fn what_has_none_does_not_claim_them() {
    let file = OneFile::start();
    for line in ["GET /", "GET /health", "GET /missing"] {
        let response = file.origin.send(line, &[("Range", "bytes=0-0")]);
        assert_ne!(response.status, 206, "{line}");
        assert_eq!(response.header("accept-ranges"), None, "{line}");
    }
}
