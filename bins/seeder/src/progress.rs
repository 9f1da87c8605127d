//! Shows the progress of hashing on stderr: a bar on a terminal, otherwise a log line now and then.

use std::{io::IsTerminal as _, sync::Arc, time::Duration};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::task::AbortOnDropHandle;

use crate::torrent::Torrent;

/// How often the bar moves; it appears after the first interval.
const REDRAW_INTERVAL: Duration = Duration::from_millis(200);

/// How often a line is logged.
const LOG_INTERVAL: Duration = Duration::from_secs(2);

/// Shows how much of `torrents` is hashed, until all is or the handle is dropped.
pub(crate) fn show(torrents: &[Arc<Torrent>]) -> AbortOnDropHandle<()> {
    let torrents = torrents.to_vec();
    let task = async move {
        let total = torrents.iter().map(|torrent| torrent.size()).sum();
        let hashed = || torrents.iter().map(|torrent| torrent.hashing.hashed()).sum::<u64>();
        let on_terminal = std::io::stderr().is_terminal();
        let mut ticks = interval(if on_terminal { REDRAW_INTERVAL } else { LOG_INTERVAL });
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The first tick comes at once.
        ticks.tick().await;
        ticks.tick().await;
        let bar = Cleared(on_terminal.then(|| bar(total)));
        while hashed() < total {
            match &bar.0 {
                Some(bar) => bar.set_position(hashed()),
                None => tracing::info!(hashed = hashed(), total, "hashing"),
            }
            ticks.tick().await;
        }
    };
    AbortOnDropHandle::new(tokio::spawn(task))
}

fn bar(total: u64) -> ProgressBar {
    const TEMPLATE: &str = "hashing [{bar:40}] {bytes} of {total_bytes}, {binary_bytes_per_sec}";
    let style =
        ProgressStyle::with_template(TEMPLATE).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr()).with_style(style)
}

/// A bar that is cleared when it is dropped.
struct Cleared(Option<ProgressBar>);

impl Drop for Cleared {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}
