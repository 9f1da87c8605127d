//! A temporary directory with a catalog, in which the binary runs.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
};

use seedbed_testkit::{Finished, Tool, require, run, sha256_file};
use tempfile::TempDir;

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_seedbed-videos");

/// A build of ffmpeg other than Debian's.
const fn build(command: &'static str) -> Tool {
    Tool { command, probe: &["-version"], install: "make setup-test" }
}

pub(crate) const FFMPEG_7: Tool =
    build(concat!(env!("CARGO_MANIFEST_DIR"), "/../../.tools/ffmpeg/7.0.2"));
pub(crate) const FFMPEG_9: Tool =
    build(concat!(env!("CARGO_MANIFEST_DIR"), "/../../.tools/ffmpeg/9.0.2"));

/// A temporary directory with a catalog, a lock file and an output directory.
pub(crate) struct Workspace(pub(crate) TempDir);

/// An entry of the catalog: two seconds of a tiny picture and a tone.
pub(crate) fn entry(name: &str, more: &str) -> String {
    format!(
        "[[video]]\nname = \"{name}\"\nseconds = 2\n{more}\n\
         audio = [{{ codec = \"aac\", tone_hz = 440, kbps = 64 }}]\n[video.picture]\n\
         codec = \"h264\"\nwidth = 128\nheight = 96\nfps = 10\nkeyframe_seconds = 1\nqp = 28\n\
         noise_width = 16\nnoise_height = 16\n"
    )
}

impl Workspace {
    /// Creates a catalog of two videos, the first of an exact size.
    pub(crate) fn new() -> Self {
        Self::with(&format!("{}{}", entry("one", "size = 60000"), entry("two", "")))
    }

    pub(crate) fn with(catalog: &str) -> Self {
        let _installed = [require(Tool::FFMPEG), require(Tool::FFPROBE)];
        let workspace = Self(tempfile::tempdir().unwrap());
        workspace.write_catalog(catalog);
        workspace
    }

    pub(crate) fn write_catalog(&self, text: &str) {
        fs::write(self.path("catalog.toml"), text).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn video(&self, name: &str) -> PathBuf {
        self.path("out").join(format!("{name}.mp4"))
    }

    pub(crate) fn arguments(&self, command: &str, more: &[&str]) -> Vec<String> {
        let mut arguments = vec![command.to_owned()];
        for (flag, name) in
            [("--catalog", "catalog.toml"), ("--out", "out"), ("--lock", "lock.toml")]
        {
            arguments.extend([flag.to_owned(), self.path(name).display().to_string()]);
        }
        arguments.extend(more.iter().map(ToString::to_string));
        arguments
    }

    pub(crate) fn run(&self, command: &str, more: &[&str]) -> Finished {
        run(Path::new(BINARY), self.arguments(command, more))
    }

    /// Runs a command that must succeed, and returns its stdout.
    pub(crate) fn succeed(&self, command: &str, more: &[&str]) -> String {
        let finished = self.run(command, more);
        assert!(finished.status.success(), "{finished:?}");
        finished.stdout
    }

    /// Runs a command that must fail with `code`, and returns the one line on its stderr.
    pub(crate) fn fail(&self, code: i32, command: &str, more: &[&str]) -> String {
        let finished = self.run(command, more);
        one_line(code, finished.status, &finished.stderr)
    }

    pub(crate) fn start(&self, more: &[&str]) -> Child {
        Command::new(BINARY)
            .args(self.arguments("generate", more))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// Writes a script to run instead of ffmpeg.
    pub(crate) fn script(&self, text: &str) -> PathBuf {
        let path = self.path("ffmpeg");
        fs::write(&path, format!("#!/bin/bash\n{text}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    pub(crate) fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path("out")).unwrap();
        let mut names = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect::<Vec<_>>();
        names.sort();
        names
    }

    pub(crate) fn lock(&self) -> String {
        fs::read_to_string(self.path("lock.toml")).unwrap()
    }

    /// Changes the hash of video `one` in the lock file, and returns the new text.
    pub(crate) fn forge_lock(&self) -> String {
        let right = sha256_file(&self.video("one"));
        let forged = self.lock().replace(&right, &"0".repeat(64));
        fs::write(self.path("lock.toml"), &forged).unwrap();
        forged
    }
}

pub(crate) fn one_line(code: i32, status: ExitStatus, stderr: &str) -> String {
    assert_eq!(status.code(), Some(code), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    stderr.trim_end().to_owned()
}
