//! The file of `--journal`: every entry as a line of JSON.

use std::{io, path::Path, time::Duration};

use tokio::{
    fs::File,
    io::{AsyncWriteExt as _, BufWriter},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

use super::{Filter, Journal, Page};

/// How many entries are read at once.
const BATCH: usize = 1024;

/// Writes a journal to a file in a task of its own, so that a slow disk never holds up a server. If
/// it falls behind the journal, it writes a line `{"skipped":N}`.
#[derive(Debug)]
pub struct JournalFile {
    stop: CancellationToken,
    task: JoinHandle<io::Result<()>>,
}

impl JournalFile {
    /// Creates the file, or empties it, and writes from the journal's start on.
    ///
    /// # Errors
    /// The file cannot be created.
    pub async fn create(journal: Journal, path: &Path) -> io::Result<Self> {
        let file = File::create(path).await?;
        let stop = CancellationToken::new();
        let (name, stopped) = (path.display().to_string(), stop.clone());
        let task = tokio::spawn(async move {
            let written = write(journal, file, stopped).await;
            if let Err(error) = &written {
                tracing::warn!(file = name, %error, "failed to write the journal");
            }
            written
        });
        Ok(Self { stop, task })
    }

    /// Writes what is left and closes the file.
    ///
    /// # Errors
    /// The file could not be written.
    pub async fn finish(self) -> io::Result<()> {
        self.stop.cancel();
        self.task.await?
    }
}

async fn write(journal: Journal, file: File, stop: CancellationToken) -> io::Result<()> {
    let mut file = BufWriter::new(file);
    let (filter, mut since) = (Filter::default(), 0);
    let mut lines = Vec::new();
    loop {
        let page = tokio::select! {
            biased;
            page = journal.wait(since, &filter, BATCH, Duration::from_secs(60)) => page,
            () = stop.cancelled() => break,
        };
        since = page.next;
        append_lines(&page, &mut lines);
        file.write_all(&lines).await?;
        // What a reader of the file sees lags behind by no more than one batch.
        file.flush().await?;
        lines.clear();
    }
    file.flush().await?;
    file.into_inner().sync_all().await
}

/// Appends a page as lines of JSON.
pub(crate) fn append_lines(page: &Page, lines: &mut Vec<u8>) {
    let mut append = |line: Result<Vec<u8>, serde_json::Error>| {
        // An entry is made of numbers and text, which are JSON always.
        lines.extend(line.unwrap_or_default());
        lines.push(b'\n');
    };
    if page.skipped > 0 {
        append(serde_json::to_vec(&serde_json::json!({ "skipped": page.skipped })));
    }
    page.entries.iter().map(serde_json::to_vec).for_each(append);
}
