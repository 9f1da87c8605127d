//! Real clients download from a bed by magnet link and by .torrent file. Every file that they get has
//! the SHA-256 that the inventory lists, and so has the same file from the range server.
//!
//! `docs/clients.md` lists the clients and the ways to connect that are not here, with the reasons.

mod crowd;
mod encrypted;
mod ipv6;
mod tcp;
mod utp;

use std::{fs, path::Path, thread};

use seedbed_testkit::{get, get_json, sha256, sha256_file};
use seedbed_tests::{
    bed::{Bed, Fixture},
    client::{Client, Connect},
};

/// What a client is given.
#[derive(Clone, Copy)]
enum Source {
    /// The magnet link with the trackers of this scheme.
    Magnet(&'static str),
    /// The .torrent file.
    Torrent,
}

const MAGNET: Source = Source::Magnet("http");

/// A single file and a folder, for combinations that need not be tried with every video.
const TWO_VIDEOS: [&str; 2] = ["test-small-720p", "test-season"];

/// A client downloads every stock video, all at the same time.
fn downloads_every_video(bed: &Bed, client: Client, source: Source, connect: Connect) {
    let fixtures = bed.fixtures();
    assert!(fixtures.len() >= 4, "these are not the stock videos: {fixtures:#?}");
    download_and_compare(bed, &fixtures, client, source, connect);
}

/// As [`downloads_every_video`], but only these videos.
fn downloads(bed: &Bed, names: &[&str], client: Client, source: Source, connect: Connect) {
    let mut fixtures = bed.fixtures();
    fixtures.retain(|fixture| names.contains(&&*fixture.name));
    assert_eq!(fixtures.len(), names.len(), "the bed has {names:?}");
    download_and_compare(bed, &fixtures, client, source, connect);
}

fn download_and_compare(
    bed: &Bed,
    fixtures: &[Fixture],
    client: Client,
    source: Source,
    connect: Connect,
) {
    thread::scope(|scope| {
        for fixture in fixtures {
            scope.spawn(move || {
                let directory = tempfile::tempdir().unwrap();
                let source = match source {
                    Source::Magnet(scheme) => fixture.magnet_over(scheme),
                    Source::Torrent => torrent_file(bed, fixture, directory.path()),
                };
                client.download(&source, directory.path(), connect);
                compare(bed, fixture, directory.path());
            });
        }
    });
}

/// The downloaded files are those of the inventory and of the range server, and they came from the
/// bed's seeder.
fn compare(bed: &Bed, fixture: &Fixture, directory: &Path) {
    for (path, wanted) in &fixture.files {
        assert_eq!(&sha256_file(&directory.join(path)), wanted, "{path} as it was downloaded");
        let served = get(&bed.url("seedbed-range", &format!("/{path}")));
        assert_eq!(served.status, 200, "{path}");
        assert_eq!(&sha256(&served.body), wanted, "{path} as the range server serves it");
    }
    let torrent = get_json(&bed.url("seedbed-seeder", &format!("/torrents/{}", fixture.name)));
    assert!(
        torrent["uploaded"].as_u64() >= torrent["size"].as_u64(),
        "the bed's seeder served all of it: {torrent:#}"
    );
}

/// Stores the .torrent file of a fixture in `directory` and returns its path.
fn torrent_file(bed: &Bed, fixture: &Fixture, directory: &Path) -> String {
    let torrent = get(&bed.url("seedbed-seeder", &format!("/torrents/{}.torrent", fixture.hash)));
    assert_eq!(torrent.status, 200);
    // A client's own files have a dot too.
    let path = directory.join(".torrent");
    fs::write(&path, torrent.body).unwrap();
    path.to_str().expect("a temporary directory's path is UTF-8").to_owned()
}
