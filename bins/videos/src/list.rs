//! `list`: what the catalog has, and how the files stand, without reading a video.

use std::{fmt::Write as _, io, path::Path};

use serde_json::{Value, json};

use crate::{
    catalog::Video,
    lock::Lock,
    state::{Look, Standing, State},
};

/// One video of the list.
#[derive(Debug)]
pub struct Row<'a> {
    video: &'a Video,
    lock: Option<&'a crate::lock::Made>,
    file: &'static str,
}

/// How the videos stand.
///
/// # Errors
/// The output directory cannot be looked at.
pub fn rows<'a>(videos: &'a [Video], out: &Path, lock: &'a Lock) -> io::Result<Vec<Row<'a>>> {
    let state = State::read(out);
    let row = |video: &'a Video| {
        let look = Look::at(&out.join(video.file_name()))?;
        let lock = lock.video.get(video.name.as_str());
        let file = match state.standing(video, look, lock, false) {
            Standing::UpToDate(_) => "ready",
            Standing::Touched(_) => "touched",
            Standing::Stale => "stale",
            Standing::Missing => "missing",
        };
        Ok(Row { video, lock, file })
    };
    videos.iter().map(row).collect()
}

/// The list as an aligned table.
#[must_use]
pub fn table(rows: &[Row<'_>]) -> String {
    let mut table = String::new();
    let width = rows.iter().map(|row| row.video.name.as_str().len()).max().unwrap_or(0).max(4);
    let mut line = |cells: [&str; 7]| {
        let [name, picture, fps, seconds, bytes, file, infohash] = cells;
        let _infallible = writeln!(
            table,
            "{name:width$}  {picture:>9}  {fps:>3}  {seconds:>7}  {bytes:>10}  {file:7}  {infohash}"
        );
    };
    line(["NAME", "PICTURE", "FPS", "SECONDS", "BYTES", "FILE", "INFOHASH"]);
    for Row { video, lock, file } in rows {
        let bytes = lock.map(|made| made.length).or(video.size.map(|size| size.get().into()));
        line([
            video.name.as_str(),
            &format!("{}x{}", video.width.get(), video.height.get()),
            &video.fps.get().to_string(),
            &video.seconds.get().to_string(),
            &bytes.map_or("-".to_owned(), |bytes| bytes.to_string()),
            file,
            &lock.map_or("-".to_owned(), |made| made.infohash.to_string()),
        ]);
    }
    table.truncate(table.trim_end().len());
    table
}

/// The list as JSON: the catalog's keys, and `file` and `lock`.
#[must_use]
pub fn json(rows: &[Row<'_>]) -> Value {
    let row = |Row { video, lock, file }: &Row<'_>| {
        let mut value = json!(video);
        value["file"] = json!(file);
        value["lock"] = json!(lock);
        value
    };
    rows.iter().map(row).collect()
}
