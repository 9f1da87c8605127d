//! What a person or a script sees of a run: bars with the time left on a terminal, and lines.

use std::{fmt, io::IsTerminal as _};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use seedbed_service::startup;

use crate::Video;

/// The bars of a run. They go to stderr, and are not drawn where that is no terminal.
#[derive(Default)]
pub(crate) struct Progress(MultiProgress);

impl Progress {
    /// Prints a line on stdout, above the bars.
    pub(crate) fn line(&self, text: impl fmt::Display) {
        self.0.suspend(|| startup::line(text));
    }

    /// Says that a video is begun. The bar counts its frames and goes when it is dropped.
    pub(crate) fn begin(&self, video: &Video) -> Bar {
        if !std::io::stderr().is_terminal() {
            self.line(format_args!("generating {}", video.name));
        }
        let style = ProgressStyle::with_template(
            "{prefix:20} {wide_bar} {pos:>5}/{len} frames, {eta} left",
        )
        .expect("the template is right");
        let frames = video.media().count() as u64 * u64::from(video.frames());
        let bar = ProgressBar::new(frames).with_style(style);
        Bar(self.0.add(bar.with_prefix(video.name.to_string())))
    }
}

pub(crate) struct Bar(ProgressBar);

impl Bar {
    pub(crate) fn frames(&self, done: u64) {
        self.0.set_position(done);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
