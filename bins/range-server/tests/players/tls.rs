//! Clients over https: each gets what it asks for if it trusts the CA, and nothing if it does not.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
};

use seedbed_testkit::{
    DEADLINE, Tool, require, run, run_page, run_page_trusting, sha256, sha256_file, wait_until,
};

use tempfile::TempDir;

use crate::{Origin, content};

/// A range server over https.
struct Https {
    origin: Origin,
    scratch: TempDir,
}

impl Https {
    fn start(args: &[&str]) -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let ca = scratch.path().join("ca.pem");
        let tls = ["--tls", "--tls-ca-out", text(&ca)];
        Self { origin: Origin::start(&[&tls, args].concat()), scratch }
    }

    /// The file that the CA is in.
    fn ca(&self) -> PathBuf {
        self.scratch.path().join("ca.pem")
    }

    fn url(&self, path: &str) -> String {
        self.origin.server.https_url(path).to_string()
    }
}

fn curl(args: &[&str]) -> seedbed_testkit::Finished {
    run(&require(Tool::CURL), [&["-sS", "--fail"], args].concat())
}

/// A path as an argument.
fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn curl_gets_ranges_over_https_if_it_trusts_the_ca() {
    let server = Https::start(&[]);
    let (origin, ca) = (&server.origin, server.ca());
    let file = content(3 << 20);
    origin.write("file", &file, 0);
    let url = server.url("/file");
    let out = origin.path("out");
    let get = |args: &[&str]| {
        let finished = curl(&[&["--cacert", text(&ca), "-o", text(&out), &url], args].concat());
        assert!(finished.status.success(), "{}", finished.stderr);
        std::fs::read(&out).unwrap()
    };
    assert_eq!(sha256(&get(&[])), sha256(&file));
    assert!(get(&["-r", "5-99"]) == file[5..100]);
    assert!(get(&["-r", "-10"]) == file[file.len() - 10..]);
    let by_name = url.replace("127.0.0.1", "localhost");
    let finished = curl(&["--cacert", text(&ca), "-o", text(&out), &by_name]);
    assert!(finished.status.success(), "{}", finished.stderr);

    let untrusting = curl(&["-o", text(&out), &url]);
    // CURLE_PEER_FAILED_VERIFICATION.
    assert_eq!(untrusting.status.code(), Some(60), "{}", untrusting.stderr);
}

#[test]
fn the_certificate_holds_for_the_names_of_allow_host_and_for_no_other() {
    let server = Https::start(&["--allow-host", "origin.test"]);
    let (origin, ca) = (&server.origin, server.ca());
    origin.write("file", "content", 0);
    let port = origin.server.address("https").port();
    let get = |name: &str| {
        let resolve = format!("{name}:{port}:127.0.0.1");
        let url = format!("https://{name}:{port}/file");
        curl(&["--cacert", text(&ca), "--resolve", &resolve, &url])
    };
    let named = get("origin.test");
    assert_eq!(named.stdout.trim_end(), "content", "{}", named.stderr);
    assert_eq!(get("other.test").status.code(), Some(60));
}

#[test]
fn aria2_downloads_over_https_if_it_trusts_the_ca() {
    let server = Https::start(&["--log-level", "debug"]);
    let (origin, ca) = (&server.origin, server.ca());
    let file = content(8 << 20);
    origin.write("file", &file, 0);
    let out = tempfile::tempdir().unwrap();
    let url = server.url("/file");
    let get = |trust: &[&str]| {
        let args = ["-q", "--no-conf", "-x4", "-s4", "-k1M", "--file-allocation=none", "-d"];
        let all = [&args, &[text(out.path()), &url][..], trust].concat();
        run(&require(Tool::ARIA2), all)
    };
    let untrusting = get(&[]);
    assert!(!untrusting.status.success());
    assert!(!out.path().join("file").exists());

    let trust = format!("--ca-certificate={}", ca.display());
    let finished = get(&[&trust]);
    assert!(finished.status.success(), "{} {}", finished.stdout, finished.stderr);
    assert_eq!(sha256_file(&out.path().join("file")), sha256(&file));
    assert!(crate::first_positions(origin, "/file").len() >= 3, "{}", origin.server.log());
}

