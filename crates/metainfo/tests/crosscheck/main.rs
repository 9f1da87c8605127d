//! Metainfo as libtorrent and transmission read it, at every edge that a piece or a name has.

#![expect(clippy::unwrap_used, reason = "what is unexpected fails the test")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use seedbed_metainfo::{DiskContent, MagnetLink, Metainfo, Options, PieceLength, TorrentFile};
use seedbed_testkit::{Server, Tool, binary, require, sha256_file};
use serde_json::{Value, json};

const SHOW: Tool = Tool {
    command: "transmission-show",
    probe: &["--version"],
    install: "apt-get install transmission-cli",
};

const PIECE: usize = 16 << 10;

/// Content in a directory of its own, and its torrent.
struct Case {
    directory: tempfile::TempDir,
    name: String,
    options: Options,
}

impl Case {
    fn file(name: &str, length: usize) -> Self {
        let case = Self::empty(name);
        fs::write(case.path(), bytes(length)).unwrap();
        case
    }

    fn folder<S: AsRef<str>>(name: &str, files: &[(S, usize)]) -> Self {
        let case = Self::empty(name);
        for (path, length) in files {
            let path = case.path().join(path.as_ref());
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes(*length)).unwrap();
        }
        case
    }

    fn empty(name: &str) -> Self {
        let piece_length = Some(PieceLength::new(PIECE as u32).unwrap());
        let options = Options { piece_length, ..Options::default() };
        Self { directory: tempfile::tempdir().unwrap(), name: name.to_owned(), options }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join(&self.name)
    }

    fn content(&self) -> DiskContent {
        DiskContent::scan(&self.path(), self.directory.path()).unwrap()
    }

    fn metainfo(&self) -> Metainfo {
        Metainfo::build(&self.content(), &self.options).unwrap()
    }

    /// Where the .torrent file is, beside the content.
    fn write(&self, torrent: &[u8]) -> PathBuf {
        let path = self.directory.path().join(".torrent");
        fs::write(&path, torrent).unwrap();
        path
    }

    /// What libtorrent says, after what it must say of any torrent was checked.
    fn check(&self) -> Value {
        let metainfo = self.metainfo();
        let torrent = self.write(&metainfo.to_torrent(&[], &[]));
        let report = libtorrent(&torrent, self.directory.path(), &[]);
        let infohash = metainfo.infohash().to_string();
        assert_eq!(report["infohash"], infohash, "{}", self.name);
        assert_eq!(report["seeds"], true, "libtorrent's check of {}", self.name);
        assert_eq!(report["pieceLength"], metainfo.piece_length().bytes());
        assert_eq!(report["pieces"], metainfo.piece_count());
        assert_eq!(report["private"], self.options.private);
        let shown = transmission(&torrent);
        assert!(shown.contains(&infohash), "{shown}");
        assert!(shown.contains(&format!("Piece Count: {}\n", metainfo.piece_count())), "{shown}");
        assert_eq!(
            TorrentFile::parse(&fs::read(&torrent).unwrap()).unwrap().infohash,
            metainfo.infohash()
        );
        report
    }

    /// As [`Self::check`]; libtorrent would have created the very same torrent.
    fn check_created(&self) -> Value {
        let report = self.check();
        assert_eq!(report["created"], report["infohash"], "{}", self.name);
        report
    }
}

/// Bytes no two pieces of which are the same.
fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|index| (index * 31 + index / 251) as u8).collect()
}

