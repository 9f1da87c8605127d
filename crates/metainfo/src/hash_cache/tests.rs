//! What is remembered, and what never is.

use std::{cell::Cell, os::unix::fs::MetadataExt as _};

use seedbed_testkit::wait_until;

use super::*;
use crate::{DiskContent, Metainfo, Options, Padded, hashing};

/// A folder of content beside a cache.
struct Bed {
    root: tempfile::TempDir,
    cache: HashCache,
}

impl Bed {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("content/sub")).unwrap();
        fs::write(root.path().join("content/sub/a"), "some bytes").unwrap();
        fs::write(root.path().join("content/b"), "other bytes").unwrap();
        let cache = HashCache::open(&root.path().join("cache/below")).unwrap();
        Self { root, cache }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join("content").join(name)
    }

    fn content(&self) -> DiskContent {
        DiskContent::scan(&self.root.path().join("content"), self.root.path()).unwrap()
    }

    fn entries(&self) -> Vec<PathBuf> {
        fs::read_dir(&self.cache.0).unwrap().map(|entry| entry.unwrap().path()).collect()
    }

    /// Whether the content had to be hashed. All its files have been left alone for an hour.
    fn hashes(&self) -> bool {
        self.hashes_with(&self.content(), 16 << 10)
    }

    fn hashes_with(&self, content: &dyn Content, piece_length: u32) -> bool {
        let later = SystemTime::now() + Duration::from_secs(3600);
        let (hashed, progress) = (Cell::new(false), Progress::default());
        let hash = || {
            hashed.set(true);
            hashing::hash(content, piece_length, &progress)
        };
        let piece_length = PieceLength::new(piece_length).unwrap();
        let hashes = self.cache.hashes_at(later, content, piece_length, &progress, hash).unwrap();
        assert_eq!(progress.hashed(), total_length(content));
        let anew = hashing::hash(content, piece_length.bytes(), &Progress::default()).unwrap();
        assert!(hashes == anew, "the hashes are not those of the content");
        hashed.get()
    }
}

/// Writes other bytes of the same length to a file, and sets its modification time back.
fn rewrite_in_secret(path: &Path) {
    let before = fs::metadata(path).unwrap();
    // Until the clock has ticked on: within a tick nothing tells, which is why such entries are
    // not written.
    wait_until("the inode's time to change", || {
        let bytes = fs::read(path).unwrap().iter().map(|byte| byte ^ 1).collect::<Vec<_>>();
        fs::write(path, bytes).unwrap();
        fs::File::options()
            .write(true)
            .open(path)
            .unwrap()
            .set_modified(before.modified().unwrap())
            .unwrap();
        let after = fs::metadata(path).unwrap();
        assert_eq!(
            (after.modified().unwrap(), after.len()),
            (before.modified().unwrap(), before.len())
        );
        (after.ctime(), after.ctime_nsec()) != (before.ctime(), before.ctime_nsec())
    });
}

#[test]
fn unchanged_content_is_hashed_once() {
    let bed = Bed::new();
    assert!(bed.hashes());
    assert!(!bed.hashes());
    let again = HashCache::open(&bed.cache.0).unwrap();
    assert!(!Bed { cache: again, ..bed }.hashes());
}

#[test]
fn other_bytes_of_the_same_length_and_modification_time_are_hashed_again() {
    let bed = Bed::new();
    assert!(bed.hashes());
    rewrite_in_secret(&bed.path("sub/a"));
    assert!(bed.hashes());
    assert!(!bed.hashes());
}

#[test]
fn another_file_in_place_of_one_is_hashed_again() {
    let bed = Bed::new();
    assert!(bed.hashes());
    fs::write(bed.path(".new"), "SOME BYTES").unwrap();
    fs::rename(bed.path(".new"), bed.path("sub/a")).unwrap();
    assert!(bed.hashes());
}

#[test]
fn another_layout_is_hashed_again() {
    let bed = Bed::new();
    assert!(bed.hashes());
    fs::write(bed.path("c"), "new").unwrap();
    assert!(bed.hashes());
    fs::remove_file(bed.path("c")).unwrap();
    fs::rename(bed.path("b"), bed.path("B")).unwrap();
    assert!(bed.hashes());
    assert_eq!(bed.entries().len(), 1, "an entry takes the place of that of the former content");
}

#[test]
fn another_piece_length_and_pads_have_entries_of_their_own() {
    let bed = Bed::new();
    let content = bed.content();
    let padded = Padded::new(Box::new(bed.content()), PieceLength::new(16 << 10).unwrap());
    for _ in 0..2 {
        let first = bed.entries().len() < 3;
        assert_eq!(bed.hashes_with(&content, 16 << 10), first);
        assert_eq!(bed.hashes_with(&content, 32 << 10), first);
        assert_eq!(bed.hashes_with(&padded, 16 << 10), first);
    }
    assert_eq!(bed.entries().len(), 3);
}

#[test]
fn everything_of_an_identity_is_part_of_the_key() {
    let bed = Bed::new();
    let content = bed.content();
    let key = |identity: &Identity| {
        Entry::new(&content, PieceLength::new(16 << 10).unwrap(), identity).key
    };
    let identity = content.identity().unwrap().unwrap();
    let changes: [fn(&mut FileIdentity); 7] = [
        |file| file.device += 1,
        |file| file.inode += 1,
        |file| file.length += 1,
        |file| file.modified[0] += 1,
        |file| file.modified[1] ^= 1,
        |file| file.changed[0] += 1,
        |file| file.changed[1] ^= 1,
    ];
    for file in 0..2 {
        for change in changes {
            let mut other = identity.clone();
            change(&mut other.files[file]);
            assert!(key(&other) != key(&identity), "{other:?}");
        }
    }
}

