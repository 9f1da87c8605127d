//! Many clients at once.

use seedbed_testkit::sha256_file;
use seedbed_tests::{bed::Bed, client::download_copies};

#[test]
fn fifty_clients_at_once_complete() {
    let bed = Bed::start(&[]);
    let fixtures = bed.fixtures();
    let fixture = fixtures.iter().find(|fixture| fixture.name == "test-medium-1080p").unwrap();
    let directory = tempfile::tempdir().unwrap();
    download_copies(50, &fixture.magnet_over("http"), directory.path());
    let (path, wanted) = &fixture.files[0];
    for copy in 0..50 {
        let copy = directory.path().join(copy.to_string()).join(path);
        assert_eq!(&sha256_file(&copy), wanted, "{copy:?}");
    }
}
