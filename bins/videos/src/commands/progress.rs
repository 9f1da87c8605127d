//! The progress of a run: lines on stdout, and bars on a terminal.

use std::{fmt, io::IsTerminal as _};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use seedbed_service::startup;

use crate::catalog::Video;

/// The progress bars of a run, on stderr. They are drawn only on a terminal.
#[derive(Default)]
pub(crate) struct Progress(MultiProgress);

impl Progress {
    /// Prints a line on stdout, or above the bars if both are on a terminal.
    pub(crate) fn line(&self, text: impl fmt::Display) {
        let above_bars = std::io::stdout().is_terminal() && !self.0.is_hidden();
        if !above_bars || self.0.println(text.to_string()).is_err() {
            startup::line(text);
        }
    }

    /// Shows that a video is started. The bar counts its frames, and disappears when it is dropped.
    pub(crate) fn start(&self, video: &Video) -> Bar {
        if !std::io::stderr().is_terminal() {
            self.line(format_args!("generating {}", video.name));
        }
        let style = ProgressStyle::with_template(
            "{prefix:20} {wide_bar} {pos:>5}/{len} frames, {eta} left",
        )
        .expect("the template is valid");
        let frames = video.media().count() as u64 * u64::from(video.frames());
        let bar = ProgressBar::new(frames).with_style(style);
        Bar(self.0.add(bar.with_prefix(video.name.to_string())))
    }
}

/// The progress bar of a video.
pub(crate) struct Bar(ProgressBar);

impl Bar {
    /// Shows the number of frames that are encoded.
    pub(crate) fn frames(&self, done: u64) {
        self.0.set_position(done);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