#[test]
fn what_changed_less_than_two_seconds_before_is_not_remembered() {
    let bed = Bed::new();
    let (content, piece_length) = (bed.content(), PieceLength::new(16 << 10).unwrap());
    let newest = content.identity().unwrap().unwrap().files;
    let [seconds, nanoseconds] = newest.iter().map(|file| file.changed).max().unwrap();
    let newest = SystemTime::UNIX_EPOCH
        + Duration::new(seconds.try_into().unwrap(), nanoseconds.try_into().unwrap());
    let progress = Progress::default();
    let hash = || hashing::hash(&content, 16 << 10, &progress);
    for (after, entries) in [(-3600, 0), (0, 0), (1999, 0), (2001, 1)] {
        let change = Duration::from_millis(i64::unsigned_abs(after));
        let now = if after < 0 { newest - change } else { newest + change };
        bed.cache.hashes_at(now, &content, piece_length, &progress, hash).unwrap();
        assert_eq!(bed.entries().len(), entries, "{after} ms after the change");
    }
    // Which is what the caller of the library gets, too.
    fs::write(bed.path("b"), "new bytes").unwrap();
    let fresh = tempfile::tempdir().unwrap();
    let cache = HashCache::open(fresh.path()).unwrap();
    Metainfo::build_with(&bed.content(), &Options::default(), &progress, Some(&cache)).unwrap();
    assert_eq!(fs::read_dir(fresh.path()).unwrap().count(), 0);
}

#[test]
fn what_changes_while_it_is_hashed_is_not_remembered() {
    let bed = Bed::new();
    let (content, progress) = (bed.content(), Progress::default());
    let hash = || {
        let hashes = hashing::hash(&content, 16 << 10, &progress);
        rewrite_in_secret(&bed.path("b"));
        hashes
    };
    let later = SystemTime::now() + Duration::from_secs(3600);
    let piece_length = PieceLength::new(16 << 10).unwrap();
    bed.cache.hashes_at(later, &content, piece_length, &progress, hash).unwrap();
    assert!(bed.entries().is_empty());
}

#[test]
fn a_broken_entry_is_ignored_and_written_anew() {
    let bed = Bed::new();
    assert!(bed.hashes());
    let [entry] = bed.entries().try_into().unwrap();
    let good = fs::read(&entry).unwrap();
    let flipped = |at: usize| {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        bytes
    };
    let cut = good[..good.len() - 1].to_vec();
    let long = [&good[..], b"x"].concat();
    for bytes in [flipped(0), flipped(good.len() - 50), flipped(good.len() - 1), cut, long, vec![]]
    {
        fs::write(&entry, bytes).unwrap();
        assert!(bed.hashes());
        assert!(!bed.hashes());
        assert_eq!(fs::read(&entry).unwrap(), good);
    }
    fs::remove_file(&entry).unwrap();
    fs::create_dir(&entry).unwrap();
    assert!(bed.hashes());
    assert_eq!(bed.entries(), [entry], "nothing temporary is left");
}

#[test]
fn a_directory_that_cannot_be_written_to_is_no_cache() {
    let file = tempfile::NamedTempFile::new().unwrap();
    HashCache::open(file.path()).unwrap_err();
    HashCache::open(&file.path().join("below")).unwrap_err();
}

#[test]
fn a_cache_that_goes_away_costs_nothing_but_time() {
    let bed = Bed::new();
    fs::remove_dir(&bed.cache.0).unwrap();
    assert!(bed.hashes());
    assert!(bed.hashes());
}

#[test]
fn content_that_nothing_identifies_is_not_remembered() {
    let bed = Bed::new();
    let content = crate::memory::Memory::folder(&[1]);
    assert!(bed.hashes_with(&content, 16 << 10));
    assert!(bed.entries().is_empty());
}

#[test]
fn metainfo_of_remembered_hashes_is_that_of_hashing() {
    let bed = Bed::new();
    let options = Options { source: Some("run".into()), ..Options::default() };
    let build = |cache| {
        Metainfo::build_with(&bed.content(), &options, &Progress::default(), cache).unwrap()
    };
    assert!(bed.hashes());
    let (remembered, hashed) = (build(Some(&bed.cache)), build(None));
    assert_eq!(remembered.infohash(), hashed.infohash());
    assert_eq!(remembered.files(), hashed.files());
}

#[test]
fn an_interrupted_hashing_leaves_no_entry() {
    let bed = Bed::new();
    let (progress, content) = (Progress::default(), bed.content());
    progress.interrupt();
    let later = SystemTime::now() + Duration::from_secs(3600);
    let hash = || hashing::hash(&content, 16 << 10, &progress);
    let piece_length = PieceLength::new(16 << 10).unwrap();
    let outcome = bed.cache.hashes_at(later, &content, piece_length, &progress, hash);
    assert!(matches!(outcome, Err(Failure::Interrupted)));
    assert!(bed.entries().is_empty());
}
