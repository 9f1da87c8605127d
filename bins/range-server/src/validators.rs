//! The validators of a file: what tells one version of its bytes from another.

use std::{
    fs::Metadata,
    os::unix::fs::MetadataExt as _,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use sha2::{Digest as _, Sha256};

use crate::{etag::EntityTag, http_date::HttpDate};

/// Two writes in place, of one length and within so long, may leave the same timestamps. A tag that
/// is given out only afterwards is strong all the same (RFC 9110 section 8.8.1).
const TICK: Duration = Duration::from_millis(20);

/// What the file system says of a file's bytes.
///
/// Why these: two writes within a second differ in the nanoseconds of `mtime`; a file that was
/// replaced has another inode; a rewrite that sets `mtime` back (`cp -p`, `rsync -t`) still moves
/// `ctime`, which nobody can set. All of it stays as it is while the file does, over a restart of
/// the server too. The device number is left out because it does not: a container's overlay gets
/// a new one at each start. Before Linux 6.13 timestamps tick at the kernel's timer, see
/// [`Fingerprint::unsure_for`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fingerprint {
    inode: u64,
    length: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Fingerprint {
    /// That of an open file.
    #[must_use]
    pub fn of(metadata: &Metadata) -> Self {
        Self {
            inode: metadata.ino(),
            length: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// Length in bytes.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Whether the file was last changed before `time`. Nobody can set that date.
    #[must_use]
    pub fn changed_before(&self, time: SystemTime) -> bool {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        let time = (since.as_secs().cast_signed(), i64::from(since.subsec_nanos()));
        self.changed < time
    }

    /// How long to wait, as of `now`, until the next change of the file must show.
    #[must_use]
    pub fn unsure_for(&self, now: SystemTime) -> Option<Duration> {
        let tick = now.checked_sub(TICK)?;
        (!self.changed_before(tick) && self.changed_before(now)).then_some(TICK)
    }

    /// Whether an open file, which is `now` like this, still has the bytes that it had.
    #[must_use]
    pub fn still_holds(&self, now: &Metadata) -> bool {
        self.is_same(&Self::of(now), now.nlink() == 0)
    }

    /// `ctime` also moves when the name is given to another file: then the old bytes, which have no
    /// name any more, are still whole.
    fn is_same(&self, now: &Self, has_no_name: bool) -> bool {
        let changed = if has_no_name { self.changed } else { now.changed };
        *self == Self { changed, ..*now }
    }

    /// The strong entity tag of a file with this fingerprint.
    #[must_use]
    pub fn etag(&self) -> EntityTag {
        let mut hash = Sha256::new();
        hash.update(self.inode.to_be_bytes());
        hash.update(self.length.to_be_bytes());
        for (seconds, nanoseconds) in [self.modified, self.changed] {
            hash.update(seconds.to_be_bytes());
            hash.update(nanoseconds.to_be_bytes());
        }
        EntityTag::strong(&hash.finalize()[..16])
    }
}

/// The validators that go out with a file (RFC 9110 section 8.8).
#[derive(Clone, Debug)]
pub struct Validators {
    /// Always strong.
    pub etag: EntityTag,
    /// Never later than now (section 8.8.2.1); none for a file dated before the year 0.
    pub last_modified: Option<HttpDate>,
}

impl Validators {
    /// Those of a file, as of `now`.
    #[must_use]
    pub fn new(fingerprint: &Fingerprint, now: HttpDate) -> Self {
        let (seconds, _) = fingerprint.modified;
        let last_modified = match HttpDate::from_unix(seconds) {
            None if seconds < 0 => None,
            None => Some(now),
            Some(date) => Some(date.min(now)),
        };
        Self { etag: fingerprint.etag(), last_modified }
    }

    /// Whether Last-Modified is strong (section 8.8.2.2): the second that it names is over, so
    /// that no further change can hide in it.
    #[must_use]
    pub fn date_is_strong(&self, now: HttpDate) -> bool {
        self.last_modified.is_some_and(|date| date < now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: Fingerprint =
        Fingerprint { inode: 7, length: 10, modified: (1000, 5), changed: (1000, 5) };

    fn now() -> HttpDate {
        HttpDate::from_unix(2000).unwrap()
    }

    fn modified(seconds: i64) -> Option<String> {
        let fingerprint = Fingerprint { modified: (seconds, 0), ..OLD };
        Validators::new(&fingerprint, now()).last_modified.map(|date| date.to_string())
    }

    #[test]
    fn any_change_of_the_file_changes_the_tag() {
        let changes = [
            Fingerprint { inode: 8, ..OLD },
            Fingerprint { length: 11, ..OLD },
            Fingerprint { modified: (1000, 6), ..OLD },
            Fingerprint { modified: (1001, 5), ..OLD },
            Fingerprint { changed: (1000, 6), ..OLD },
        ];
        for changed in changes {
            assert_ne!(changed.etag(), OLD.etag(), "{changed:?}");
        }
        assert_eq!(OLD.etag(), OLD.etag());
    }

    #[test]
    fn a_file_whose_name_was_given_away_still_has_its_bytes() {
        assert!(OLD.is_same(&Fingerprint { changed: (1500, 0), ..OLD }, true));
        assert!(!OLD.is_same(&Fingerprint { modified: (1000, 6), ..OLD }, true));
        assert!(!OLD.is_same(&Fingerprint { length: 9, ..OLD }, true));
    }

    #[test]
    fn a_file_that_was_written_and_dated_back_has_other_bytes() {
        assert!(OLD.is_same(&OLD, false));
        assert!(!OLD.is_same(&Fingerprint { changed: (1500, 0), ..OLD }, false));
    }

    #[test]
    fn the_time_of_change_is_compared_to_the_nanosecond() {
        let at = |nanoseconds| UNIX_EPOCH + std::time::Duration::new(1000, nanoseconds);
        assert!(!OLD.changed_before(at(5)));
        assert!(OLD.changed_before(at(6)));
    }

    #[test]
    fn a_file_that_has_just_changed_is_waited_for() {
        let after =
            |milliseconds: u64| UNIX_EPOCH + Duration::from_millis(1_000_000 + milliseconds);
        assert_eq!(OLD.unsure_for(after(1)), Some(TICK));
        assert_eq!(OLD.unsure_for(after(30)), None);
        // Another machine's clock may be ahead.
        assert_eq!(OLD.unsure_for(UNIX_EPOCH + Duration::from_secs(900)), None);
    }

    #[test]
    fn last_modified_is_never_later_than_now() {
        assert_eq!(modified(1000).as_deref(), Some("Thu, 01 Jan 1970 00:16:40 GMT"));
        assert_eq!(modified(3000), Some(now().to_string()));
        assert_eq!(modified(i64::MAX), Some(now().to_string()));
    }

    #[test]
    fn dates_before_1970_are_given_and_those_before_the_year_0_are_not() {
        assert_eq!(modified(-1).as_deref(), Some("Wed, 31 Dec 1969 23:59:59 GMT"));
        assert_eq!(modified(i64::MIN), None);
    }

    #[test]
    fn a_date_is_strong_once_its_second_is_over() {
        let strong = |seconds| {
            let fingerprint = Fingerprint { modified: (seconds, 0), ..OLD };
            Validators::new(&fingerprint, now()).date_is_strong(now())
        };
        assert!(strong(1999));
        assert!(!strong(2000));
        assert!(!strong(9999));
    }
}
