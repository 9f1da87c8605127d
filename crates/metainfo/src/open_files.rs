//! Descriptors of content files that were read lately, kept open for the next read.
//!
//! They are the process's, as its limit of descriptors is: at most [`CAPACITY`], whatever the
//! number of torrents and files.

use std::{
    collections::VecDeque,
    fs::File,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Most descriptors that are kept open.
pub(crate) const CAPACITY: usize = 64;

/// By content and index of the file, the one that was used last at the back.
static OPEN: Mutex<VecDeque<(u64, usize, Arc<File>)>> = Mutex::new(VecDeque::new());

/// The open file with index `file` of the content numbered `content`, if it is kept.
pub(crate) fn get(content: u64, file: usize) -> Option<Arc<File>> {
    let mut open = open();
    let at = open.iter().rposition(|(of, index, _)| (*of, *index) == (content, file))?;
    let entry = open.remove(at)?;
    let found = Arc::clone(&entry.2);
    open.push_back(entry);
    Some(found)
}

/// Keeps a file open; the one that was used least recently makes room.
pub(crate) fn keep(content: u64, file: usize, opened: &Arc<File>) {
    let closed = {
        let mut open = open();
        open.push_back((content, file, Arc::clone(opened)));
        if open.len() > CAPACITY { open.pop_front() } else { None }
    };
    // Outside of the lock: closing a file of a remote file system may take its time.
    drop(closed);
}

/// Closes all files of a content.
pub(crate) fn forget(content: u64) {
    let closed: VecDeque<_> = {
        let mut open = open();
        let (closed, kept) = open.drain(..).partition(|(of, ..)| *of == content);
        *open = kept;
        closed
    };
    drop(closed);
}

fn open() -> MutexGuard<'static, VecDeque<(u64, usize, Arc<File>)>> {
    OPEN.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_files_are_kept_open_than_stated_and_the_latest_stay() {
        let file = Arc::new(tempfile::tempfile().unwrap());
        let content = u64::MAX;
        for index in 0..=CAPACITY {
            keep(content, index, &file);
            assert!(open().len() <= CAPACITY);
        }
        assert!(get(content, 0).is_none());
        forget(content);
        assert!(get(content, CAPACITY).is_none());
    }
}
