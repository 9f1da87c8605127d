//! The cases of the suite, one function each.

use std::{
    thread,
    time::{Duration, Instant},
};

use seedbed_testkit::{Response, eventually, sha256};
use seedbed_tests::bed::Fixture;

use crate::bed::Bed;

type Case = fn(&mut Bed);

/// All cases, in an order in which none disturbs another.
pub(crate) const ALL: [(&str, Case); 11] = [
    ("every torrent is streamed whole", every_torrent_is_streamed_whole),
    ("the files of a folder are chosen by number", files_are_chosen_by_number),
    ("the first bytes come within five seconds", first_bytes_come_within_five_seconds),
    ("seeks to start, middle and end", seeks_to_start_middle_and_end),
    ("a cached range comes within a second", a_cached_range_comes_within_a_second),
    ("HEAD and If-Range", head_and_if_range),
    ("an unsatisfiable range gets 416", an_unsatisfiable_range_gets_416),
    ("an unknown torrent or file gets 404", an_unknown_torrent_or_file_gets_404),
    ("ten streams at once", ten_streams_at_once),
    ("a new torrent after a restart of the tracker", a_new_torrent_after_a_restart),
    ("a stream gets 408 while the seeder is paused", a_stream_gets_408_while_the_seeder_is_paused),
];

const SMALL: &str = "test-small-720p";
const MEDIUM: &str = "test-medium-1080p";
const LARGE: &str = "test-large-4k";

/// Asserts that a response equals the range server's, apart from validators.
#[track_caller]
fn assert_same(response: &Response, reference: &Response) {
    assert_eq!(response.status, reference.status, "{}", response.text());
    for field in ["content-length", "content-range", "content-type", "accept-ranges"] {
        assert_eq!(response.header(field), reference.header(field), "{field}");
    }
    assert_eq!(sha256(&response.body), sha256(&reference.body));
}

/// Asserts that the app streams a torrent of one file, or this range of it.
#[track_caller]
fn assert_streams(bed: &Bed, fixture: &Fixture, torrent: &str, fields: &str) {
    let reference = bed.reference(&fixture.files[0].0, fields);
    assert_same(&bed.stream(torrent, fields), &reference);
}

fn every_torrent_is_streamed_whole(bed: &mut Bed) {
    for fixture in bed.fixtures() {
        bed.forget(fixture);
        let playable =
            |path: &str| [".mp4", ".m4a", ".mkv", ".webm"].iter().any(|end| path.ends_with(end));
        let (path, hash) = fixture.files.iter().find(|(path, _)| playable(path)).unwrap();
        let response = bed.stream(&fixture.magnet, "");
        assert_eq!(response.status, 200, "{path}: {}", response.text());
        assert_eq!(&sha256(&response.body), hash, "{path}");
        assert_eq!(sha256(&bed.reference(path, "").body), *hash, "{path}");
    }
}

fn files_are_chosen_by_number(bed: &mut Bed) {
    for fixture in bed.fixtures().iter().filter(|fixture| fixture.files.len() > 1) {
        for (number, (path, hash)) in fixture.files.iter().enumerate() {
            let response = bed.stream_file(&fixture.hash, number);
            assert_eq!(response.status, 200, "{path}: {}", response.text());
            assert_eq!(&sha256(&response.body), hash, "{path}");
        }
    }
}

fn first_bytes_come_within_five_seconds(bed: &mut Bed) {
    let fixture = bed.fixture(LARGE);
    bed.forget(fixture);
    let start = Instant::now();
    assert_streams(bed, fixture, &fixture.magnet, "Range: bytes=0-1023");
    let took = start.elapsed();
    assert!(took < Duration::from_secs(5), "{took:?}");
}

fn seeks_to_start_middle_and_end(bed: &mut Bed) {
    let fixture = bed.fixture(MEDIUM);
    let length = bed.reference(&fixture.files[0].0, "").body.len();
    let (middle, last) = (length / 2, length - 1);
    let ranges = [
        "bytes=0-8191".to_owned(),
        format!("bytes={middle}-{}", middle + 8191),
        "bytes=-8192".to_owned(),
        format!("bytes={}-", length - 8192),
        format!("bytes={last}-{last}"),
        format!("bytes={last}-{}", length * 2),
    ];
    for range in ranges {
        bed.forget(fixture);
        // A bare infohash, for which the app has trackers of its own.
        assert_streams(bed, fixture, &fixture.hash, &format!("Range: {range}"));
    }
}

