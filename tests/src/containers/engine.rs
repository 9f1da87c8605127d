//! The container engine, by its command line.

use std::{
    io::Write as _,
    path::Path,
    process::{Command, Output, Stdio},
    sync::{
        Once, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicU32, Ordering},
    },
};

use seedbed_testkit::Tool;
use serde_json::Value;

use crate::bed::repository;

/// What the names of all that the tests make start with; the process and a number follow.
const PREFIX: &str = "seedbed-test";

const DOCKER: Tool = Tool { command: "docker", probe: &["info"], install: "make setup-containers" };

static MACHINE: RwLock<()> = RwLock::new(());

/// Held by a test that others may run beside.
pub fn beside_others() -> RwLockReadGuard<'static, ()> {
    MACHINE.read().unwrap_or_else(PoisonError::into_inner)
}

/// Held by a test that measures.
pub fn alone() -> RwLockWriteGuard<'static, ()> {
    MACHINE.write().unwrap_or_else(PoisonError::into_inner)
}

/// A name that nothing else has.
///
/// # Panics
/// There is no engine.
#[must_use]
pub fn unique_name() -> String {
    static SWEPT: Once = Once::new();
    static COUNT: AtomicU32 = AtomicU32::new(0);
    SWEPT.call_once(sweep);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("{PREFIX}-{}-{count}", std::process::id())
}

/// Removes what runs left behind that were killed.
fn sweep() {
    let sweep = |list: &[&str], remove: &[&str]| {
        for name in docker(list).lines() {
            let rest = name.strip_prefix(PREFIX).unwrap_or_default();
            let pid: Option<u32> = rest.split(['-', '_']).nth(1).and_then(|pid| pid.parse().ok());
            if pid.is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists()) {
                let _somebody_else_did = try_docker(&[remove, &[name]].concat());
            }
        }
    };
    let name = format!("name={PREFIX}-");
    sweep(&["ps", "-a", "--filter", &name, "--format", "{{.Names}}"], &["rm", "-f", "-v"]);
    sweep(&["network", "ls", "--filter", &name, "--format", "{{.Name}}"], &["network", "rm"]);
    sweep(&["volume", "ls", "--filter", &name, "--format", "{{.Name}}"], &["volume", "rm"]);
    sweep(&["image", "ls", "--format", "{{.Repository}}"], &["image", "rm"]);
}

/// Says what was measured, also where the test passes.
pub fn figure(text: impl std::fmt::Display) {
    let _nobody_reads = writeln!(std::io::stdout().lock(), "  {text}");
}

/// Runs a command of the engine to its end.
///
/// # Panics
/// There is no engine.
pub fn try_docker(args: &[&str]) -> Output {
    run(Command::new(DOCKER.command).args(args))
}

/// Runs a command of the engine that has to succeed, and gives what it prints.
///
/// # Panics
/// It fails; what it printed is in the message.
pub fn docker(args: &[&str]) -> String {
    succeeded(&format!("docker {args:?}"), &try_docker(args))
}

/// Runs a command that needs the engine to its end.
///
/// # Panics
/// There is no engine, or the command does not start.
pub fn run(command: &mut Command) -> Output {
    static THERE: Once = Once::new();
    THERE.call_once(|| drop(seedbed_testkit::require(DOCKER)));
    command
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("failed to start {command:?}: {error}"))
}

/// What a command printed that has to have succeeded.
///
/// # Panics
/// It failed; what it printed is in the message.
pub fn succeeded(what: &str, output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{what}: {}\n{stdout}\n{stderr}", output.status);
    stdout
}

/// What the engine knows of a container, image or network.
///
/// # Panics
/// It knows nothing of it.
#[must_use]
pub fn inspect(name: &str) -> Value {
    let text = docker(&["inspect", name]);
    let mut list: Value = serde_json::from_str(&text).expect("inspect prints JSON");
    list[0].take()
}

/// Makes an image of programs of this host, with the libraries that they need. `changes` are lines of
/// a Dockerfile.
///
/// # Panics
/// It fails; what it printed is in the message.
pub fn import(image: &str, programs: &[&str], changes: &[&str]) {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let tree = repository().join("images/tree.sh");
    succeeded("tree.sh", &run(Command::new(tree).arg(directory.path()).args(programs)));
    let mut command = Command::new("sh");
    // The archive comes from a pipe: the engine may be another user's.
    command.args(["-c", "d=$1; shift; tar -C \"$d\" -c . | docker import \"$@\"", "sh"]);
    command.arg(directory.path());
    for change in changes {
        command.args(["--change", change]);
    }
    succeeded("docker import", &run(command.args(["-", image])));
}

/// An image that is removed when the test ends.
#[derive(Debug)]
pub struct Image(pub String);

impl Drop for Image {
    fn drop(&mut self) {
        let _gone = try_docker(&["image", "rm", &self.0]);
    }
}

/// A container, by its name or id, that is removed when the test ends.
#[derive(Debug)]
pub struct Container(pub String);

impl Container {
    /// Starts a container of `docker run` with these arguments.
    ///
    /// # Panics
    /// It does not start.
    #[must_use]
    pub fn start(args: &[&str]) -> Self {
        let name = unique_name();
        let container = Self(name.clone());
        docker(&[&["run", "--detach", "--name", &name], args].concat());
        container
    }

    /// Waits for its end, and gives its exit code and output.
    #[must_use]
    pub fn finish(self) -> (String, String) {
        let code = docker(&["wait", &self.0]);
        (code, self.log())
    }

    /// What it has printed.
    #[must_use]
    pub fn log(&self) -> String {
        let output = try_docker(&["logs", &self.0]);
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    }

    /// What the engine says of its health.
    #[must_use]
    pub fn health(&self) -> String {
        inspect(&self.0)["State"]["Health"]["Status"].as_str().unwrap_or_default().to_owned()
    }
}

impl Drop for Container {
    #[expect(clippy::print_stderr, reason = "a failing test shows the log of its containers")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- log of {} ---\n{}", self.0, self.log());
        }
        let _gone = try_docker(&["rm", "--force", "--volumes", &self.0]);
    }
}
