//! A seedbed binary as a child process.

use std::{
    ffi::OsStr,
    io::{BufRead as _, BufReader, Read},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread::JoinHandle,
};

use url::Url;

use crate::{DEADLINE, wait_until};

/// A running server. Dropping it kills it, and prints its log if the test is failing.
#[derive(Debug)]
pub struct Server {
    name: String,
    child: Child,
    stdout: Vec<String>,
    log: Arc<Mutex<Vec<u8>>>,
    readers: Vec<JoinHandle<()>>,
    stopped: bool,
}

/// The exit status and the output of a process.
#[derive(Debug)]
pub struct Finished {
    /// Its exit status.
    pub status: ExitStatus,
    /// All of stdout.
    pub stdout: String,
    /// All of stderr.
    pub stderr: String,
}

/// The path of one of the workspace's binaries, built beside the running test.
///
/// A package's own integration tests use `env!("CARGO_BIN_EXE_name")` instead, which also builds
/// it.
///
/// # Panics
/// It is not there: `cargo test --workspace` builds it.
#[must_use]
pub fn binary(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("the running test has a path");
    let directory = test.ancestors().nth(2).expect("tests live in target/<profile>/deps");
    let path = directory.join(name);
    assert!(path.exists(), "{path:?} is missing: build it with `cargo build --workspace`");
    path
}

/// Runs a program to its end.
///
/// # Panics
/// It cannot be started, or does not end within [`DEADLINE`].
pub fn run<S: AsRef<OsStr>>(program: &Path, args: impl IntoIterator<Item = S>) -> Finished {
    run_with_env(program, args, [] as [(&str, &str); 0])
}

/// As [`run`], with environment variables.
///
/// # Panics
/// As for [`run`].
pub fn run_with_env<S: AsRef<OsStr>>(
    program: &Path,
    args: impl IntoIterator<Item = S>,
    env: impl IntoIterator<Item = (impl AsRef<OsStr>, impl AsRef<OsStr>)>,
) -> Finished {
    let (mut server, lines) = Server::spawn(program, args, env);
    let finished = server.finish();
    Finished { stdout: lines.iter().map(|line| line + "\n").collect(), ..finished }
}

/// A command without the caller's environment variables for seedbed.
fn hermetic(program: &Path) -> Command {
    const TRACKER_NAMES: [&str; 9] = [
        "HTTP",
        "UDP",
        "WEBSOCKET",
        "STATS",
        "TRUST_PROXY",
        "TORRENT_WHITELIST",
        "TORRENT_BLACKLIST",
        "INTERVAL",
        "PORT",
    ];
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        let name_text = name.to_string_lossy();
        if name_text.starts_with("SEEDBED_") || TRACKER_NAMES.contains(&&*name_text) {
            command.env_remove(&name);
        }
    }
    command
}

impl Server {
    /// Starts `program` and waits for its line `ready`.
    ///
    /// # Panics
    /// It ends, or prints nothing for [`DEADLINE`], before it is ready. Its log is in the message.
    pub fn start<S: AsRef<OsStr>>(program: &Path, args: impl IntoIterator<Item = S>) -> Self {
        Self::start_with_env(program, args, [] as [(&str, &str); 0])
    }

    /// As [`Server::start`], with environment variables.
    ///
    /// # Panics
    /// As for [`Server::start`].
    pub fn start_with_env<S: AsRef<OsStr>>(
        program: &Path,
        args: impl IntoIterator<Item = S>,
        env: impl IntoIterator<Item = (impl AsRef<OsStr>, impl AsRef<OsStr>)>,
    ) -> Self {
        let (mut server, lines) = Self::spawn(program, args, env);
        loop {
            match lines.recv_timeout(DEADLINE) {
                Ok(line) if line == "ready" => return server,
                Ok(line) => server.stdout.push(line),
                Err(error) => panic!(
                    "{} did not become ready ({error}); stdout: {:#?}; log:\n{}",
                    server.name,
                    server.stdout,
                    server.log()
                ),
            }
        }
    }

