//! Content that changes while it is seeded: nothing of it is served any more.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
};

use seedbed_testkit::{Server, eventually, get};
use tempfile::TempDir;

use crate::{
    common::{content, hash, healthy, post, seeder, send, torrent, tracked, tracker},
    peer::Peer,
};

/// A tracker and a seeder of `a.bin` and `b.bin`, whose bytes are their names.
struct Bed {
    content: TempDir,
    tracker: Server,
    seeder: Server,
    hash: String,
}

impl Bed {
    fn start() -> Self {
        let content = content(&["a.bin", "b.bin"]);
        let (tracker, announce) = tracker();
        let path = content.path().to_str().unwrap();
        let seeder = seeder(&["--content", path, "--announce", &announce]);
        healthy(&seeder);
        let hash = hash(&seeder, "a");
        let bed = Self { content, tracker, seeder, hash };
        // The engine has the file open from now on.
        assert_eq!(bed.download("a"), Some(b"a.bin".to_vec()));
        bed
    }

    fn path(&self) -> PathBuf {
        self.content.path().join("a.bin")
    }

    /// All of a torrent's content, or `None` if the seeder closes the connection first.
    fn download(&self, key: &str) -> Option<Vec<u8>> {
        let mut peer = Peer::connect(self.seeder.address("tcp"), &hash(&self.seeder, key)).ok()?;
        peer.interested().ok()?;
        peer.ask(0, 0, 5).ok()?;
        peer.block().ok()
    }

    /// Asserts that no byte of `a.bin` is served, and that everybody is told why.
    #[track_caller]
    fn refuses(&self, why: &str) {
        assert_eq!(self.download("a"), None);
        let view = eventually("the torrent to be in error and its tracker to know", || {
            let view = torrent(&self.seeder, "a");
            let is_gone = tracked(&self.tracker, &self.hash).is_empty();
            (view["state"] == "error" && is_gone).then_some(view)
        });
        let error = view["error"].as_str().unwrap();
        assert!(error.contains("a.bin") && error.contains(why), "{error}");
        let health = get(&self.seeder.url("/health"));
        assert_eq!(health.status, 503, "{}", health.text());
        let reason = health.json()["reason"].as_str().unwrap().to_owned();
        assert!(reason.contains("a is in error") && reason.contains(why), "{reason}");
        assert_eq!(health.json()["seedingTorrents"], 1);
        assert!(Peer::connect(self.seeder.address("tcp"), &self.hash).is_err());
        // The others are served as before.
        assert_eq!(self.download("b"), Some(b"b.bin".to_vec()));
    }
}

fn overwrite(path: &Path) {
    fs::write(path, "WRONG").unwrap();
}

#[test]
fn a_file_that_is_overwritten_in_place_is_not_served() {
    let bed = Bed::start();
    overwrite(&bed.path());
    bed.refuses("it was written to");
}

#[test]
fn a_file_that_is_overwritten_with_its_time_restored_is_not_served() {
    let bed = Bed::start();
    let before = fs::metadata(bed.path()).unwrap().modified().unwrap();
    overwrite(&bed.path());
    File::options().write(true).open(bed.path()).unwrap().set_modified(before).unwrap();
    bed.refuses("it was written to");
}

#[test]
fn a_file_in_whose_place_another_was_renamed_is_not_served() {
    let bed = Bed::start();
    let new = bed.content.path().join(".new");
    overwrite(&new);
    fs::rename(new, bed.path()).unwrap();
    bed.refuses("removed");
}

#[test]
fn a_file_that_is_truncated_is_not_served() {
    let bed = Bed::start();
    File::options().write(true).open(bed.path()).unwrap().set_len(2).unwrap();
    bed.refuses("its length is another");
}

#[test]
fn a_file_that_grew_is_not_served() {
    let bed = Bed::start();
    fs::write(bed.path(), "a.bin and more").unwrap();
    bed.refuses("its length is another");
}

#[test]
fn a_file_that_is_removed_is_not_served() {
    let bed = Bed::start();
    fs::remove_file(bed.path()).unwrap();
    bed.refuses("removed");
}

#[test]
fn a_file_that_became_a_fifo_holds_up_nothing_and_is_not_served() {
    let bed = Bed::start();
    fs::remove_file(bed.path()).unwrap();
    assert!(Command::new("mkfifo").arg(bed.path()).status().unwrap().success());
    bed.refuses("removed");
    // Hashing it again opens it, which must not wait for a writer.
    let resumed = post(&bed.seeder, "/torrents/a/resume", None);
    assert_eq!(resumed["state"], "error");
    bed.refuses("removed");
}

#[test]
fn a_file_whose_bytes_are_the_same_is_served_again() {
    let bed = Bed::start();
    // Another hard link leaves another ctime, and the same bytes.
    fs::hard_link(bed.path(), bed.content.path().join(".link")).unwrap();
    assert_eq!(bed.download("a"), None);
    eventually("the torrent to be served again", || {
        (get(&bed.seeder.url("/health")).status == 200).then_some(())
    });
    assert_eq!(bed.download("a"), Some(b"a.bin".to_vec()));
    assert_eq!(tracked(&bed.tracker, &bed.hash).len(), 1);
}

#[test]
fn a_file_that_was_restored_is_served_again_once_it_is_resumed() {
    let bed = Bed::start();
    overwrite(&bed.path());
    bed.refuses("it was written to");
    assert_eq!(post(&bed.seeder, "/torrents/a/resume", None)["state"], "error");
    fs::write(bed.path(), "a.bin").unwrap();
    assert_eq!(post(&bed.seeder, "/torrents/a/resume", None)["state"], "seeding");
    assert_eq!(bed.download("a"), Some(b"a.bin".to_vec()));
    assert_eq!(get(&bed.seeder.url("/health")).status, 200);
}

#[test]
fn a_torrent_in_error_can_be_removed_and_added_with_its_new_content() {
    let bed = Bed::start();
    overwrite(&bed.path());
    bed.refuses("it was written to");
    assert_eq!(send(&bed.seeder, "DELETE", "/torrents/a", None).status, 204);
    let wanted = serde_json::json!({"path": "a.bin"});
    assert_eq!(send(&bed.seeder, "POST", "/torrents", Some(&wanted)).status, 201);
    assert_eq!(bed.download("a"), Some(b"WRONG".to_vec()));
}
