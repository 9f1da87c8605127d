//! Running ffmpeg and ffprobe: output line by line, ended at once on shutdown.

use std::{
    io::{self, BufRead as _, BufReader, Read as _},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::Duration,
};

use seedbed_service::Shutdown;

/// How long a shutdown may go unnoticed.
const POLL: Duration = Duration::from_millis(50);

/// Why a program did not do its work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProcessError {
    /// It is not installed.
    #[error("failed to run {}: {}; install it with apt-get install ffmpeg", .0.display(), missing(.0))]
    NotFound(PathBuf),
    /// It cannot be started.
    #[error("failed to run {}", .0.display())]
    Start(PathBuf, #[source] io::Error),
    /// It said that it failed.
    #[error("{} failed ({status}): {message}", program.display())]
    Failed {
        /// The program.
        program: PathBuf,
        /// Its exit status.
        status: ExitStatus,
        /// What it said, in one line.
        message: String,
    },
    /// The disk is full.
    #[error("no space left on the disk")]
    DiskFull,
    /// Shutdown was asked for.
    #[error("interrupted")]
    Interrupted,
}

fn missing(program: &Path) -> &'static str {
    if is_bare(program) { "not found in PATH" } else { "no such file" }
}

/// Whether a program is a name to be looked up in PATH.
fn is_bare(program: &Path) -> bool {
    program.components().count() == 1 && !program.has_root()
}

/// A command that runs in `directory`, with nothing inherited that changes what it says or writes.
pub(crate) fn command(program: &Path, directory: &Path) -> io::Result<Command> {
    let program = if is_bare(program) { program.to_owned() } else { std::path::absolute(program)? };
    let mut command = Command::new(program);
    command
        .current_dir(directory)
        .stdin(Stdio::null())
        .env_remove("FFREPORT")
        .env("AV_LOG_FORCE_NOCOLOR", "1")
        // Ctrl-C is for us: ffmpeg would answer it with a valid but short file.
        .process_group(0);
    Ok(command)
}

/// Runs `command` to its end, passes on each line of its stdout, and returns its stderr.
///
/// # Errors
/// It cannot be started, fails, or `shutdown` is asked for, which kills it.
pub(crate) fn run(
    command: &mut Command,
    shutdown: &Shutdown,
    mut on_line: impl FnMut(&[u8]),
) -> Result<String, ProcessError> {
    let program = PathBuf::from(command.get_program());
    let failed = |source| ProcessError::Start(program.clone(), source);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = match child {
        Ok(child) => KilledOnDrop(child),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(ProcessError::NotFound(program));
        }
        Err(error) => return Err(failed(error)),
    };
    let stdout = child.0.stdout.take().expect("stdout is piped");
    let mut stderr = child.0.stderr.take().expect("stderr is piped");
    let errors = thread::spawn(move || {
        let mut bytes = Vec::new();
        let _as_far_as_it_came = stderr.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    });
    let (send, lines) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(stdout).split(b'\n').map_while(Result::ok) {
            if send.send(line).is_err() {
                break;
            }
        }
    });
    loop {
        if shutdown.is_cancelled() {
            return Err(ProcessError::Interrupted);
        }
        match lines.recv_timeout(POLL) {
            Ok(line) => on_line(&line),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    let status = child.0.wait().map_err(failed)?;
    let errors = errors.join().expect("reading does not panic");
    if errors.contains("No space left on device") {
        return Err(ProcessError::DiskFull);
    }
    if !status.success() {
        return Err(ProcessError::Failed { program, status, message: one_line(&errors) });
    }
    Ok(errors)
}

/// The last things that a program said, in one line.
fn one_line(errors: &str) -> String {
    let lines = errors.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>();
    let last = &lines[lines.len().saturating_sub(3)..];
    if last.is_empty() { "it said nothing".to_owned() } else { last.join("; ") }
}

struct KilledOnDrop(Child);

impl Drop for KilledOnDrop {
    fn drop(&mut self) {
        let _already_ended = self.0.kill();
        let _reaped = self.0.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, shutdown: &Shutdown) -> (Result<String, ProcessError>, Vec<String>) {
        let mut command = command(Path::new("sh"), Path::new("/")).unwrap();
        let mut lines = Vec::new();
        let result = run(command.args(["-c", script]), shutdown, |line| {
            lines.push(String::from_utf8_lossy(line).into_owned());
        });
        (result, lines)
    }

    #[test]
    fn lines_are_passed_on_and_stderr_is_returned() {
        let (result, lines) = shell("echo a; echo b >&2; echo c", &Shutdown::new());
        assert_eq!(result.unwrap(), "b\n");
        assert_eq!(lines, ["a", "c"]);
    }

    #[test]
    fn a_failure_is_one_line_with_the_last_words() {
        let (result, _) = shell("echo one >&2; echo two >&2; exit 3", &Shutdown::new());
        assert_eq!(result.unwrap_err().to_string(), "sh failed (exit status: 3): one; two");
    }

    #[test]
    fn a_missing_program_says_how_to_install_it() {
        for (program, message) in [
            (
                "seedbed-no-ffmpeg",
                "failed to run seedbed-no-ffmpeg: not found in PATH; install it with apt-get install ffmpeg",
            ),
            (
                "/nonexistent/ffmpeg",
                "failed to run /nonexistent/ffmpeg: no such file; install it with apt-get install ffmpeg",
            ),
        ] {
            let mut command = command(Path::new(program), Path::new("/")).unwrap();
            let error = run(&mut command, &Shutdown::new(), |_| ()).unwrap_err();
            assert_eq!(error.to_string(), message);
        }
    }

    #[test]
    fn a_full_disk_is_told_apart() {
        let (result, _) = shell("echo 'x: No space left on device' >&2; exit 1", &Shutdown::new());
        assert!(matches!(result, Err(ProcessError::DiskFull)));
    }

    #[test]
    fn shutdown_kills_it() {
        let shutdown = Shutdown::new();
        let mut command = command(Path::new("sh"), Path::new("/")).unwrap();
        command.args(["-c", "echo up; exec sleep 600"]);
        let result = run(&mut command, &shutdown, |_| shutdown.cancel());
        assert!(matches!(result, Err(ProcessError::Interrupted)));
    }
}
