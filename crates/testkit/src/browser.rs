//! Runs a page in headless Chromium.
//!
//! The page reports its result by requesting `/done?` and a text, so no debugging protocol is needed.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::Instant,
};

use percent_encoding::percent_decode_str;

use crate::{DEADLINE, Tool, require, wait_until};

/// Opens `html` in a browser with a new profile and returns the text that it reports with
/// `fetch("/done?" + encodeURIComponent(text))`. `assets` are scripts that the page can load, by path.
///
/// # Panics
/// Chromium is not installed, or the page reports nothing within [`DEADLINE`].
#[must_use]
pub fn run_page(html: &str, assets: &[(&str, &str)]) -> String {
    run_page_trusting(html, assets, None)
}

/// As [`run_page`], in a browser that trusts the CA in the file `ca`, if any, besides those of the
/// system.
///
/// # Panics
/// As for [`run_page`], or `certutil` is not installed.
#[must_use]
pub fn run_page_trusting(html: &str, assets: &[(&str, &str)], ca: Option<&Path>) -> String {
    let chromium = require(Tool::CHROMIUM);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener.set_nonblocking(true).expect("a listener can be polled");
    let address = listener.local_addr().expect("a bound socket has an address");
    let profile = tempfile::tempdir().expect("a directory can be made");
    if let Some(ca) = ca {
        trust(ca, profile.path());
    }
    let child = Command::new(chromium)
        // Where it looks for the certificates that a user trusts.
        .env("HOME", profile.path())
        .env_remove("XDG_DATA_HOME")
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .args(["--disable-dev-shm-usage", "--autoplay-policy=no-user-gesture-required"])
        .arg("--mute-audio")
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("http://{address}/"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("chromium starts");
    let _browser = Browser(child);
    let begun = Instant::now();
    let mut report = None;
    wait_until("the page to say what it saw", || {
        assert!(begun.elapsed() < DEADLINE, "the page reported nothing within {DEADLINE:?}");
        while report.is_none()
            && let Ok((stream, _)) = listener.accept()
        {
            report = answer(stream, html, assets);
        }
        report.is_some()
    });
    report.expect("waited for")
}

/// Adds a CA to the certificates that programs with the home directory `home` trust.
fn trust(ca: &Path, home: &Path) {
    let certutil = require(Tool::CERTUTIL);
    let database = home.join(".pki/nssdb");
    std::fs::create_dir_all(&database).expect("a directory can be made");
    let database = format!("sql:{}", database.display());
    let ca = ca.to_str().expect("a path in UTF-8");
    for args in [&["-N", "--empty-password"][..], &["-A", "-n", "test CA", "-t", "C,,", "-i", ca]] {
        let status = Command::new(&certutil).arg("-d").arg(&database).args(args).status();
        assert!(status.is_ok_and(|status| status.success()), "certutil {args:?} failed");
    }
}

/// Answers one request. Returns the page's report, if the request is one.
fn answer(mut stream: TcpStream, html: &str, assets: &[(&str, &str)]) -> Option<String> {
    stream.set_nonblocking(false).ok()?;
    // A browser opens connections that it may never use.
    stream.set_read_timeout(Some(std::time::Duration::from_millis(500))).ok()?;
    let mut lines = BufReader::new(stream.try_clone().ok()?).lines().map_while(Result::ok);
    let line = lines.next()?;
    while lines.next().is_some_and(|line| !line.is_empty()) {}
    let target = line.split(' ').nth(1)?;
    let report = target.strip_prefix("/done?");
    let asset = assets.iter().find(|(path, _)| *path == target);
    let (status, content_type, body) = match (report, asset) {
        (Some(_), _) => ("204 No Content", "text/plain", ""),
        (None, Some((_, script))) => ("200 OK", "text/javascript", *script),
        (None, None) if target == "/" => ("200 OK", "text/html; charset=utf-8", html),
        (None, None) => ("404 Not Found", "text/plain", ""),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let _the_page_is_gone =
        stream.write_all([head.as_bytes(), body.as_bytes()].concat().as_slice());
    report.map(|text| percent_decode_str(text).decode_utf8_lossy().into_owned())
}

struct Browser(Child);

impl Drop for Browser {
    fn drop(&mut self) {
        let _already_ended = self.0.kill();
        let _reaped = self.0.wait();
    }
}
