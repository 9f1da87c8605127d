//! Real clients: downloaders, ffmpeg, and Chromium with and without hls.js.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../origin/mod.rs"]
mod origin;

mod browser;
mod downloaders;
mod ffmpeg;
mod hls;
#[cfg(feature = "tls")]
mod tls;

use std::path::Path;

use origin::{Origin, content};
use seedbed_testkit::{Tool, require, run};

/// Runs a client to its good end. What it printed.
#[track_caller]
fn client(tool: Tool, args: &[&str]) -> String {
    let finished = run(&require(tool), args);
    assert!(finished.status.success(), "{} {args:?}: {}", tool.command, finished.stderr);
    finished.stdout
}

/// Makes a video of so many seconds, about 0.7 MB each, with a key frame every second.
fn make_video(path: &Path, seconds: u32) {
    let source = format!("color=gray:s=320x240:r=25:d={seconds},noise=alls=80:allf=t");
    let args = ["-v", "error", "-y", "-f", "lavfi", "-i", &source, "-c:v", "libx264", "-preset"];
    let path = path.to_str().unwrap();
    let quality = ["ultrafast", "-pix_fmt", "yuv420p", "-qp", "24", "-g", "25"];
    let _made =
        client(Tool::FFMPEG, &[&args[..], &quality, &["-movflags", "+faststart", path]].concat());
}

/// The first positions of the ranges of `path` that clients asked for, as the log has them.
fn first_positions(origin: &Origin, path: &str) -> Vec<u64> {
    origin
        .server
        .log()
        .lines()
        .filter(|line| line.contains(&format!("uri={path} ")) && line.contains("status="))
        .filter_map(|line| line.split("bytes=").nth(1)?.split('-').next()?.parse().ok())
        .collect()
}
