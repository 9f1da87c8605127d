//! Each client downloads every stock video by its magnet link alone; what it gets is what the
//! inventory and the range server say.

use std::thread;

use seedbed_testkit::{get, get_json, sha256, sha256_file};
use seedbed_tests::{
    bed::{Bed, Fixture},
    client::Client,
};

fn downloads_every_stock_video(client: Client, scheme: &str) {
    let bed = Bed::start(&[]);
    let fixtures = bed.fixtures();
    assert!(fixtures.len() >= 4, "the stock videos are four: {fixtures:#?}");
    thread::scope(|scope| {
        for fixture in &fixtures {
            let bed = &bed;
            scope.spawn(move || download_and_compare(bed, fixture, client, scheme));
        }
    });
}

fn download_and_compare(bed: &Bed, fixture: &Fixture, client: Client, scheme: &str) {
    let directory = tempfile::tempdir().unwrap();
    client.download(&fixture.magnet_over(scheme), directory.path());
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

#[test]
fn aria2_downloads_by_magnet_link_over_an_http_tracker() {
    downloads_every_stock_video(Client::Aria2, "http");
}

#[test]
fn transmission_downloads_by_magnet_link_over_an_http_tracker() {
    downloads_every_stock_video(Client::Transmission, "http");
}

#[test]
fn libtorrent_downloads_by_magnet_link_over_an_http_tracker() {
    downloads_every_stock_video(Client::Libtorrent, "http");
}

// Not Transmission 3.00, which now and then never sends its first announce over UDP.
#[test]
fn libtorrent_downloads_by_magnet_link_over_a_udp_tracker() {
    downloads_every_stock_video(Client::Libtorrent, "udp");
}
