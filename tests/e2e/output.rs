//! Nothing that a server prints holds it up: its readers may stop reading.

use std::{
    collections::HashSet,
    fs::{self, OpenOptions},
    io::{self, ErrorKind, PipeReader, PipeWriter, Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr},
    os::{fd::AsRawFd as _, unix::fs::OpenOptionsExt as _},
    process::{Child, Command, Stdio},
};

use seedbed_testkit::{Response, binary, eventually, request, wait_until};

/// `O_NONBLOCK` of Linux.
const NON_BLOCKING: i32 = 0o4000;

/// A pipe that is full: a process that writes to it waits until somebody reads.
fn full_pipe() -> (PipeReader, PipeWriter) {
    let (reader, writer) = io::pipe().unwrap();
    // Opened once more, the pipe has flags of its own: the writer stays in blocking mode.
    let path = format!("/proc/self/fd/{}", writer.as_raw_fd());
    let mut filler = OpenOptions::new().write(true).custom_flags(NON_BLOCKING).open(path).unwrap();
    loop {
        match filler.write(&[b'\n'; 4096]) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) => panic!("failed to fill a pipe: {error}"),
        }
    }
    (reader, writer)
}

/// A server, which is killed when the test ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _already_ended = self.0.kill();
        let _reaped = self.0.wait();
    }
}

impl Running {
    /// Starts a binary that logs all it can.
    fn start(name: &str, stdout: Stdio, stderr: Stdio) -> Self {
        let root = env!("CARGO_MANIFEST_DIR");
        let mut command = Command::new(binary(name));
        command.args(["--listen", "127.0.0.1:0", "--log-level", "trace"]);
        if name == "seedbed-range" {
            command.args(["--root", root]);
        }
        command.stdin(Stdio::null()).stdout(stdout).stderr(stderr);
        Self(command.spawn().unwrap())
    }

    /// Where it listens, according to the kernel: its own line may be in a pipe that nobody reads.
    fn address(&mut self) -> SocketAddr {
        let process = format!("/proc/{}", self.0.id());
        eventually("the server to listen", || {
            let ended = self.0.try_wait().unwrap();
            assert!(ended.is_none(), "the server ended: {ended:?}");
            let sockets: HashSet<String> = fs::read_dir(format!("{process}/fd"))
                .ok()?
                .filter_map(|entry| fs::read_link(entry.ok()?.path()).ok())
                .map(|target| target.to_string_lossy().into_owned())
                .collect();
            let table = fs::read_to_string(format!("{process}/net/tcp")).ok()?;
            table.lines().find_map(|line| {
                let fields: Vec<&str> = line.split_whitespace().collect();
                let [_, local, _, "0A", _, _, _, _, _, inode, ..] = fields[..] else { return None };
                if !sockets.contains(&format!("socket:[{inode}]")) {
                    return None;
                }
                let (_, port) = local.split_once(':')?;
                let port = u16::from_str_radix(port, 16).ok()?;
                Some((Ipv4Addr::LOCALHOST, port).into())
            })
        })
    }

    fn terminate(&self) {
        let kill = Command::new("kill").arg(self.0.id().to_string()).status().unwrap();
        assert!(kill.success());
    }
}

fn get(address: SocketAddr, path: &str) -> Response {
    request(address, &format!("GET {path} HTTP/1.1"))
}

const SERVERS: [&str; 2] = ["seedbed-tracker", "seedbed-range"];

#[test]
fn a_server_whose_output_nobody_reads_answers_and_ends_on_sigterm() {
    for name in SERVERS {
        let (_stdout_reader, stdout) = full_pipe();
        let (_stderr_reader, stderr) = full_pipe();
        let mut server = Running::start(name, stdout.into(), stderr.into());
        let address = server.address();
        assert_eq!(get(address, "/health").status, 200, "{name}");
        server.terminate();
        let mut status = None;
        wait_until("the server to end", || {
            status = server.0.try_wait().unwrap();
            status.is_some()
        });
        assert!(status.unwrap().success(), "{name}: {status:?}");
    }
}

#[test]
fn log_lines_that_nobody_reads_are_counted_and_reported_to_the_next_reader() {
    let (mut stderr_reader, stderr) = full_pipe();
    let mut server = Running::start("seedbed-range", Stdio::null(), stderr.into());
    let address = server.address();
    // A long target makes a long line.
    let path = format!("/health?{}", "x".repeat(4000));
    wait_until("log lines to be dropped", || {
        assert_eq!(get(address, &path).status, 200);
        let metrics = get(address, "/metrics").text();
        let count = metrics
            .lines()
            .find_map(|line| line.strip_prefix("seedbed_range_log_lines_dropped_total "));
        count.unwrap().parse::<u64>().unwrap() > 0
    });
    let mut log = Vec::new();
    eventually("a line that says how many were dropped", || {
        let mut part = [0; 64 << 10];
        let read = stderr_reader.read(&mut part).unwrap();
        log.extend_from_slice(&part[..read]);
        let text = String::from_utf8_lossy(&log);
        text.lines()
            .any(|line| line.contains("dropped log lines") && line.contains("dropped="))
            .then_some(())
    });
}
