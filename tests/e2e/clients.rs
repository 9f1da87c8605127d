//! Each client downloads by magnet link alone and by .torrent file alone; what it gets is what the
//! inventory and the range server say.
//!
//! Which clients and connections are not in the matrix, and why, is in the README.

use std::{fs, thread};

use seedbed_testkit::{get, get_json, sha256, sha256_file};
use seedbed_tests::{
    bed::{Bed, Fixture},
    client::{Client, Connect, download_copies},
};

/// What a client is given.
#[derive(Clone, Copy)]
enum By {
    /// The magnet link, with the trackers of this scheme.
    MagnetOver(&'static str),
    /// The .torrent file.
    Torrent,
}

/// A client downloads every stock video at once.
fn downloads_every_stock_video(bed: &Bed, client: Client, by: By, connect: Connect) {
    let fixtures = bed.fixtures();
    assert!(fixtures.len() >= 4, "the stock videos are four: {fixtures:#?}");
    thread::scope(|scope| {
        for fixture in &fixtures {
            scope.spawn(move || download_and_compare(bed, fixture, client, by, connect));
        }
    });
}

fn download_and_compare(bed: &Bed, fixture: &Fixture, client: Client, by: By, connect: Connect) {
    let directory = tempfile::tempdir().unwrap();
    let source = match by {
        By::MagnetOver(scheme) => fixture.magnet_over(scheme),
        By::Torrent => torrent_file(bed, fixture, &directory),
    };
    client.download(&source, directory.path(), connect);
    for (path, wanted) in &fixture.files {
        let downloaded = sha256_file(&directory.path().join(path));
        assert_eq!(&downloaded, wanted, "{path} as {client:?} got it");
        let served = get(&bed.url("seedbed-range", &format!("/{path}")));
        assert_eq!(served.status, 200, "{path}");
        assert_eq!(&sha256(&served.body), wanted, "{path} as the range server gives it");
    }
    let torrent = get_json(&bed.url("seedbed-seeder", &format!("/torrents/{}", fixture.name)));
    assert!(
        torrent["uploaded"].as_u64() >= torrent["size"].as_u64(),
        "all of it came from this bed's seeder: {torrent:#}"
    );
}

fn torrent_file(bed: &Bed, fixture: &Fixture, directory: &tempfile::TempDir) -> String {
    let torrent = get(&bed.url("seedbed-seeder", &format!("/torrents/{}.torrent", fixture.hash)));
    assert_eq!(torrent.status, 200);
    // A dot keeps it out of the client's way.
    let path = directory.path().join(".torrent");
    fs::write(&path, torrent.body).unwrap();
    path.to_str().expect("a temporary directory's path is UTF-8").to_owned()
}

const OVER_HTTP: By = By::MagnetOver("http");

/// One test for each client and kind of source, over TCP.
macro_rules! matrix {
    ($($name:ident: $client:ident, $by:expr;)*) => {
        $(
            #[test]
            fn $name() {
                let bed = Bed::start(&[]);
                downloads_every_stock_video(&bed, Client::$client, $by, Connect::Tcp);
            }
        )*
    };
}

matrix! {
    aria2_downloads_by_magnet_link: Aria2, OVER_HTTP;
    aria2_downloads_by_torrent_file: Aria2, By::Torrent;
    transmission_downloads_by_magnet_link: Transmission, OVER_HTTP;
    transmission_downloads_by_torrent_file: Transmission, By::Torrent;
    libtorrent_downloads_by_magnet_link: Libtorrent, OVER_HTTP;
    libtorrent_downloads_by_torrent_file: Libtorrent, By::Torrent;
    webtorrent_downloads_by_magnet_link: Webtorrent, OVER_HTTP;
    webtorrent_downloads_by_torrent_file: Webtorrent, By::Torrent;
    rqbit_downloads_by_magnet_link: Rqbit, OVER_HTTP;
    rqbit_downloads_by_torrent_file: Rqbit, By::Torrent;
    // Not Transmission 3.00, which now and then never sends its first announce over UDP.
    libtorrent_downloads_by_magnet_link_over_a_udp_tracker: Libtorrent, By::MagnetOver("udp");
}

#[test]
fn libtorrent_downloads_over_utp() {
    downloads_every_stock_video(&Bed::start(&[]), Client::Libtorrent, OVER_HTTP, Connect::Utp);
}

#[test]
fn libtorrent_downloads_over_ipv6() {
    let bed = Bed::start_on_ipv6(&[]);
    downloads_every_stock_video(&bed, Client::Libtorrent, OVER_HTTP, Connect::TcpOverIpv6);
}

#[test]
fn clients_that_insist_on_encryption_download() {
    let bed = Bed::start(&[]);
    for client in [Client::Libtorrent, Client::Aria2] {
        downloads_every_stock_video(&bed, client, OVER_HTTP, Connect::Encrypted);
    }
}

#[test]
fn a_bed_that_insists_on_encryption_serves_clients_that_can() {
    let bed = Bed::start(&["--encryption", "rc4"]);
    let connect = Connect::Encrypted;
    downloads_every_stock_video(&bed, Client::Libtorrent, By::Torrent, connect);
}

#[test]
fn fifty_clients_at_once_all_complete() {
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
