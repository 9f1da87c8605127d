//! HLS (RFC 8216): cuts a finished MP4 into segments, as MPEG transport stream and as fragmented MP4.
//! Both are cut at the same keyframes.

use std::{
    fmt::Write as _,
    fs::{self, File},
    io::{self, Write as _},
    path::Path,
};

use super::mp4;
use crate::catalog::Video;

/// Joins the fragments of an MP4 file, one for each keyframe, into segments.
///
/// # Errors
/// The number of fragments is wrong, or a file cannot be written.
pub(crate) fn split_fragments(file: &Path, directory: &Path, video: &Video) -> io::Result<()> {
    let mut file = File::open(file)?;
    let mut head = File::create(directory.join("init.mp4"))?;
    let mut segment: Option<File> = None;
    let mut fragments = 0;
    let each = fragments_of_a_segment(video);
    for part in mp4::boxes(&mut file)? {
        match &part.kind {
            b"ftyp" | b"moov" => {
                head.write_all(&mp4::bytes(&mut file, part.start, part.length)?)?;
                continue;
            }
            b"moof" => {
                if fragments % each == 0 {
                    let name = segment_name(fragments / each, "m4s");
                    if let Some(done) = segment.replace(File::create(directory.join(name))?) {
                        done.sync_all()?;
                    }
                }
                fragments += 1;
            }
            b"mdat" => {}
            // The index at the end has positions in `file`, which do not apply to segments.
            _ => continue,
        }
        if let Some(segment) = &mut segment {
            segment.write_all(&mp4::bytes(&mut file, part.start, part.length)?)?;
        }
    }
    let wanted = video.seconds.get().div_ceil(keyframe_seconds(video));
    if fragments != wanted {
        let message = format!("wanted {wanted} fragments, got {fragments}");
        return Err(io::Error::new(io::ErrorKind::InvalidData, message));
    }
    fs::write(directory.join("index.m3u8"), playlist(video, "m4s"))
}

/// Writes the playlist beside the transport stream segments that ffmpeg cut.
///
/// # Errors
/// The number of segments is wrong, or the playlist cannot be written.
pub(crate) fn write_playlist(directory: &Path, video: &Video) -> io::Result<()> {
    let (got, wanted) = (fs::read_dir(directory)?.count(), segments(video) as usize);
    if got != wanted {
        let message = format!("wanted {wanted} segments, got {got}");
        return Err(io::Error::new(io::ErrorKind::InvalidData, message));
    }
    fs::write(directory.join("index.m3u8"), playlist(video, "ts"))
}

/// Number of segments of a video.
fn segments(video: &Video) -> u32 {
    video.segment_seconds.map_or(0, |each| video.seconds.get().div_ceil(each.get()))
}

fn keyframe_seconds(video: &Video) -> u32 {
    video.picture.as_ref().map_or(1, |picture| picture.keyframe_seconds.get())
}

fn fragments_of_a_segment(video: &Video) -> u32 {
    video.segment_seconds.map_or(1, |each| each.get() / keyframe_seconds(video))
}

fn segment_name(index: u32, extension: &str) -> String {
    format!("seg-{index:05}.{extension}")
}

fn playlist(video: &Video, extension: &str) -> String {
    let each = video.segment_seconds.map_or(0, |each| each.get());
    // EXT-X-MAP for a media playlist needs version 6 (section 7).
    let (version, map) = match extension {
        "m4s" => (7, "#EXT-X-MAP:URI=\"init.mp4\"\n"),
        _ => (3, ""),
    };
    let mut playlist = format!(
        "#EXTM3U\n#EXT-X-VERSION:{version}\n#EXT-X-TARGETDURATION:{each}\n\
         #EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-PLAYLIST-TYPE:VOD\n#EXT-X-INDEPENDENT-SEGMENTS\n{map}"
    );
    for index in 0..segments(video) {
        let duration = each.min(video.seconds.get() - index * each);
        let name = segment_name(index, extension);
        let _infallible = writeln!(playlist, "#EXTINF:{duration}.000000,\n{name}");
    }
    playlist + "#EXT-X-ENDLIST\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::stock;

    #[test]
    fn the_last_segment_holds_the_rest() {
        let video = stock().videos.swap_remove(0);
        assert_eq!(
            playlist(&video, "m4s"),
            "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:6\n#EXT-X-MEDIA-SEQUENCE:0\n\
             #EXT-X-PLAYLIST-TYPE:VOD\n#EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-MAP:URI=\"init.mp4\"\n\
             #EXTINF:6.000000,\nseg-00000.m4s\n#EXTINF:4.000000,\nseg-00001.m4s\n#EXT-X-ENDLIST\n"
        );
    }
}