    fn spawn<S: AsRef<OsStr>>(
        program: &Path,
        args: impl IntoIterator<Item = S>,
        env: impl IntoIterator<Item = (impl AsRef<OsStr>, impl AsRef<OsStr>)>,
    ) -> (Self, mpsc::Receiver<String>) {
        let mut child = hermetic(program)
            .args(args)
            .envs(env)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("failed to start {program:?}: {error}"));
        let log = Arc::new(Mutex::new(Vec::new()));
        let stderr = child.stderr.take().expect("stderr is piped");
        let stdout = child.stdout.take().expect("stdout is piped");
        let (send, lines) = mpsc::channel();
        let readers = vec![
            std::thread::spawn({
                let log = Arc::clone(&log);
                move || collect(stderr, &log)
            }),
            std::thread::spawn(move || {
                // Read to the end even if nobody receives the lines: a full pipe would drop some.
                for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                    let _gone = send.send(line);
                }
            }),
        ];
        let name = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
        (Self { name, child, stdout: Vec::new(), log, readers, stopped: false }, lines)
    }

    /// What it printed on stdout before `ready`, line by line.
    #[must_use]
    pub fn stdout(&self) -> &[String] {
        &self.stdout
    }

    /// Its log (stderr) so far.
    #[must_use]
    pub fn log(&self) -> String {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&log).into_owned()
    }

    /// The process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The address of the first socket that it listens on with `scheme` (`http`, `udp`, `tcp`).
    ///
    /// # Panics
    /// It printed no such line.
    #[must_use]
    pub fn address(&self, scheme: &str) -> SocketAddr {
        self.find_address(scheme, "")
    }

    /// As [`Server::address`], of one service in a process that runs several
    /// (`seedbed-tracker`).
    ///
    /// # Panics
    /// It printed no such line.
    #[must_use]
    pub fn address_of(&self, role: &str, scheme: &str) -> SocketAddr {
        self.find_address(scheme, &format!(" ({role})"))
    }

    fn find_address(&self, scheme: &str, suffix: &str) -> SocketAddr {
        let prefix = format!("listening on {scheme}://");
        self.stdout
            .iter()
            .filter_map(|line| line.strip_prefix(&prefix)?.strip_suffix(suffix)?.parse().ok())
            .next()
            .unwrap_or_else(|| panic!("no line {prefix}...{suffix} in {:#?}", self.stdout))
    }

    /// The URL of `path` (`/health`) on the server's HTTP socket.
    ///
    /// # Panics
    /// It has none, or `path` makes no URL.
    #[must_use]
    pub fn url(&self, path: &str) -> Url {
        format!("http://{}{path}", self.address("http")).parse().expect("a path makes a URL")
    }

    /// As [`Server::url`], on its https socket.
    ///
    /// # Panics
    /// As for [`Server::url`].
    #[must_use]
    pub fn https_url(&self, path: &str) -> Url {
        format!("https://{}{path}", self.address("https")).parse().expect("a path makes a URL")
    }

    /// Sends SIGTERM and waits for the end.
    ///
    /// # Panics
    /// It does not end within [`DEADLINE`].
    pub fn terminate(mut self) -> Finished {
        self.signal("TERM");
        self.finish()
    }

    /// Sends SIGINT and waits for the end, as Ctrl-C does.
    ///
    /// # Panics
    /// It does not end within [`DEADLINE`].
    pub fn interrupt(mut self) -> Finished {
        self.signal("INT");
        self.finish()
    }

    /// Kills it with SIGKILL, so it cannot tell a tracker that it stops.
    pub fn kill(mut self) {
        self.end();
    }

    fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args([format!("-{name}"), self.pid().to_string()])
            .status()
            .expect("kill is on every Unix");
        assert!(status.success(), "failed to signal {}", self.name);
    }

    fn finish(&mut self) -> Finished {
        let mut status = None;
        wait_until(&format!("{} to end", self.name), || {
            status = self.child.try_wait().expect("a child can be waited for");
            status.is_some()
        });
        self.stopped = true;
        for reader in self.readers.drain(..) {
            reader.join().expect("a reader does not panic");
        }
        Finished {
            status: status.expect("waited for"),
            stdout: self.stdout.join("\n"),
            stderr: self.log(),
        }
    }

    fn end(&mut self) {
        if !self.stopped {
            self.stopped = true;
            let _already_ended = self.child.kill();
            let _reaped = self.child.wait();
        }
    }
}

impl Drop for Server {
    #[expect(clippy::print_stderr, reason = "a failing test shows the log of its servers")]
    fn drop(&mut self) {
        self.end();
        if std::thread::panicking() {
            eprintln!("--- log of {} ---\n{}", self.name, self.log());
        }
    }
}

fn collect(mut from: impl Read, into: &Mutex<Vec<u8>>) {
    let mut buffer = [0; 4096];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        into.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&buffer[..read]);
    }
}
