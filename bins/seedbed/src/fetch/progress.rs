//! Shows the progress of a download: a bar on a terminal, otherwise a log line for each tenth.

use std::{
    cell::Cell,
    io::{IsTerminal as _, stderr},
};

use indicatif::{ProgressBar, ProgressStyle};
use tracing::info;

pub(super) struct Progress {
    /// `None` if stderr is no terminal.
    bar: Option<ProgressBar>,
    total: u64,
    /// The tenths that have been logged.
    tenths: Cell<u64>,
}

impl Progress {
    pub(super) fn new(name: &str, total: u64) -> Self {
        let bar = stderr().is_terminal().then(|| {
            let template = "{prefix} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec}, {eta} left";
            let style = ProgressStyle::with_template(template).expect("the template is right");
            ProgressBar::new(total).with_style(style).with_prefix(name.to_owned())
        });
        Self { bar, total, tenths: Cell::new(0) }
    }

    pub(super) fn set(&self, bytes: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(bytes);
            return;
        }
        let tenths = tenths(bytes, self.total);
        if self.tenths.replace(tenths) < tenths {
            info!(bytes, total = self.total, "downloaded {}0 %", tenths);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn tenths(bytes: u64, total: u64) -> u64 {
    u64::try_from(u128::from(bytes) * 10 / u128::from(total.max(1))).unwrap_or(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenth_counts_once_it_is_whole() {
        assert_eq!([0, 9, 10, 99, 100].map(|bytes| tenths(bytes, 100)), [0, 0, 1, 9, 10]);
        assert_eq!(tenths(u64::MAX, u64::MAX), 10);
        assert_eq!(tenths(0, 0), 0);
    }
}
