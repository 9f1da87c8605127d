//! The HLS segments: aligned, complete, and made again if they are lost or changed.

use std::{fs, path::Path};

use seedbed_testkit::run;

use crate::{
    determinism::tree,
    workspace::{Workspace, entry},
};

fn probe(path: &Path, entries: &str) -> String {
    let arguments = ["-v", "error", "-of", "csv=p=0", "-select_streams", "v", "-show_entries"];
    let path = path.display().to_string();
    let finished = run(Path::new("ffprobe"), arguments.into_iter().chain([entries, &path]));
    assert!(finished.status.success(), "{finished:?}");
    finished.stdout
}

#[test]
fn segments_of_both_variants_begin_at_the_same_keyframes() {
    let text = entry("one", "segment_seconds = 2").replace("seconds = 2\n", "seconds = 5\n");
    let workspace = Workspace::with(&text.replace("segment_seconds = 5", "segment_seconds = 2"));
    workspace.succeed("generate", &[]);
    let hls = workspace.path("out/.hls/one");
    let durations = |variant: &str| {
        let playlist = fs::read_to_string(hls.join(variant).join("index.m3u8")).unwrap();
        assert!(playlist.contains("#EXT-X-TARGETDURATION:2\n"), "{playlist}");
        assert!(playlist.ends_with("#EXT-X-ENDLIST\n"), "{playlist}");
        let lines = playlist.lines().filter_map(|line| line.strip_prefix("#EXTINF:"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(durations("ts"), ["2.000000,", "2.000000,", "1.000000,"]);
    assert_eq!(durations("ts"), durations("fmp4"));

    let initialisation = fs::read(hls.join("fmp4/init.mp4")).unwrap();
    for (index, frames) in [20, 20, 10].into_iter().enumerate() {
        let fragment = fs::read(hls.join(format!("fmp4/seg-{index:05}.m4s"))).unwrap();
        let whole = workspace.path("fragment.mp4");
        fs::write(&whole, [&initialisation[..], &fragment].concat()).unwrap();
        for path in [whole, hls.join(format!("ts/seg-{index:05}.ts"))] {
            let flags = probe(&path, "packet=flags");
            let packets = flags.lines().filter(|line| !line.is_empty()).collect::<Vec<_>>();
            assert_eq!(packets.len(), frames, "{path:?}: {flags}");
            assert!(packets[0].starts_with('K'), "{path:?}: {flags}");
        }
    }
    // ffprobe reads each playlist to its end.
    for variant in ["ts", "fmp4"] {
        let frames = probe(&hls.join(variant).join("index.m3u8"), "packet=flags");
        assert_eq!(frames.lines().filter(|line| line.starts_with(['K', '_'])).count(), 50);
    }
}

#[test]
fn the_stock_minute_has_ten_segments_of_six_seconds() {
    let stock = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../videos/out");
    for (variant, extension) in [("ts", "ts"), ("fmp4", "m4s")] {
        let directory = stock.join(".hls/one-minute-720p30").join(variant);
        let playlist = fs::read_to_string(directory.join("index.m3u8")).unwrap();
        let segments = (0..10)
            .map(|index| format!("#EXTINF:6.000000,\nseg-{index:05}.{extension}\n"))
            .collect::<String>();
        assert!(playlist.ends_with(&format!("\n{segments}#EXT-X-ENDLIST\n")), "{playlist}");
        let times = probe(&directory.join("index.m3u8"), "packet=pts_time,flags");
        let keys = times.lines().filter(|line| line.contains('K'));
        let keys = keys.map(|line| line.split(',').next().unwrap().parse::<f64>().unwrap());
        let keys = keys.collect::<Vec<_>>();
        let first = keys[0];
        let due = (0..10).map(|index| first + 6.0 * f64::from(index));
        assert_eq!(keys.len(), 10, "{keys:?}");
        assert!(keys.iter().zip(due).all(|(key, due)| (key - due).abs() < 0.001), "{keys:?}");
    }
}

#[test]
fn lost_or_changed_segments_are_made_again_without_an_encode() {
    let workspace = Workspace::with(&entry("one", "segment_seconds = 1"));
    workspace.succeed("generate", &[]);
    let right = tree(&workspace.path("out"));
    let copies_only =
        workspace.script("[[ $* == *-filter_complex* ]] && exit 1\nexec ffmpeg \"$@\"");
    let copies_only = ["--ffmpeg", copies_only.to_str().unwrap()];

    fs::write(workspace.path("out/.hls/one/ts/seg-00000.ts"), "changed").unwrap();
    let message = workspace.run("verify", &[]).stdout;
    assert!(message.starts_with("failed one: hls/ts: wanted "), "{message}");
    assert!(workspace.succeed("generate", &copies_only).contains("generated one "));
    assert_eq!(tree(&workspace.path("out")), right);

    for lost in ["out/.hls", "out/.hls/one/ts"] {
        fs::remove_dir_all(workspace.path(lost)).unwrap();
        fs::create_dir(workspace.path(lost)).unwrap();
        workspace.succeed("generate", &copies_only);
        assert_eq!(tree(&workspace.path("out")), right);
    }
    workspace.succeed("verify", &[]);
}
