//! ffprobe and ffmpeg.

use seedbed_testkit::Tool;

use crate::{Origin, client, first_positions, make_video};

#[test]
fn ffprobe_knows_the_video_and_ffmpeg_seeks_in_it_by_range() {
    let origin = Origin::start(&["--log-level", "debug"]);
    let path = origin.path("video.mp4");
    make_video(&path, 20);
    let url = origin.server.url("/video.mp4").to_string();
    let probe = ["-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", &url];
    assert_eq!(client(Tool::FFPROBE, &probe).trim(), "20.000000");
    // The same frame comes from the server as from the disk.
    let frame = |input: &str| {
        let args = ["-v", "error", "-ss", "17.2", "-i", input, "-frames:v", "1", "-f", "md5", "-"];
        client(Tool::FFMPEG, &args)
    };
    assert_eq!(frame(&url), frame(path.to_str().unwrap()));
    let length = std::fs::metadata(&path).unwrap().len();
    let firsts = first_positions(&origin, "/video.mp4");
    assert!(firsts.iter().any(|first| *first > length / 2), "{firsts:?} of {length}");
}
