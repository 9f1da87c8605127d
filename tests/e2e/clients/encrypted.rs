//! RC4 (Message Stream Encryption) and nothing else, as the client insists on it.

use seedbed_tests::{
    bed::Bed,
    client::{Client, Connect},
};

use super::{MAGNET, Source, TWO_VIDEOS, downloads};

/// Downloads by magnet link and by .torrent file, each from a bed of its own: some clients keep one
/// peer an address, and may keep the client before them.
fn insists_on_rc4(client: Client, flags: &[&str]) {
    for source in [MAGNET, Source::Torrent] {
        downloads(&Bed::start(flags), &TWO_VIDEOS, client, source, Connect::Encrypted);
    }
}

macro_rules! insist {
    ($($name:ident: $client:ident;)*) => {
        $(
            #[test]
            fn $name() {
                insists_on_rc4(Client::$client, &[]);
            }
        )*
    };
}

insist! {
    aria2_insists_on_rc4: Aria2;
    deluge_insists_on_rc4: Deluge;
    libtorrent_insists_on_rc4: Libtorrent;
    qbittorrent_insists_on_rc4: Qbittorrent;
    webtorrent_insists_on_rc4: Webtorrent;
}

/// The seeder has to dial it, and dials with RC4 only if it may not dial without.
#[test]
fn transmission_insists_on_rc4_and_is_dialled_with_it() {
    insists_on_rc4(Client::Transmission, &["--encryption", "rc4", "--interval", "2"]);
}

/// rTorrent 0.9.8 loses metadata of more than a few kilobytes over RC4, from libtorrent as a seeder
/// too. So the large video comes by its .torrent file.
#[test]
fn rtorrent_insists_on_rc4() {
    insists_on_rc4(Client::Rtorrent, &[]);
    let large = ["test-large-4k"];
    let bed = Bed::start(&[]);
    downloads(&bed, &large, Client::Rtorrent, Source::Torrent, Connect::Encrypted);
}

#[test]
fn a_bed_that_insists_on_rc4_serves_clients_that_can() {
    let bed = Bed::start(&["--encryption", "rc4"]);
    downloads(&bed, &TWO_VIDEOS, Client::Libtorrent, Source::Torrent, Connect::Encrypted);
}
