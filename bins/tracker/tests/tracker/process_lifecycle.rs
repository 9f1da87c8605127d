//! How the process starts and ends.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream, UdpSocket},
    process::Command,
};

use crate::support::{BINARY, Tracker};
use seedbed_testkit::{DEADLINE, Server, run};

#[test]
fn a_tcp_port_in_use_ends_it_with_one_line_that_names_the_address() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let finished = run(BINARY.as_ref(), ["--listen", &address]);
    assert_eq!(finished.status.code(), Some(1));
    assert_eq!(finished.stdout, "");
    assert_eq!(finished.stderr.lines().count(), 1, "{}", finished.stderr);
    assert!(finished.stderr.contains(&address), "{}", finished.stderr);
}

#[test]
fn a_udp_port_in_use_ends_it_before_it_listens() {
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let finished = run(BINARY.as_ref(), ["--listen", &address]);
    assert_eq!(finished.status.code(), Some(1));
    assert_eq!(finished.stdout, "");
    assert!(finished.stderr.contains(&address), "{}", finished.stderr);
}

#[test]
fn sigterm_and_sigint_end_it_with_exit_code_0() {
    assert_eq!(Tracker::start(&[]).0.terminate().status.code(), Some(0));
    assert_eq!(Tracker::start(&[]).0.interrupt().status.code(), Some(0));
}

#[test]
fn a_connection_that_is_kept_open_does_not_keep_it_alive() {
    let tracker = Tracker::start(&[]);
    let mut idle = TcpStream::connect(tracker.0.address("http")).unwrap();
    idle.set_read_timeout(Some(DEADLINE)).unwrap();
    idle.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    idle.read_exact(&mut [0; 15]).unwrap();
    let _half = TcpStream::connect(tracker.0.address("http")).unwrap();
    assert_eq!(tracker.0.terminate().status.code(), Some(0));
}

/// `healthcheck` takes the address from the environment, as in a container.
fn healthcheck(env: &[(&str, &str)]) -> std::process::Output {
    let mut command = Command::new(BINARY);
    command.arg("healthcheck").envs(env.iter().copied()).output().expect("the tracker starts")
}

#[test]
fn healthcheck_asks_the_tracker_at_the_address_it_is_configured_with() {
    let tracker = Tracker::start(&[]);
    let address = tracker.0.address("http").to_string();
    let port = tracker.0.address("http").port().to_string();
    let by_listen = healthcheck(&[("SEEDBED_TRACKER_LISTEN", &address)]);
    assert_eq!(by_listen.status.code(), Some(0), "{by_listen:?}");
    let by_port = healthcheck(&[("PORT", &port), ("UDP", "true"), ("TORRENT_WHITELIST", "")]);
    assert_eq!(by_port.status.code(), Some(0), "{by_port:?}");
    let url = tracker.0.url("/health").to_string();
    assert_eq!(run(BINARY.as_ref(), ["healthcheck", "--url", &url]).status.code(), Some(0));
    assert_eq!(healthcheck(&[("SEEDBED_HEALTH_URL", &url)]).status.code(), Some(0));
    tracker.0.kill();
    let gone = healthcheck(&[("SEEDBED_TRACKER_LISTEN", &address)]);
    assert_eq!(gone.status.code(), Some(1));
    assert_eq!(String::from_utf8_lossy(&gone.stderr).lines().count(), 1, "{gone:?}");
}

#[test]
fn healthcheck_asks_again_as_long_as_wait_says() {
    let healthchecks: [fn(&str) -> std::process::Output; 2] = [
        |url| healthcheck(&[("SEEDBED_HEALTH_URL", url), ("SEEDBED_HEALTH_WAIT", "60")]),
        |url| {
            Command::new(BINARY).args(["healthcheck", "--wait=60", "--url", url]).output().unwrap()
        },
    ];
    for healthcheck in healthchecks {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/health", listener.local_addr().unwrap());
        // Healthy when asked for the second time.
        let server = std::thread::spawn(move || {
            for status in ["503 Service Unavailable", "200 OK"] {
                let (mut stream, _) = listener.accept().unwrap();
                let _request = stream.read(&mut [0; 1024]).unwrap();
                write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n").unwrap();
            }
        });
        let output = healthcheck(&url);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        server.join().unwrap();
    }
}

#[test]
fn the_default_address_is_port_8000_on_every_interface() {
    let help = run(BINARY.as_ref(), ["--help"]);
    assert!(help.stdout.contains("[default: [::]:8000]"), "{}", help.stdout);
}

#[test]
fn a_server_on_every_interface_is_reached_over_ipv4() {
    let server = Server::start(BINARY.as_ref(), ["--listen", "[::]:0"]);
    let port = server.address("http").port();
    let response = seedbed_testkit::request(
        ([127, 0, 0, 1], port).into(),
        "GET /announce?info_hash=aaaaaaaaaaaaaaaaaaaa&peer_id=bbbbbbbbbbbbbbbbbbbb&port=1 HTTP/1.1",
    );
    assert_eq!(response.status, 200);
    let stats = seedbed_testkit::request(([127, 0, 0, 1], port).into(), "GET /stats.json HTTP/1.1");
    assert_eq!(stats.json()["peersIPv4"], 1);
    assert_eq!(stats.json()["peersIPv6"], 0);
}