#[test]
fn chromium_fetches_a_range_over_https_if_it_trusts_the_ca() {
    let server = Https::start(&[]);
    let (origin, ca) = (&server.origin, server.ca());
    origin.write("file", content(1 << 20), 0);
    let url = server.url("/file");
    let page = format!(
        "<!doctype html><script>
         const done = text => fetch('/done?' + encodeURIComponent(text));
         fetch('{url}', {{ headers: {{ Range: 'bytes=1000-1999' }} }})
             .then(async response => done(`${{response.status}} ${{(await response.arrayBuffer()).byteLength}}`))
             .catch(error => done(error.message));
         </script>"
    );
    assert_eq!(run_page_trusting(&page, &[], Some(&ca)), "206 1000");
    assert_eq!(run_page(&page, &[]), "Failed to fetch");
}

#[test]
fn a_plain_request_to_a_tls_port_closes_the_connection_and_says_why_in_the_log() {
    let server = Https::start(&[]);
    let (origin, ca) = (&server.origin, server.ca());
    let mut stream = TcpStream::connect(origin.server.address("https")).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    let _reset = stream.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP/"), "{}", answer.escape_ascii());
    wait_until("the log to say why", || {
        origin.server.log().contains("does not speak TLS; clients of this port need https://")
    });
    // It goes on to serve those who do.
    let health = server.url("/health");
    let healthy = curl(&["--cacert", text(&ca), &health]);
    assert!(healthy.status.success(), "{}", healthy.stderr);
}

/// Runs a server that cannot start. Its one line on stderr.
fn refused(args: &[&str]) -> String {
    let root = tempfile::tempdir().unwrap();
    let line = [&["--root", text(root.path()), "--listen", "127.0.0.1:0"], args].concat();
    let finished = run(env!("CARGO_BIN_EXE_seedbed-range").as_ref(), line);
    assert_eq!(finished.status.code(), Some(2), "{args:?}: {}", finished.stderr);
    assert!(!finished.stdout.contains("listening"), "{}", finished.stdout);
    finished.stderr
}

#[test]
fn a_bad_certificate_or_key_is_an_error_that_names_the_file_before_a_socket_is_bound() {
    let scratch = tempfile::tempdir().unwrap();
    let path = |name: &str| scratch.path().join(name).to_str().unwrap().to_owned();
    let make = |name: &str| {
        let (key, certificate) = (path(&format!("{name}.key")), path(&format!("{name}.pem")));
        let made = run(
            Path::new("openssl"),
            ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
                .into_iter()
                .chain(["-keyout", &key, "-out", &certificate, "-subj", "/CN=localhost"])
                .chain(["-addext", "subjectAltName=DNS:localhost"]),
        );
        assert!(made.status.success(), "{}", made.stderr);
        (certificate, key)
    };
    let (certificate, key) = make("one");
    let (_, other_key) = make("other");
    let none = path("none.pem");
    let no_pem = path("no.pem");
    std::fs::write(&no_pem, "no PEM").unwrap();

    for (cert, key, named) in [
        (&none, &key, format!("failed to read {none:?} (--tls-cert): No such file")),
        (&certificate, &none, format!("failed to read {none:?} (--tls-key): No such file")),
        (&no_pem, &key, format!("--tls-cert: wanted a certificate in PEM, got none in {no_pem:?}")),
        (
            &certificate,
            &no_pem,
            format!("--tls-key: wanted a private key in PEM, got none in {no_pem:?}"),
        ),
        (&certificate, &other_key, format!("the key in {other_key:?} (--tls-key) does not belong")),
    ] {
        let error = refused(&["--tls", "--tls-cert", cert, "--tls-key", key]);
        assert!(error.contains(&named), "{error}");
    }
    assert!(refused(&["--tls", "--tls-cert", &certificate]).contains("--tls-cert needs --tls-key"));
    assert!(refused(&["--tls-ca-out", &none]).contains("--tls-ca-out needs --tls"));

    let origin = Origin::start(&["--tls", "--tls-cert", &certificate, "--tls-key", &key]);
    let url = origin.server.https_url("/health").to_string().replace("127.0.0.1", "localhost");
    let trusting = curl(&["--cacert", &certificate, &url]);
    assert!(trusting.status.success(), "{}", trusting.stderr);
}

#[test]
fn a_ca_that_cannot_be_written_is_an_error_that_names_the_file() {
    let error = refused(&["--tls", "--tls-ca-out", "/no/such/directory/ca.pem"]);
    assert!(error.contains("failed to write the CA to \"/no/such/directory/ca.pem\""), "{error}");
}
