//! TCP over IPv4, as clients connect by default: every stock video by magnet link, two by .torrent
//! file.

use seedbed_tests::{
    bed::Bed,
    client::{Client, Connect},
};

use super::{MAGNET, Source, TWO_VIDEOS, downloads, downloads_every_video};

fn by_magnet_link(client: Client) {
    downloads_every_video(&Bed::start(&[]), client, MAGNET, Connect::Tcp);
}

fn by_torrent_file(client: Client) {
    downloads(&Bed::start(&[]), &TWO_VIDEOS, client, Source::Torrent, Connect::Tcp);
}

macro_rules! matrix {
    ($($client:ident: $by_magnet_link:ident, $by_torrent_file:ident;)*) => {
        $(
            #[test]
            fn $by_magnet_link() {
                by_magnet_link(Client::$client);
            }

            #[test]
            fn $by_torrent_file() {
                by_torrent_file(Client::$client);
            }
        )*
    };
}

matrix! {
    Aria2: aria2_by_magnet_link, aria2_by_torrent_file;
    Deluge: deluge_by_magnet_link, deluge_by_torrent_file;
    Libtorrent: libtorrent_by_magnet_link, libtorrent_by_torrent_file;
    Qbittorrent: qbittorrent_by_magnet_link, qbittorrent_by_torrent_file;
    Rqbit: rqbit_by_magnet_link, rqbit_by_torrent_file;
    Rtorrent: rtorrent_by_magnet_link, rtorrent_by_torrent_file;
    Transmission: transmission_by_magnet_link, transmission_by_torrent_file;
    Webtorrent: webtorrent_by_magnet_link, webtorrent_by_torrent_file;
}

#[test]
fn ctorrent_by_torrent_file() {
    downloads_every_video(&Bed::start(&[]), Client::Ctorrent, Source::Torrent, Connect::Tcp);
}

// Not Transmission 3.00, which now and then never sends its first announce over UDP.
#[test]
fn libtorrent_by_magnet_link_with_a_udp_tracker() {
    let source = Source::Magnet("udp");
    downloads(&Bed::start(&[]), &TWO_VIDEOS, Client::Libtorrent, source, Connect::Tcp);
}
