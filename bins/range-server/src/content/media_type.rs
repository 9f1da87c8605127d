//! The media type of a file, by its name.

use std::path::Path;

/// The media type of a file of that name; `application/octet-stream` if it is not known.
#[must_use]
pub fn of(path: &Path) -> &'static str {
    let extension = path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    match extension.as_str() {
        "json" => "application/json",
        "m3u8" => "application/vnd.apple.mpegurl",
        // ISO/IEC 23009-1: what players name a media segment of either kind.
        "m4s" => "video/iso.segment",
        "mkv" => "video/x-matroska",
        "mp4" | "m4v" => "video/mp4",
        "m4a" => "audio/mp4",
        "mpd" => "application/dash+xml",
        "srt" => "application/x-subrip",
        "torrent" => "application/x-bittorrent",
        "ts" => "video/mp2t",
        "vtt" => "text/vtt; charset=utf-8",
        "webm" => "video/webm",
        _ => "application/octet-stream",
    }
}

/// Whether a browser's `<video>` may play it.
#[must_use]
pub fn is_playable(content_type: &str) -> bool {
    matches!(content_type, "video/mp4" | "video/webm" | "video/x-matroska")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_case_of_the_extension_does_not_matter() {
        assert_eq!(of(Path::new("A.MP4")), "video/mp4");
    }

    #[test]
    fn a_transport_stream_is_no_typescript() {
        assert_eq!(of(Path::new("segment0.ts")), "video/mp2t");
    }

    #[test]
    fn anything_else_is_an_octet_stream() {
        for name in ["README", "page.html", "archive.mp4.gz", ".mp4"] {
            assert_eq!(of(Path::new(name)), "application/octet-stream", "{name}");
        }
    }
}