fn a_cached_range_comes_within_a_second(bed: &mut Bed) {
    let fixture = bed.fixture(LARGE);
    let reference = bed.reference(&fixture.files[0].0, "Range: bytes=10000000-10999999");
    assert_eq!(bed.stream(&fixture.hash, "").status, 200);
    let start = Instant::now();
    let response = bed.stream(&fixture.hash, "Range: bytes=10000000-10999999");
    let took = start.elapsed();
    assert_same(&response, &reference);
    assert!(took < Duration::from_secs(1), "{took:?}");
}

fn head_and_if_range(bed: &mut Bed) {
    let fixture = bed.fixture(SMALL);
    let whole = bed.stream(&fixture.hash, "");
    let head = bed.request("HEAD", &fixture.hash, "Range: bytes=0-9");
    assert_eq!(head.status, 200);
    assert_eq!(head.header("content-length"), whole.header("content-length"));
    assert!(head.body.is_empty());
    let etag = whole.header("etag").unwrap();
    for (validator, status) in [(etag, 206), ("\"other\"", 200)] {
        let fields = format!("Range: bytes=0-9\nIf-Range: {validator}");
        assert_eq!(bed.stream(&fixture.hash, &fields).status, status, "{validator}");
    }
}

fn an_unsatisfiable_range_gets_416(bed: &mut Bed) {
    let fixture = bed.fixture(SMALL);
    for range in ["bytes=a-b", "bytes=", "bytes=5-4", "bytes=-0", "bytes=1048576-"] {
        let fields = format!("Range: {range}");
        let response = bed.stream(&fixture.hash, &fields);
        let reference = bed.reference(&fixture.files[0].0, &fields);
        for response in [response, reference] {
            assert_eq!(response.status, 416, "{range}");
            assert_eq!(response.header("content-range"), Some("bytes */1048576"), "{range}");
        }
    }
}

fn an_unknown_torrent_or_file_gets_404(bed: &mut Bed) {
    assert_eq!(bed.stream(&"0123456789".repeat(4), "").status, 404);
    assert_eq!(bed.stream_file(&bed.fixture(SMALL).hash, 1).status, 404);
    assert_eq!(bed.stream("no infohash", "").status, 400);
}

fn ten_streams_at_once(bed: &mut Bed) {
    let bed = &*bed;
    let fixtures = [SMALL, MEDIUM, LARGE].map(|name| bed.fixture(name));
    for fixture in fixtures {
        bed.forget(fixture);
    }
    thread::scope(|scope| {
        let fields = ["", "Range: bytes=-8192", "Range: bytes=300000-"];
        let streams = fixtures.iter().flat_map(|fixture| fields.map(|fields| (fixture, fields)));
        for (fixture, fields) in streams.chain([(&fixtures[2], "")]) {
            scope.spawn(move || assert_streams(bed, fixture, &fixture.magnet, fields));
        }
    });
}

fn a_new_torrent_after_a_restart(bed: &mut Bed) {
    bed.forget(bed.fixture(MEDIUM));
    bed.restart_tracker();
    streams_again(bed, bed.fixture(MEDIUM));
}

fn a_stream_gets_408_while_the_seeder_is_paused(bed: &mut Bed) {
    let [cached, fixture] = [SMALL, MEDIUM].map(|name| bed.fixture(name));
    assert_streams(bed, cached, &cached.magnet, "");
    bed.forget(fixture);
    bed.while_paused(|| {
        let refused = bed.stream(&fixture.magnet, "");
        assert_eq!(refused.status, 408, "{} bytes", refused.body.len());
        assert_streams(bed, cached, &cached.magnet, "");
    });
    streams_again(bed, fixture);
}

/// Waits until the app streams the torrent again: it may answer 408 until the seeder has announced.
#[track_caller]
fn streams_again(bed: &Bed, fixture: &Fixture) {
    let response = eventually(&format!("a stream of {}", fixture.name), || {
        let response = bed.stream(&fixture.magnet, "");
        assert!([200, 408].contains(&response.status), "{}", response.text());
        (response.status == 200).then_some(response)
    });
    assert_same(&response, &bed.reference(&fixture.files[0].0, ""));
}
