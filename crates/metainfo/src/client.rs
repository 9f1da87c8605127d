//! Client names and versions from peer ids.
//!
//! Azureus-style ids are `-`, two characters that name the client, four that give the version, and `-`.
//! Shadow-style ids are one letter, up to five characters of version, and `-`s. Mainline-style ids are a
//! letter and numbers between `-`s. The tables follow BEP 20, wiki.theory.org and the lists of libtorrent,
//! Transmission and npm's bittorrent-peerid.

use std::fmt;

use crate::PeerId;

/// The client that a peer id names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Client {
    /// The client's name, the two characters of an Azureus-style id that no table has, or `unknown`.
    pub name: String,
    /// The version, or the beginning of the id of an unknown client.
    pub version: String,
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, version } = self;
        if version.is_empty() { f.write_str(name) } else { write!(f, "{name} {version}") }
    }
}

impl Client {
    /// The client that a peer id names.
    #[must_use]
    pub fn of(id: PeerId) -> Self {
        let id = id.as_bytes();
        let client =
            azureus(id).or_else(|| aria2(id)).or_else(|| mainline(id)).or_else(|| shadow(id));
        client.unwrap_or_else(|| Self {
            name: "unknown".to_owned(),
            version: id[..8].escape_ascii().to_string(),
        })
    }
}

/// How the four version characters of an Azureus-style id read.
#[derive(Clone, Copy, Debug)]
enum Style {
    /// `1.2.3`, and `.4` unless it is 0; letters stand for 10 and more.
    Digits,
    /// `1.2.3`, and a letter for the kind of release, as in Deluge and µTorrent.
    Release,
    /// `1.23.4`, as in Vuze's first libtorrent-based clients.
    TwoDigits,
    /// `12.34`.
    Pairs,
    /// Transmission's own, which changed twice.
    Transmission,
}

