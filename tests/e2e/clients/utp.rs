//! uTP (BEP 29) and no TCP, with the clients that can be told so.

use seedbed_tests::{
    bed::Bed,
    client::{Client, Connect},
};

use super::{MAGNET, Source, TWO_VIDEOS, downloads, downloads_every_video};

#[test]
fn libtorrent_by_magnet_link() {
    downloads_every_video(&Bed::start(&[]), Client::Libtorrent, MAGNET, Connect::Utp);
}

#[test]
fn qbittorrent_by_magnet_link_and_by_torrent_file() {
    for source in [MAGNET, Source::Torrent] {
        downloads(&Bed::start(&[]), &TWO_VIDEOS, Client::Qbittorrent, source, Connect::Utp);
    }
}
