//! Plays the stock videos in a browser: each plays, seeks, and shows the frame that ffmpeg decodes.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use seedbed_testkit::{Server, Tool, binary, require, run, run_page};
use serde_json::Value;

use crate::workspace::BINARY;

/// Pictures are compared by the mean colours of this many blocks.
const COLUMNS: usize = 16;
const ROWS: usize = 9;

/// Plays a file, seeks, and reports the picture shown.
const PAGE: &str = r#"<video id="v" muted crossorigin="anonymous"></video><script>
const v = document.getElementById("v"), at = TIME;
const done = (what) => fetch("/done?" + encodeURIComponent(JSON.stringify(what)));
const until = (event, holds) => new Promise((resolve) => {
  const look = () => { if (holds()) { v.removeEventListener(event, look); resolve(); } };
  v.addEventListener(event, look); look();
});
v.addEventListener("error", () => done({ error: v.error.message }));
(async () => {
  v.src = "URL";
  await v.play();
  await until("timeupdate", () => v.currentTime > 0);
  const first = v.currentTime;
  await until("timeupdate", () => v.currentTime > first);
  const second = v.currentTime;
  v.pause();
  const seeked = new Promise((resolve) => v.addEventListener("seeked", resolve, { once: true }));
  // `seeked` does not mean that the frame is drawn.
  const shown = v.videoWidth === 0 ? seeked : new Promise((resolve) => {
    const look = (_, { mediaTime }) =>
      mediaTime <= at && at < mediaTime + 1 / RATE ? resolve() : v.requestVideoFrameCallback(look);
    v.requestVideoFrameCallback(look);
  });
  v.currentTime = at;
  await seeked;
  await shown;
  const width = v.videoWidth, height = v.videoHeight, pixels = new Array(COLUMNS * ROWS * 3).fill(0);
  if (width > 0) {
    const context = Object.assign(document.createElement("canvas"), { width, height })
      .getContext("2d");
    context.drawImage(v, 0, 0);
    const { data } = context.getImageData(0, 0, width, height);
    const share = COLUMNS * ROWS / (width * height);
    for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) {
      const block = Math.floor(y * ROWS / height) * COLUMNS + Math.floor(x * COLUMNS / width);
      for (let c = 0; c < 3; c++) pixels[block * 3 + c] += data[(y * width + x) * 4 + c] * share;
    }
  }
  done({ first, second, at: v.currentTime, duration: v.duration, width, height, pixels });
})().catch((error) => done({ error: String(error) }));
</script>"#;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The entries of the stock catalog, all of which must be generated.
fn stock() -> Vec<Value> {
    let directory = repository().join("videos");
    let mut arguments = vec!["list".to_owned(), "--json".to_owned()];
    for (flag, name) in [("--catalog", "catalog.toml"), ("--out", "out"), ("--lock", "lock.toml")] {
        arguments.extend([flag.to_owned(), directory.join(name).display().to_string()]);
    }
    let finished = run(Path::new(BINARY), arguments);
    assert!(finished.status.success(), "{finished:?}");
    let list: Value = serde_json::from_str(&finished.stdout).unwrap();
    let list = list.as_array().unwrap().clone();
    assert!(list.iter().all(|entry| entry["file"] == "ready"), "run `make videos` first: {list:?}");
    list
}

/// The first media file of an entry.
fn file(entry: &Value) -> String {
    let (path, name) = (entry["path"].as_str().unwrap(), entry["name"].as_str().unwrap());
    match entry["episodes"].as_u64() {
        Some(_) => format!("{path}/{name}-e01.mp4"),
        None => path.to_owned(),
    }
}

/// The picture that ffmpeg decodes at a time: mean red, green and blue of each block.
fn reference(path: &Path, time: f64, width: usize, height: usize) -> Vec<f64> {
    let output = Command::new(require(Tool::FFMPEG))
        .args(["-v", "error", "-ss", &format!("{time:.6}"), "-i"])
        .arg(path)
        .args(["-frames:v", "1", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"])
        .output()
        .unwrap();
    assert_eq!(output.stdout.len(), width * height * 3, "{path:?} at {time}");
    let mut blocks = vec![0.0; COLUMNS * ROWS * 3];
    let share = (COLUMNS * ROWS) as f64 / (width * height) as f64;
    for (index, pixel) in output.stdout.chunks_exact(3).enumerate() {
        let (x, y) = (index % width, index / width);
        let block = y * ROWS / height * COLUMNS + x * COLUMNS / width;
        for (channel, value) in pixel.iter().enumerate() {
            blocks[block * 3 + channel] += f64::from(*value) * share;
        }
    }
    blocks
}

/// The mean difference between two pictures.
fn distance(ours: &[f64], browser: &[f64]) -> f64 {
    assert_eq!(ours.len(), browser.len());
    let sum = ours.iter().zip(browser).map(|(a, b)| (a - b).abs()).sum::<f64>();
    sum / browser.len() as f64
}

fn plays(entry: &Value, server: &Server) {
    let out = repository().join("videos/out");
    let file = file(entry);
    let seconds = entry["seconds"].as_f64().unwrap();
    let picture = &entry["picture"];
    // The middle of a frame towards the end.
    let fps = picture["fps"].as_f64().unwrap_or(24.0);
    let frame = (seconds * 0.7 * fps).floor();
    let html = PAGE
        .replace("URL", server.url(&format!("/{file}")).as_str())
        .replace("TIME", &format!("{}", (frame + 0.5) / fps))
        .replace("RATE", &fps.to_string())
        .replace("COLUMNS", &COLUMNS.to_string())
        .replace("ROWS", &ROWS.to_string());
    let said: Value = serde_json::from_str(&run_page(&html, &[])).unwrap();
    let number =
        |key: &str| said[key].as_f64().unwrap_or_else(|| panic!("{file}: {key} in {said}"));
    assert!(number("second") > number("first"), "{file}: {said}");
    assert!((number("at") - (frame + 0.5) / fps).abs() < 0.001, "{file}: {said}");
    assert!((number("duration") - seconds).abs() < 0.03, "{file}: {said}");
    if picture.is_null() {
        return;
    }
    assert_eq!([&said["width"], &said["height"]], [&picture["width"], &picture["height"]]);
    let size = |key: &str| usize::try_from(picture[key].as_u64().unwrap()).unwrap();
    let pixels = said["pixels"].as_array().unwrap();
    let pixels = pixels.iter().map(|value| value.as_f64().unwrap()).collect::<Vec<_>>();
    let wanted = reference(&out.join(&file), (frame - 0.5) / fps, size("width"), size("height"));
    let black = vec![0.0; wanted.len()];
    assert!(distance(&black, &pixels) > 40.0, "{file} is dark");
    let off = distance(&wanted, &pixels);
    assert!(off < 2.0, "{file} is off by {off}");
}

#[test]
fn every_stock_video_plays_and_seeks_in_a_browser() {
    let out = repository().join("videos/out").display().to_string();
    let server =
        Server::start(&binary("seedbed-range"), ["--root", &out, "--listen", "127.0.0.1:0"]);
    for entry in stock() {
        plays(&entry, &server);
    }
}