/// The clients with Azureus-style ids, sorted by their characters.
const AZUREUS: &[(&[u8; 2], &str, Style)] = &[
    (b"7T", "aTorrent", Style::Digits),
    (b"AB", "AnyEvent::BitTorrent", Style::Digits),
    (b"AG", "Ares", Style::Digits),
    (b"AR", "Arctic Torrent", Style::Digits),
    (b"AT", "Artemis", Style::Digits),
    (b"AV", "Avicora", Style::Digits),
    (b"AX", "BitPump", Style::Pairs),
    (b"AZ", "Vuze", Style::Digits),
    (b"A~", "Ares", Style::Digits),
    (b"BB", "BitBuddy", Style::Digits),
    (b"BC", "BitComet", Style::Pairs),
    (b"BF", "Bitflu", Style::Digits),
    (b"BG", "BTG", Style::Digits),
    (b"BI", "BiglyBT", Style::Digits),
    (b"BR", "BitRocket", Style::Digits),
    (b"BS", "BTSlave", Style::Digits),
    (b"BT", "BitTorrent", Style::Release),
    (b"BW", "BitWombat", Style::Digits),
    (b"BX", "BittorrentX", Style::Digits),
    (b"CD", "Enhanced CTorrent", Style::Pairs),
    (b"CT", "CTorrent", Style::Digits),
    (b"DE", "Deluge", Style::Release),
    (b"DP", "Propagate Data Client", Style::Digits),
    (b"EB", "EBit", Style::Digits),
    (b"ES", "electric sheep", Style::Digits),
    (b"FC", "FileCroc", Style::Digits),
    (b"FD", "Free Download Manager", Style::Digits),
    (b"FT", "FoxTorrent", Style::Digits),
    (b"FW", "FrostWire", Style::Digits),
    (b"FX", "Freebox BitTorrent", Style::Digits),
    (b"GR", "GetRight", Style::Digits),
    (b"GS", "GSTorrent", Style::Digits),
    (b"GT", "anacrolix/torrent", Style::Digits),
    (b"HK", "Hekate", Style::Digits),
    (b"HL", "Halite", Style::Digits),
    (b"HN", "Hydranode", Style::Digits),
    (b"IL", "iLivid", Style::Digits),
    (b"JS", "Justseed.it", Style::Digits),
    (b"KG", "KGet", Style::Digits),
    (b"KT", "KTorrent", Style::Digits),
    (b"LC", "LeechCraft", Style::Digits),
    (b"LH", "LH-ABC", Style::Digits),
    (b"LP", "Lphant", Style::Pairs),
    (b"LT", "libtorrent (Rasterbar)", Style::Digits),
    (b"LW", "LimeWire", Style::Digits),
    (b"MG", "MediaGet", Style::Digits),
    (b"MK", "Meerkat", Style::Digits),
    (b"MO", "MonoTorrent", Style::Digits),
    (b"MP", "MooPolice", Style::Digits),
    (b"MR", "Miro", Style::Digits),
    (b"MT", "MoonlightTorrent", Style::Digits),
    (b"NB", "Net::BitTorrent", Style::Digits),
    (b"NX", "Net Transport", Style::Digits),
    (b"OS", "OneSwarm", Style::Digits),
    (b"OT", "OmegaTorrent", Style::Digits),
    (b"PD", "Pando", Style::Digits),
    (b"PI", "PicoTorrent", Style::TwoDigits),
    (b"PT", "Popcorn Time", Style::Digits),
    (b"QD", "QQDownload", Style::Digits),
    (b"QT", "Qt 4 Torrent example", Style::Digits),
    (b"RT", "Retriever", Style::Digits),
    (b"RZ", "RezTorrent", Style::Digits),
    (b"SB", "Swiftbit", Style::Digits),
    (b"SD", "Thunder", Style::Digits),
    (b"SE", "seedbed", Style::Digits),
    (b"SM", "SoMud", Style::Digits),
    (b"SN", "ShareNET", Style::Digits),
    (b"SP", "BitSpirit", Style::Digits),
    (b"SS", "SwarmScope", Style::Digits),
    (b"ST", "SymTorrent", Style::Digits),
    (b"SZ", "Shareaza", Style::Digits),
    (b"S~", "Shareaza", Style::Digits),
    (b"TB", "Torch", Style::Digits),
    (b"TL", "Tribler", Style::Digits),
    (b"TN", "Torrent.NET", Style::Digits),
    (b"TR", "Transmission", Style::Transmission),
    (b"TS", "TorrentStorm", Style::Digits),
    (b"TT", "TuoTu", Style::Digits),
    (b"UE", "\u{b5}Torrent Embedded", Style::Release),
    (b"UL", "uLeecher!", Style::Digits),
    (b"UM", "\u{b5}Torrent Mac", Style::Release),
    (b"UT", "\u{b5}Torrent", Style::Release),
    (b"UW", "\u{b5}Torrent Web", Style::Release),
    (b"VG", "Vagaa", Style::Digits),
    (b"WD", "WebTorrent Desktop", Style::Pairs),
    (b"WT", "BitLet", Style::Digits),
    (b"WW", "WebTorrent", Style::Pairs),
    (b"WY", "FireTorrent", Style::Digits),
    (b"XC", "Xtorrent", Style::Digits),
    (b"XF", "Xfplay", Style::Digits),
    (b"XL", "Xunlei", Style::Digits),
    (b"XS", "XSwifter", Style::Digits),
    (b"XT", "XanTorrent", Style::Digits),
    (b"XX", "Xtorrent", Style::Digits),
    (b"ZO", "Zona", Style::Digits),
    (b"ZT", "ZipTorrent", Style::Digits),
    (b"bk", "BitKitten", Style::Digits),
    (b"lt", "rTorrent", Style::Digits),
    (b"pX", "pHoeniX", Style::Digits),
    (b"qB", "qBittorrent", Style::Digits),
    (b"rQ", "rqbit", Style::Digits),
    (b"st", "SharkTorrent", Style::Digits),
];