fn libtorrent(torrent: &Path, directory: &Path, more: &[&str]) -> Value {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/clients/libtorrent_metainfo.py");
    let mut command = Command::new(require(Tool::LIBTORRENT));
    let output = command.arg(script).arg(torrent).arg(directory).args(more).output().unwrap();
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{log}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn transmission(torrent: &Path) -> String {
    let output = Command::new(require(SHOW)).arg(torrent).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn a_file_of_any_length_has_the_right_pieces() {
    for (length, pieces) in [
        (1, 1),
        (PIECE - 1, 1),
        (PIECE, 1),
        (PIECE + 1, 2),
        (3 * PIECE, 3),
        (3 * PIECE - 1, 3),
        (100 * PIECE + 7, 101),
    ] {
        let report = Case::file("file.bin", length).check_created();
        assert_eq!(report["pieces"], pieces, "{length} bytes");
        assert_eq!(report["files"], json!([["file.bin", length, false]]));
    }
}

#[test]
fn empty_files_count_wherever_they_are() {
    let files = [("a", 0), ("b", PIECE), ("c", 0), ("d/e", 5), ("d/f", PIECE - 5), ("z", 0)];
    let report = Case::folder("folder", &files).check_created();
    assert_eq!(report["pieces"], 2);
    let files = files.map(|(path, length)| json!([format!("folder/{path}"), length, false]));
    assert_eq!(report["files"], json!(files));
}

#[test]
fn ten_thousand_small_files_are_one_torrent() {
    let file = |index: usize| (format!("{:02}/{index}", index % 37), index % 101);
    let files: Vec<_> = (0..10_000).map(file).collect();
    let report = Case::folder("many", &files).check_created();
    assert_eq!(report["files"].as_array().unwrap().len(), 10_000);
}

#[test]
fn names_are_kept_as_they_are_composed_or_not() {
    // The same letter, in one code point and in two: two files.
    let names =
        ["caf\u{e9}", "cafe\u{301}", "日本語.mp4", "🎬 two  spaces & more?.mkv", "-x", "%41"];
    let report = Case::folder("Ünïcödé", &names.map(|name| (name, 9))).check_created();
    let mut sorted = names.map(|name| format!("Ünïcödé/{name}"));
    sorted.sort();
    let paths = report["files"].as_array().unwrap().iter().map(|file| file[0].as_str().unwrap());
    assert_eq!(paths.collect::<Vec<_>>(), sorted);
}

#[test]
fn names_as_long_as_file_systems_have_them_are_read_by_all() {
    let long = "n".repeat(255);
    let case = Case::folder("folder", &[(format!("{long}/{long}/{long}"), 9)]);
    let metainfo = case.metainfo();
    let torrent = metainfo.to_torrent(&[], &[]);
    let files = TorrentFile::parse(&torrent).unwrap().files;
    assert_eq!(files[0].path, [long.as_str(); 3]);
    // libtorrent reads it, though it would write shorter names.
    let report = libtorrent(&case.write(&torrent), case.directory.path(), &["unchecked"]);
    assert_eq!(report["infohash"], metainfo.infohash().to_string());
    assert!(transmission(&case.write(&torrent)).contains(&format!("{long}/{long}/{long}")));
    // The longest that it writes as they are.
    let long = "n".repeat(240);
    Case::folder("folder", &[(format!("{long}/{long}"), 9)]).check_created();
}

#[test]
fn private_source_and_piece_length_are_read_as_they_were_given() {
    let mut case = Case::file("file.bin", 100_000);
    let plain = case.check_created();
    case.options.private = true;
    case.options.source = Some("run-7".to_owned());
    case.options.piece_length = Some(PieceLength::new(32 << 10).unwrap());
    let report = case.check_created();
    assert_eq!((&report["pieceLength"], &report["pieces"]), (&json!(32 << 10), &json!(4)));
    assert_ne!(report["infohash"], plain["infohash"]);
}

#[test]
fn bep_47_pad_files_are_known_as_such_and_every_piece_is_right() {
    let mut case =
        Case::folder("folder", &[("a", 1), ("b", 0), ("c", PIECE), ("d", 2 * PIECE + 5)]);
    case.options.pads = true;
    let report = case.check();
    assert_eq!(
        report["files"],
        json!([
            ["folder/a", 1, false],
            ["folder/b", 0, false],
            [format!("folder/.pad/{}", PIECE - 1), PIECE - 1, true],
            ["folder/c", PIECE, false],
            ["folder/d", 2 * PIECE + 5, false],
        ])
    );
    let metainfo = case.metainfo();
    let listed: Vec<_> = metainfo.files().iter().map(|file| file.path.as_str()).collect();
    assert_eq!(listed, ["a", "b", "c", "d"]);
    assert_eq!(metainfo.length(), 3 * PIECE as u64 + 6);
    // A storage has to have the same files under the same numbers.
    let laid_out = metainfo.laid_out(std::sync::Arc::new(case.content()));
    let lengths: Vec<_> = laid_out.files().iter().map(|file| file.length).collect();
    assert_eq!(lengths, [1, 0, PIECE as u64 - 1, PIECE as u64, 2 * PIECE as u64 + 5]);
}

#[test]
fn bep_12_tiers_are_read_as_they_were_given() {
    let case = Case::file("file.bin", 1);
    let tiers = [vec!["http://a/announce", "udp://b:1"], vec![], vec!["udp://c:1"]]
        .map(|tier| tier.into_iter().map(str::to_owned).collect());
    let torrent = case.write(&case.metainfo().to_torrent(&tiers, &[]));
    let report = libtorrent(&torrent, case.directory.path(), &[]);
    let expected = json!([[0, "http://a/announce"], [0, "udp://b:1"], [1, "udp://c:1"]]);
    assert_eq!(report["trackers"], expected);
    let shown = transmission(&torrent);
    assert!(shown.contains("Tier #2\n  udp://c:1"), "{shown}");
    let magnet = case.metainfo().magnet_link(&tiers, &["http://w".to_owned()]).to_string();
    let magnet: MagnetLink = magnet.parse().unwrap();
    assert_eq!(magnet.trackers, ["http://a/announce", "udp://b:1", "udp://c:1"]);
    assert_eq!(magnet.web_seeds, ["http://w/file.bin"]);
}

#[test]
fn bep_19_libtorrent_downloads_from_a_web_seed_that_serves_the_directory() {
    let names = ["é & ?#%41+.bin", "sub/b"];
    let cases = [
        (Case::file("a file & é ?#%41+.bin", 100_000), false),
        (Case::folder("a folder", &names.map(|name| (name, 50_000))), false),
        (Case::folder("padded", &names.map(|name| (name, 50_000))), true),
    ];
    for (mut case, pads) in cases {
        case.options.pads = pads;
        let root = case.directory.path().to_str().unwrap();
        let range =
            Server::start(&binary("seedbed-range"), ["--root", root, "--listen", "127.0.0.1:0"]);
        let metainfo = case.metainfo();
        let torrent = metainfo.to_torrent(&[], &[range.url("/").to_string()]);
        let torrent = case.write(&torrent);
        let downloads = tempfile::tempdir().unwrap();
        let report = libtorrent(&torrent, downloads.path(), &["download"]);
        assert_eq!(report["seeds"], true);
        for file in metainfo.files() {
            let name = if metainfo.is_single_file() { "" } else { metainfo.name() };
            let path = downloads.path().join(name).join(&file.path);
            assert_eq!(sha256_file(&path), hex::encode(file.sha256), "{path:?}");
        }
    }
}
