//! HTTP Live Streaming, as ffmpeg and hls.js see it.

use std::fs;

use seedbed_testkit::{Tool, run_page};

use crate::{Origin, client};

const SECONDS: u32 = 20;

/// An origin with the video `clip` in segments of two seconds.
fn origin() -> Origin {
    let origin = Origin::start(&["--hls", "--hls-live"]);
    for (kind, media, more) in [
        ("ts", "seg-%05d.ts", &[][..]),
        (
            "fmp4",
            "seg-%05d.m4s",
            &["-hls_segment_type", "fmp4", "-hls_fmp4_init_filename", "init.mp4"],
        ),
    ] {
        let dir = origin.path(&format!(".hls/clip/{kind}"));
        fs::create_dir_all(&dir).unwrap();
        let dir = dir.to_str().unwrap();
        let video = format!("testsrc=s=320x180:r=25:d={SECONDS}");
        let audio = format!("sine=r=48000:d={SECONDS}");
        let segments = format!("{dir}/{media}");
        let playlist = format!("{dir}/index.m3u8");
        let args = [
            &["-v", "error", "-f", "lavfi", "-i", &video, "-f", "lavfi", "-i", &audio][..],
            &["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", "50"],
            &["-sc_threshold", "0", "-c:a", "aac", "-f", "hls", "-hls_time", "2"],
            &["-hls_playlist_type", "vod", "-hls_segment_filename", &segments],
            more,
            &[&playlist],
        ];
        let _made = client(Tool::FFMPEG, &args.concat());
    }
    origin
}

#[test]
fn the_segments_are_served_only_by_their_routes() {
    let origin = origin();
    let get = |path: &str| origin.send(&format!("GET {path}"), &[]);
    for (path, media_type) in [
        ("/hls/clip/ts/index.m3u8", "application/vnd.apple.mpegurl"),
        ("/hls/clip/ts/seg-00000.ts", "video/mp2t"),
        ("/hls/clip/fmp4/init.mp4", "video/mp4"),
        ("/hls/clip/fmp4/seg-00009.m4s", "video/iso.segment"),
        ("/hls-live/clip/ts/index.m3u8", "application/vnd.apple.mpegurl"),
        ("/hls-live/clip/ts/seg-00000.ts", "video/mp2t"),
    ] {
        let response = get(path);
        assert_eq!(
            (response.status, response.header("content-type")),
            (200, Some(media_type)),
            "{path}"
        );
    }
    for path in [
        "/.hls/clip/ts/index.m3u8",
        "/hls/clip/ts/seg-99999.ts",
        "/hls/other/ts/index.m3u8",
        "/hls-live/other/ts/index.m3u8",
        "/hls/../clip/ts/index.m3u8",
        "/hls/.%2e/file",
        "/hls/",
    ] {
        assert_eq!(get(path).status, 404, "{path}");
    }
    assert_eq!(origin.send("POST /hls-live/clip/ts/index.m3u8", &[]).status, 405);
    assert_eq!(get("/hls-live/clip/ts/index.m3u8").header("cache-control"), Some("no-store"));
}

#[test]
fn without_the_flags_there_are_no_such_routes() {
    let origin = Origin::start(&[]);
    fs::create_dir_all(origin.path(".hls/clip/ts")).unwrap();
    origin.write(".hls/clip/ts/index.m3u8", "#EXTM3U\n", 0);
    for path in ["/hls/clip/ts/index.m3u8", "/hls-live/clip/ts/index.m3u8"] {
        assert_eq!(origin.send(&format!("GET {path}"), &[]).status, 404, "{path}");
    }
}

#[test]
fn ffmpeg_plays_the_whole_and_the_loop() {
    let origin = origin();
    for kind in ["ts", "fmp4"] {
        let url = origin.server.url(&format!("/hls/clip/{kind}/index.m3u8")).to_string();
        let probe = ["-v", "error", "-count_packets", "-select_streams", "v", "-show_entries"];
        let what = ["stream=nb_read_packets", "-of", "csv=p=0", &url];
        let packets = client(Tool::FFPROBE, &[&probe[..], &what].concat());
        assert_eq!(packets.split_whitespace().next(), Some(&*(SECONDS * 25).to_string()), "{kind}");
        // Longer than the window when it begins: it has to be loaded again as it slides.
        let url = origin.server.url(&format!("/hls-live/clip/{kind}/index.m3u8")).to_string();
        let args = ["-v", "error", "-live_start_index", "0", "-i", &url, "-t", "14", "-map", "0:v"];
        let play = [&args[..], &["-c", "copy", "-f", "framecrc", "-"]].concat();
        let frames = client(Tool::FFMPEG, &play);
        let frames = frames.lines().filter(|line| !line.starts_with('#')).count();
        assert!((340..=360).contains(&frames), "{kind}: {frames} frames");
    }
}

/// Plays `path` with hls.js. What the page says of it once two seconds were played.
fn play(origin: &Origin, path: &str) -> String {
    let script =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/node_modules/hls.js/dist/hls.min.js");
    let script = fs::read_to_string(script).expect("this test needs hls.js: make setup-test");
    let url = origin.server.url(path);
    let page = format!(
        "<!doctype html><video id=v muted></video><script src=\"/hls.js\"></script><script>
         const done = text => fetch('/done?' + encodeURIComponent(text));
         const hls = new Hls();
         let details, start;
         hls.on(Hls.Events.LEVEL_UPDATED, (_, data) => {{ details = data.details; }});
         hls.on(Hls.Events.ERROR, (_, data) => {{ if (data.fatal) done('error: ' + data.details); }});
         hls.on(Hls.Events.MANIFEST_PARSED, () => v.play());
         v.ontimeupdate = () => {{
             start ??= v.currentTime;
             if (v.currentTime - start < 2) return;
             v.ontimeupdate = null;
             done(`live=${{details.live}} target=${{details.targetduration}} width=${{v.videoWidth}}`);
         }};
         hls.loadSource('{url}');
         hls.attachMedia(v);
         </script>"
    );
    run_page(&page, &[("/hls.js", &script)])
}

#[test]
fn hls_js_plays_the_whole_and_the_loop() {
    let origin = origin();
    for kind in ["ts", "fmp4"] {
        let vod = play(&origin, &format!("/hls/clip/{kind}/index.m3u8"));
        assert_eq!(vod, "live=false target=2 width=320", "{kind}");
        let live = play(&origin, &format!("/hls-live/clip/{kind}/index.m3u8"));
        assert_eq!(live, "live=true target=2 width=320", "{kind}");
    }
}
