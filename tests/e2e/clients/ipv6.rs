//! A bed that listens on IPv6 and on nothing else.

use seedbed_tests::{
    bed::Bed,
    client::{Client, Connect},
};

use super::{MAGNET, TWO_VIDEOS, downloads};

macro_rules! over_ipv6 {
    ($($name:ident: $client:ident;)*) => {
        $(
            #[test]
            fn $name() {
                let bed = Bed::start_on_ipv6(&["--interval", "2"]);
                downloads(&bed, &TWO_VIDEOS, Client::$client, MAGNET, Connect::TcpOverIpv6);
            }
        )*
    };
}

over_ipv6! {
    aria2_downloads: Aria2;
    deluge_downloads: Deluge;
    libtorrent_downloads: Libtorrent;
    qbittorrent_downloads: Qbittorrent;
    rqbit_downloads: Rqbit;
    rtorrent_downloads: Rtorrent;
    transmission_downloads: Transmission;
    webtorrent_downloads: Webtorrent;
}
