//! HLS (RFC 8216): a finished MP4 as segments, once as MPEG transport stream and once as
//! fragmented MP4. Both are cut at the same keyframes.

use std::{
    fmt::Write as _,
    fs::{self, File},
    io::{self, Write as _},
    path::Path,
};

use crate::{Video, mp4};

/// ffmpeg's fragmented MP4 has a fragment for each keyframe: puts them together to segments.
///
/// # Errors
/// It has not as many as it should have, or a file cannot be written.
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
            // The index at the end is of a file that is no more.
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

/// Puts the playlist beside the segments that ffmpeg made of a transport stream.
///
/// # Errors
/// They are not as many as they should be, or it cannot be written.
pub(crate) fn write_playlist(directory: &Path, video: &Video) -> io::Result<()> {
    let (got, wanted) = (fs::read_dir(directory)?.count(), segments(video) as usize);
    if got != wanted {
        let message = format!("wanted {wanted} segments, got {got}");
        return Err(io::Error::new(io::ErrorKind::InvalidData, message));
    }
    fs::write(directory.join("index.m3u8"), playlist(video, "ts"))
}

/// How many segments a video has.
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
    // Fragmented MP4 came with version 6 (section 7).
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
    use crate::catalog::Catalog;

    #[test]
    fn the_last_segment_is_what_is_left() {
        let text = include_str!("../../../videos/catalog.toml");
        let video = Catalog::parse(text).unwrap().videos.swap_remove(0);
        assert_eq!(
            playlist(&video, "m4s"),
            "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:6\n#EXT-X-MEDIA-SEQUENCE:0\n\
             #EXT-X-PLAYLIST-TYPE:VOD\n#EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-MAP:URI=\"init.mp4\"\n\
             #EXTINF:6.000000,\nseg-00000.m4s\n#EXTINF:4.000000,\nseg-00001.m4s\n#EXT-X-ENDLIST\n"
        );
    }
}