/// The clients with Shadow-style ids.
const SHADOW: &[(u8, &str)] = &[
    (b'A', "ABC"),
    (b'O', "Osprey Permaseed"),
    (b'Q', "BTQueue"),
    (b'R', "Tribler"),
    (b'S', "Shadow"),
    (b'T', "BitTornado"),
    (b'U', "UPnP NAT Bit Torrent"),
];

fn azureus(id: &[u8; 20]) -> Option<Client> {
    let &[b'-', first, second, a, b, c, d, end, ..] = id else { return None };
    let name = [first, second];
    let version = [a, b, c, d];
    // µTorrent puts a digit of a longer version in place of the last `-`.
    if !version.iter().all(u8::is_ascii_alphanumeric) || !(end == b'-' || first == b'U') {
        return None;
    }
    if let Ok(at) = AZUREUS.binary_search_by_key(&&name, |(name, ..)| name) {
        let (_, name, style) = AZUREUS[at];
        return Some(Client { name: name.to_owned(), version: style.format(version) });
    }
    if !name.iter().all(u8::is_ascii_alphanumeric) {
        return None;
    }
    let text = |bytes: &[u8]| bytes.iter().copied().map(char::from).collect();
    Some(Client { name: text(&name), version: text(&version) })
}

impl Style {
    fn format(self, version: [u8; 4]) -> String {
        let [a, b, c, d] = version.map(|byte| char::from(byte).to_digit(36).unwrap_or(0));
        let letters = version.map(char::from);
        match self {
            Self::Digits if d == 0 => format!("{a}.{b}.{c}"),
            Self::Digits => format!("{a}.{b}.{c}.{d}"),
            Self::Release => {
                let release = match letters[3] {
                    'd' | 'D' => " dev",
                    'a' | 'A' => " alpha",
                    'b' | 'B' => " beta",
                    'r' | 'R' => " rc",
                    's' | 'S' | '0' => "",
                    other => return format!("{a}.{b}.{c}.{other}"),
                };
                format!("{a}.{b}.{c}{release}")
            }
            Self::TwoDigits => format!("{a}.{b}{c}.{d}"),
            Self::Pairs => format!("{}.{}", 10 * a + b, 10 * c + d),
            Self::Transmission => match letters {
                ['0', '0', '0', d] => format!("0.{d}"),
                ['0', '0', c, d] => format!("0.{c}{d}"),
                // From 4.0 on each part has a digit.
                [a @ '4'..='9', b, c, _] => format!("{a}.{b}.{c}"),
                [a, b, c, _] => format!("{a}.{b}{c}"),
            },
        }
    }
}

/// aria2's own style: `A2-1-36-0-`.
fn aria2(id: &[u8; 20]) -> Option<Client> {
    let rest = id.strip_prefix(b"A2-")?;
    let numbers = rest.split(|&byte| byte == b'-').take(3).map(number).collect::<Option<Vec<_>>>();
    let [major, minor, patch] = numbers?.try_into().ok()?;
    Some(Client { name: "aria2".to_owned(), version: format!("{major}.{minor}.{patch}") })
}

/// `M7-10-3--`, and `Q` for Queen Bee.
fn mainline(id: &[u8; 20]) -> Option<Client> {
    let name = match id[0] {
        b'M' => "Mainline",
        b'Q' => "Queen Bee",
        _ => return None,
    };
    let numbers = id[1..8].split(|&byte| byte == b'-').take(3).map(number);
    let [major, minor, patch] = numbers.collect::<Option<Vec<_>>>()?.try_into().ok()?;
    Some(Client { name: name.to_owned(), version: format!("{major}.{minor}.{patch}") })
}

