//! `list`: shows the catalog and the status of the files, without reading a video.

use std::{fmt::Write as _, io, path::Path};

use serde_json::{Value, json};

use crate::{
    catalog::Video,
    lock::{Lock, Record, Snapshot, State, Status},
};

/// A video in the list.
#[derive(Debug)]
pub(crate) struct Row<'a> {
    video: &'a Video,
    lock: Option<&'a Record>,
    file: &'static str,
}

/// Returns the list of `videos`.
///
/// # Errors
/// The output directory cannot be read.
pub(crate) fn rows<'a>(
    videos: &'a [Video],
    out: &Path,
    lock: &'a Lock,
) -> io::Result<Vec<Row<'a>>> {
    let state = State::read(out);
    let row = |video: &'a Video| {
        let snapshot = Snapshot::take(video, out)?;
        let lock = lock.video.get(video.name.as_str());
        let file = match state.status(video, snapshot, lock, false) {
            Status::UpToDate(_) => "ready",
            Status::Modified(_) => "modified",
            Status::Stale => "stale",
            Status::Missing => "missing",
        };
        Ok(Row { video, lock, file })
    };
    videos.iter().map(row).collect()
}

/// The list as an aligned table.
#[must_use]
pub(crate) fn table(rows: &[Row<'_>]) -> String {
    let mut table = String::new();
    let width = rows.iter().map(|row| row.video.name.as_str().len()).max().unwrap_or(0).max(4);
    let mut line = |cells: [&str; 9]| {
        let [name, kind, codecs, picture, fps, seconds, bytes, file, infohash] = cells;
        let _infallible = writeln!(
            table,
            "{name:width$}  {kind:8}  {codecs:13}  {picture:>9}  {fps:>3}  {seconds:>7}  \
             {bytes:>8}  {file:8}  {infohash}"
        );
    };
    line(["NAME", "KIND", "CODECS", "PICTURE", "FPS", "SECONDS", "BYTES", "FILE", "INFOHASH"]);
    for Row { video, lock, file } in rows {
        let bytes = lock.map(|record| record.length).or(video.size.map(|size| size.get().into()));
        let kind = match video.episodes {
            Some(episodes) => format!("{} {}", episodes.get(), video.container.as_str()),
            None => video.container.as_str().to_owned(),
        };
        let picture = video.picture.as_ref();
        let codecs = picture.map(|picture| picture.codec.as_str()).into_iter();
        let codecs = codecs.chain(video.audio.iter().map(|audio| audio.codec().as_str()));
        let size = picture.map(|p| format!("{}x{}", p.width.get(), p.height.get()));
        let fps = picture.map(|picture| picture.fps.get().to_string());
        line([
            video.name.as_str(),
            &kind,
            &codecs.collect::<Vec<_>>().join("+"),
            size.as_deref().unwrap_or("-"),
            fps.as_deref().unwrap_or("-"),
            &video.seconds.get().to_string(),
            &bytes.map_or("-".to_owned(), |bytes| bytes.to_string()),
            file,
            &lock.map_or("-".to_owned(), |record| record.infohash.to_string()),
        ]);
    }
    table.truncate(table.trim_end().len());
    table
}

/// The list as JSON: the keys of the catalog, and `path`, `file` and `lock`.
#[must_use]
pub(crate) fn json(rows: &[Row<'_>]) -> Value {
    let row = |Row { video, lock, file }: &Row<'_>| {
        let mut value = json!(video);
        value["path"] = json!(video.root());
        value["file"] = json!(file);
        value["lock"] = json!(lock);
        value
    };
    rows.iter().map(row).collect()
}
