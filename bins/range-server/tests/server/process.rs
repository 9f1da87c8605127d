//! Starting, ending and being asked for health.

use std::{net::TcpListener, path::Path};

use seedbed_testkit::{Finished, Server, run};

use crate::Origin;

const PROGRAM: &str = env!("CARGO_BIN_EXE_seedbed-range");

fn fail(args: &[&str]) -> Finished {
    let finished = run(Path::new(PROGRAM), args);
    assert_eq!(finished.stdout, "");
    finished
}

#[test]
fn a_signal_ends_it_well() {
    for end in [Server::terminate, Server::interrupt] {
        let finished = end(Origin::start(&[]).server);
        assert_eq!(finished.status.code(), Some(0));
    }
}

#[test]
fn it_says_where_it_listens() {
    let origin = Origin::start(&[]);
    let address = origin.server.address("http");
    assert_eq!(origin.server.stdout(), [format!("listening on http://{address}")]);
}

#[test]
fn flags_can_come_from_the_environment() {
    let root = tempfile::tempdir().unwrap();
    std::fs::write(root.path().join("file"), "12345").unwrap();
    let env = [
        ("SEEDBED_RANGE_ROOT", root.path().to_str().unwrap()),
        ("SEEDBED_RANGE_LISTEN", "127.0.0.1:0"),
        ("SEEDBED_RANGE_MALFORMED_RANGE", "ignore"),
    ];
    let server = Server::start_with_env(Path::new(PROGRAM), [""; 0], env);
    let response =
        seedbed_testkit::request(server.address("http"), "GET /file HTTP/1.1\nRange: bytes=x");
    assert_eq!((response.status, response.text().as_str()), (200, "12345"));
}

#[test]
fn a_root_that_cannot_be_read_is_bad_usage() {
    for root in ["/does/not/exist", PROGRAM] {
        let finished = fail(&["--root", root, "--listen", "127.0.0.1:0"]);
        assert_eq!(finished.status.code(), Some(2));
        assert_eq!(finished.stderr.lines().count(), 1, "{}", finished.stderr);
        assert!(finished.stderr.contains(root), "{}", finished.stderr);
    }
}

#[test]
fn no_root_is_bad_usage() {
    let finished = fail(&[]);
    assert_eq!(finished.status.code(), Some(2));
    assert!(finished.stderr.contains("--root"), "{}", finished.stderr);
}

#[test]
fn a_port_in_use_is_a_failure() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let finished = fail(&["--root", ".", "--listen", &address]);
    assert_eq!(finished.status.code(), Some(1));
    assert_eq!(finished.stderr.lines().count(), 1, "{}", finished.stderr);
    assert!(finished.stderr.contains(&address), "{}", finished.stderr);
}

#[test]
fn the_health_check_tells_whether_it_serves() {
    let origin = Origin::start(&[]);
    let url = origin.server.url("/health");
    let healthy = run(Path::new(PROGRAM), ["healthcheck", "--url", url.as_str()]);
    assert_eq!(healthy.status.code(), Some(0), "{}", healthy.stderr);
    origin.server.terminate();
    let gone = run(Path::new(PROGRAM), ["healthcheck", "--url", url.as_str()]);
    assert_eq!(gone.status.code(), Some(1));
}
