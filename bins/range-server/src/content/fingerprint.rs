//! What tells one version of a file from another.

use std::{
    fs::Metadata,
    os::unix::fs::MetadataExt as _,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use sha2::{Digest as _, Sha256};

use crate::rfc9110::{date::HttpDate, etag::EntityTag, validators::Validators};

/// Two ticks of the slowest kernel timer, of 100 Hz. Before Linux 6.13 a file's timestamps are no
/// finer than a tick.
const TWO_TICKS: Duration = Duration::from_millis(20);

/// What the file system says of a file's bytes.
///
/// Two writes within a second differ in the nanoseconds of `mtime`. A file that was replaced has
/// another inode. A rewrite that sets `mtime` back (`cp -p`, `rsync -t`) still moves `ctime`, which nobody
/// can set. All of it stays as it is while the file does, and over a restart of the server too. The
/// device number is left out because it does not: a container's overlay gets a new one at each start.
///
/// Two writes within a tick of the kernel's timer leave the same fingerprint: see
/// [`Fingerprint::is_racy`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fingerprint {
    inode: u64,
    length: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Fingerprint {
    /// The fingerprint of an open file.
    #[must_use]
    pub fn of(metadata: &Metadata) -> Self {
        Self {
            inode: metadata.ino(),
            length: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// Length of the file in bytes.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Whether the file last changed before `time`. Nobody can set the date of that change.
    #[must_use]
    pub fn changed_before(&self, time: SystemTime) -> bool {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        let time = (since.as_secs().cast_signed(), i64::from(since.subsec_nanos()));
        self.changed < time
    }

    /// Whether the file may change without another fingerprint, as git's index says of an entry that
    /// is as young as the index.
    ///
    /// `before` is a time before the fingerprint was taken. If the last change is two ticks older, the
    /// tick in which it happened was over then, and every later change shows. A date in the
    /// future comes from another clock, which says nothing about ticks of this one.
    #[must_use]
    pub fn is_racy(&self, before: SystemTime) -> bool {
        let settled = before.checked_sub(TWO_TICKS);
        let settled = settled.is_some_and(|time| self.changed_before(time));
        !settled && self.changed_before(before + TWO_TICKS)
    }

    /// How long to wait before a racy file is looked at again.
    pub const RACY_FOR: Duration = TWO_TICKS;

    /// Whether an open file with this fingerprint still has its bytes, given its metadata `now`.
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

    /// The strong entity tag of a file with this fingerprint. A racy file must not get it.
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

    /// The validators of the file, as of `now`. Last-Modified is never later than that (RFC 9110
    /// section 8.8.2.1).
    #[must_use]
    pub fn validators(&self, now: HttpDate) -> Validators {
        let (seconds, _) = self.modified;
        let last_modified = Some(HttpDate::from_unix(seconds).min(now));
        Validators { etag: self.etag(), last_modified }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: Fingerprint =
        Fingerprint { inode: 7, length: 10, modified: (1000, 5), changed: (1000, 5) };

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
        let at = |nanoseconds| UNIX_EPOCH + Duration::new(1000, nanoseconds);
        assert!(!OLD.changed_before(at(5)));
        assert!(OLD.changed_before(at(6)));
    }

    #[test]
    fn a_file_is_racy_for_two_ticks_after_its_last_change() {
        let at = |milliseconds: i64| {
            let distance = Duration::from_millis(milliseconds.unsigned_abs());
            let changed = UNIX_EPOCH + Duration::new(1000, 5);
            if milliseconds < 0 { changed - distance } else { changed + distance }
        };
        for (milliseconds, racy) in
            [(-1000, false), (-21, false), (-19, true), (0, true), (19, true), (21, false)]
        {
            assert_eq!(OLD.is_racy(at(milliseconds)), racy, "{milliseconds}");
        }
    }

    #[test]
    fn last_modified_is_between_1970_and_now() {
        let modified = |seconds| {
            let fingerprint = Fingerprint { modified: (seconds, 0), ..OLD };
            fingerprint.validators(HttpDate::from_unix(2000)).last_modified.unwrap()
        };
        for (seconds, unix) in [(1000, 1000), (3000, 2000), (i64::MAX, 2000), (-1, 0)] {
            assert_eq!(modified(seconds), HttpDate::from_unix(unix), "{seconds}");
        }
    }
}
