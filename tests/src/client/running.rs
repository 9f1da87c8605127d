//! A client's process, from its start to its end.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use seedbed_testkit::wait_until;

use super::done_mark;

/// A running client. Dropping it kills it, and prints its log if the test is failing.
#[derive(Debug)]
pub struct Running {
    child: Child,
    client: String,
    log: PathBuf,
    done_mark: PathBuf,
}

impl Running {
    /// Starts a client. It logs to `.log` in `directory`, and makes `.done` there when it is done
    /// if it does not end by itself.
    ///
    /// # Panics
    /// The process cannot be started.
    #[must_use]
    pub fn start(client: &str, command: &mut Command, directory: &Path) -> Self {
        let log = directory.join(".log");
        let output = File::create(&log).expect("a log can be made");
        let child = command
            .stdin(Stdio::null())
            .stdout(output.try_clone().expect("a log can be shared"))
            .stderr(output)
            .spawn()
            .unwrap_or_else(|error| panic!("failed to start {client}: {error}: make setup-test"));
        Self { child, client: client.to_owned(), log, done_mark: done_mark(directory) }
    }

    /// Whether it has done what it was started for.
    ///
    /// # Panics
    /// It failed.
    pub fn is_done(&mut self) -> bool {
        let ended = self.child.try_wait().expect("a child can be waited for");
        self.done_mark.exists()
            || ended.is_some_and(|status| {
                assert!(status.success(), "{} failed: {status}", self.client);
                true
            })
    }

    /// Everything that it has logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        let log = fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }

    /// Waits until it is done.
    ///
    /// # Panics
    /// It fails or takes too long.
    pub fn wait(mut self) {
        let what = format!("{} to download", self.client);
        wait_until(&what, || self.is_done());
    }
}

impl Drop for Running {
    #[expect(clippy::print_stderr, reason = "a failing test shows the log of its clients")]
    fn drop(&mut self) {
        let _already_ended = self.child.kill();
        let _reaped = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- log of {} ---\n{}", self.client, self.log());
        }
    }
}
