//! Runs ffmpeg and ffprobe, passes on their output line by line, and kills them on shutdown.

use std::{
    ffi::OsStr,
    io::{self, BufRead as _, BufReader, Read as _},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        LazyLock,
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::Duration,
};

use seedbed_service::Shutdown;

/// How often a running process checks for shutdown.
const SHUTDOWN_CHECK_INTERVAL: Duration = Duration::from_millis(50);

/// A run of a program that failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProcessError {
    /// The program is not installed.
    #[error("failed to run {}: {}; install it with apt-get install ffmpeg", .0.display(), missing(.0))]
    NotFound(PathBuf),
    /// The program cannot be started.
    #[error("failed to run {}", .0.display())]
    Start(PathBuf, #[source] io::Error),
    /// The program ended with an error.
    #[error("{} failed ({status}): {message}", program.display())]
    Failed {
        /// The program.
        program: PathBuf,
        /// Its exit status.
        status: ExitStatus,
        /// The end of its stderr, on one line.
        message: String,
    },
    /// The disk is full.
    #[error("no space left on device")]
    DiskFull,
    /// Shutdown was requested.
    #[error("interrupted")]
    Interrupted,
}

fn missing(program: &Path) -> &'static str {
    if is_bare(program) { "not found in PATH" } else { "no such file" }
}

/// Whether a program is a name to look up in PATH.
fn is_bare(program: &Path) -> bool {
    program.components().count() == 1 && !program.has_root()
}

/// Has the kernel kill a program when the thread that started it ends. Nothing else ends an encode
/// when this process is killed. The command is util-linux's.
const KILL_WITH_PARENT: [&str; 4] = ["setpriv", "--pdeathsig", "KILL", "--"];

/// Whether this system has such a `setpriv`. Others have one without the flag, or none.
static CAN_KILL_WITH_PARENT: LazyLock<bool> = LazyLock::new(|| {
    let mut command = Command::new(KILL_WITH_PARENT[0]);
    command.args(&KILL_WITH_PARENT[1..]).arg("true").stdin(Stdio::null());
    command.output().is_ok_and(|output| output.status.success())
});

/// Runs a program in `directory` to its end, without environment variables that change its output.
/// Passes each line of its stdout to `on_line`, and returns its stderr.
///
/// # Errors
/// The program cannot be started or fails, or `shutdown` is requested, which kills the program.
pub(crate) fn run<S: AsRef<OsStr>>(
    program: &Path,
    directory: &Path,
    arguments: impl IntoIterator<Item = S>,
    shutdown: &Shutdown,
    mut on_line: impl FnMut(&[u8]),
) -> Result<String, ProcessError> {
    let found =
        if is_bare(program) { Ok(program.to_owned()) } else { std::path::absolute(program) };
    let program = found.map_err(|error| ProcessError::Start(program.to_owned(), error))?;
    let failed = |source| ProcessError::Start(program.clone(), source);
    let mut command = if *CAN_KILL_WITH_PARENT {
        let mut command = Command::new(KILL_WITH_PARENT[0]);
        command.args(&KILL_WITH_PARENT[1..]).arg(&program);
        command
    } else {
        Command::new(&program)
    };
    command
        .args(arguments)
        .current_dir(directory)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .env_remove("FFREPORT")
        .env("AV_LOG_FORCE_NOCOLOR", "1")
        // On Ctrl-C, ffmpeg would end with success and a short file.
        .process_group(0);
    let mut child = match command.spawn() {
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
        let _partial_on_error = stderr.read_to_end(&mut bytes);
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
        match lines.recv_timeout(SHUTDOWN_CHECK_INTERVAL) {
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
    if status.code() == Some(127) && errors.starts_with("setpriv: ") {
        return Err(ProcessError::NotFound(program));
    }
    if !status.success() {
        return Err(ProcessError::Failed { program, status, message: one_line(&errors) });
    }
    Ok(errors)
}

/// The last lines of a stderr, as one line.
fn one_line(errors: &str) -> String {
    let lines = errors.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>();
    let last = &lines[lines.len().saturating_sub(3)..];
    if last.is_empty() { "no message".to_owned() } else { last.join("; ") }
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
        let mut lines = Vec::new();
        let result = run(Path::new("sh"), Path::new("/"), ["-c", script], shutdown, |line| {
            lines.push(String::from_utf8_lossy(line).into_owned());
        });
        (result, lines)
    }

    #[test]
    fn stdout_is_passed_on_by_line_and_stderr_is_returned() {
        let (result, lines) = shell("echo a; echo b >&2; echo c", &Shutdown::new());
        assert_eq!(result.unwrap(), "b\n");
        assert_eq!(lines, ["a", "c"]);
    }

    #[test]
    fn a_failure_is_one_line_with_the_end_of_stderr() {
        let (result, _) = shell("echo one >&2; echo two >&2; exit 3", &Shutdown::new());
        assert_eq!(result.unwrap_err().to_string(), "sh failed (exit status: 3): one; two");
    }

    #[test]
    fn the_error_for_a_missing_program_says_how_to_install_it() {
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
            let error = run(Path::new(program), Path::new("/"), [""], &Shutdown::new(), |_| ())
                .unwrap_err();
            assert_eq!(error.to_string(), message);
        }
        // A script that fails with status 127 was started.
        let (result, _) = shell("seedbed-no-program", &Shutdown::new());
        assert!(matches!(result, Err(ProcessError::Failed { .. })), "{result:?}");
    }

    #[test]
    fn a_full_disk_has_an_error_of_its_own() {
        let (result, _) = shell("echo 'x: No space left on device' >&2; exit 1", &Shutdown::new());
        assert!(matches!(result, Err(ProcessError::DiskFull)));
    }

    #[test]
    fn shutdown_kills_the_program() {
        let shutdown = Shutdown::new();
        let arguments = ["-c", "echo up; exec sleep 600"];
        let result =
            run(Path::new("sh"), Path::new("/"), arguments, &shutdown, |_| shutdown.cancel());
        assert!(matches!(result, Err(ProcessError::Interrupted)));
    }
}