/// `T03I-----` is BitTornado 0.3.18.
fn shadow(id: &[u8; 20]) -> Option<Client> {
    if &id[6..9] != b"---" {
        return None;
    }
    let &(_, name) = SHADOW.iter().find(|(letter, _)| *letter == id[0])?;
    let version = id[1..6].split(|&byte| byte == b'-').next().unwrap_or_default();
    let digits = version.iter().map(|&byte| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'A'..=b'Z' => Some(byte - b'A' + 10),
        b'a'..=b'z' => Some(byte - b'a' + 36),
        b'.' => Some(62),
        _ => None,
    });
    let digits = digits.map(|digit| Some(digit?.to_string())).collect::<Option<Vec<_>>>()?;
    Some(Client { name: name.to_owned(), version: digits.join(".") })
}

fn number(digits: &[u8]) -> Option<u32> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn client(start: &[u8]) -> String {
        let mut id = [b'x'; 20];
        id[..start.len()].copy_from_slice(start);
        Client::of(PeerId::new(id)).to_string()
    }

    #[test]
    fn the_table_is_sorted() {
        assert!(AZUREUS.is_sorted_by(|(a, ..), (b, ..)| a < b));
    }

    #[test]
    fn clients_in_azureus_style_have_their_names_and_versions() {
        for (id, expected) in [
            (b"-SE0100-", "seedbed 0.1.0"),
            (b"-lt0D80-", "rTorrent 0.13.8"),
            (b"-qB4520-", "qBittorrent 4.5.2"),
            (b"-DE211s-", "Deluge 2.1.1"),
            (b"-DE13Fr-", "Deluge 1.3.15 rc"),
            (b"-LT2080-", "libtorrent (Rasterbar) 2.0.8"),
            (b"-TR3000-", "Transmission 3.00"),
            (b"-TR2940-", "Transmission 2.94"),
            (b"-TR4060-", "Transmission 4.0.6"),
            (b"-TR0072-", "Transmission 0.72"),
            (b"-TR0006-", "Transmission 0.6"),
            (b"-WW0201-", "WebTorrent 2.1"),
            (b"-WD0024-", "WebTorrent Desktop 0.24"),
            (b"-rQ0001-", "rqbit 0.0.0.1"),
            (b"-SB0100-", "Swiftbit 0.1.0"),
            (b"-UT3550-", "\u{b5}Torrent 3.5.5"),
            (b"-UT355S1", "\u{b5}Torrent 3.5.5"),
            (b"-BC0171-", "BitComet 1.71"),
            (b"-AZ5770-", "Vuze 5.7.7"),
        ] {
            assert_eq!(client(id), expected);
        }
    }

    #[test]
    fn clients_with_styles_of_their_own_are_named() {
        assert_eq!(client(b"A2-1-36-0-"), "aria2 1.36.0");
        assert_eq!(client(b"M7-10-3--"), "Mainline 7.10.3");
        assert_eq!(client(b"M4-3-6--"), "Mainline 4.3.6");
        assert_eq!(client(b"Q1-0-0--"), "Queen Bee 1.0.0");
        assert_eq!(client(b"T03I-----"), "BitTornado 0.3.18");
        assert_eq!(client(b"S58B-----"), "Shadow 5.8.11");
        assert_eq!(client(b"A310-----"), "ABC 3.1.0");
    }

    #[test]
    fn an_unknown_client_shows_the_beginning_of_its_id() {
        assert_eq!(client(b"-zz0100-"), "zz 0100");
        assert_eq!(client(&[0xff; 20]), format!("unknown {}", r"\xff".repeat(8)));
        assert_eq!(client(b"-SE\x00100-"), r"unknown -SE\x00100-");
    }

    proptest! {
        #[test]
        fn no_peer_id_makes_it_panic(id: [u8; 20], start in "[-AMQST][ -z]{0,18}") {
            let _any = Client::of(PeerId::new(id));
            let _any = client(start.as_bytes());
        }
    }
}
