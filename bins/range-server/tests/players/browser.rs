//! A `<video>` element in Chromium.

use seedbed_testkit::run_page;

use crate::{Origin, first_positions, make_video};

#[test]
fn a_video_element_seeks_by_range() {
    let origin = Origin::start(&["--log-level", "debug"]);
    let path = origin.path("video.mp4");
    make_video(&path, 60);
    let url = origin.server.url("/video.mp4");
    let page = format!(
        "<!doctype html><video id=v muted preload=metadata src=\"{url}\"></video><script>
         const done = text => fetch('/done?' + encodeURIComponent(text));
         v.onerror = () => done('error: ' + v.error.message);
         v.onloadedmetadata = () => {{ v.currentTime = 55; }};
         v.onseeked = () => done(`${{v.duration}} ${{v.currentTime}} ${{v.videoWidth}}x${{v.videoHeight}}`);
         </script>"
    );
    assert_eq!(run_page(&page, &[]), "60 55 320x240");
    let length = std::fs::metadata(&path).unwrap().len();
    let firsts = first_positions(&origin, "/video.mp4");
    assert_eq!(firsts[0], 0, "{firsts:?}");
    assert!(firsts.iter().any(|first| *first > length * 3 / 4), "{firsts:?} of {length}");
    let log = origin.server.log();
    let is_answer = |line: &&str| line.contains("/video.mp4") && line.contains("status=");
    let requests: Vec<_> = log.lines().filter(is_answer).collect();
    // 304 is for what it has in its cache.
    let is_fine = |line: &str| line.ends_with("status=206") || line.ends_with("status=304");
    assert!(requests.iter().all(|line| is_fine(line)), "{requests:#?}");
}
