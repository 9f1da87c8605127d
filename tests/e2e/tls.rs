//! `seedbed up --tls`: tracker and range server speak https, and clients that trust its CA download.

use std::path::Path;

use seedbed_testkit::{Finished, Tool, binary, get_json, require, run, sha256_file, wait_until};
use seedbed_tests::{
    bed::{Bed, Fixture},
    client::{Running, aria2},
};
use tempfile::TempDir;

/// A bed over https.
struct Https {
    bed: Bed,
    scratch: TempDir,
}

impl Https {
    fn start() -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let ca = scratch.path().join("ca.pem");
        Self { bed: Bed::start(&["--tls", "--tls-ca-out", ca.to_str().unwrap()]), scratch }
    }

    /// The file that the CA is in.
    fn ca(&self) -> String {
        self.scratch.path().join("ca.pem").to_str().unwrap().to_owned()
    }

    fn url(&self, role: &str, path: &str) -> String {
        format!("https://{}{path}", self.bed.0.address_of(role, "https"))
    }

    fn curl(&self, url: &str, more: &[&str]) -> Finished {
        let ca = self.ca();
        let args = [&["-sS", "--fail", "--cacert", &ca, url], more].concat();
        let finished = run(&require(Tool::CURL), args);
        assert!(finished.status.success(), "{}", finished.stderr);
        finished
    }
}

fn smallest(bed: &Bed) -> Fixture {
    let fixtures = bed.fixtures();
    fixtures.into_iter().find(|fixture| fixture.name == "one-minute-720p30").unwrap()
}

#[test]
fn magnet_links_and_the_banner_name_https_and_the_ca() {
    let server = Https::start();
    let banner = server.bed.0.stdout().join("\n");
    let tracker = server.url("seedbed-tracker", "/announce");
    let range = server.url("seedbed-range", "/");
    for line in [
        format!("announce    {tracker}"),
        format!("files       {range}"),
        format!("CA          {}", server.ca()),
        format!("CA certificate: {}", server.ca()),
    ] {
        assert!(banner.lines().any(|printed| printed == line), "{line} in {banner}");
    }
    for fixture in server.bed.fixtures() {
        assert!(fixture.magnet.contains("tr=https%3A%2F%2F"), "{}", fixture.magnet);
        assert!(!fixture.magnet.contains("tr=http%3A"), "{}", fixture.magnet);
    }
}

#[test]
fn the_seeder_announces_over_https_and_the_files_have_their_sums() {
    let server = Https::start();
    let fixture = smallest(&server.bed);
    // `ready` means that the tracker lists every torrent.
    let listed = server.curl(&server.url("seedbed-tracker", "/api/torrents"), &[]).stdout;
    assert!(listed.contains(&fixture.hash), "{listed}");
    let torrent = format!("/torrents/{}", fixture.hash);
    let torrent = get_json(&server.bed.url("seedbed-seeder", &torrent));
    assert!(torrent.to_string().contains("https://"), "{torrent}");

    let (path, sha256) = &fixture.files[0];
    let out = server.scratch.path().join("out");
    server.curl(&server.url("seedbed-range", &format!("/{path}")), &["-o", out.to_str().unwrap()]);
    assert_eq!(&sha256_file(&out), sha256);
}

#[test]
fn aria2_downloads_through_the_https_tracker_if_it_trusts_the_ca() {
    let server = Https::start();
    let fixture = smallest(&server.bed);
    // Only the tracker over https is left.
    let magnet: String = {
        let parts: Vec<_> = fixture.magnet.split('&').collect();
        let kept = parts.into_iter().filter(|part| !part.starts_with("tr=udp"));
        kept.collect::<Vec<_>>().join("&")
    };
    let start = |directory: &Path, trust: &[&str]| {
        let mut command = aria2::hermetic(directory);
        command.args(trust).arg(&magnet);
        Running::start("aria2", &mut command, directory)
    };
    let [with, without] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let untrusting = start(without.path(), &[]);
    wait_until("aria2 not to trust the tracker", || {
        let log = untrusting.log();
        log.contains("SSL/TLS handshake failure") || log.contains("certificate")
    });
    start(with.path(), &[&format!("--ca-certificate={}", server.ca())]).wait();
    let (path, sha256) = &fixture.files[0];
    assert_eq!(&sha256_file(&with.path().join(path)), sha256);
    assert!(!without.path().join(path).exists());
}

#[test]
fn a_server_over_https_is_healthy_to_its_healthcheck() {
    let server = Https::start();
    for (role, program) in [("seedbed-tracker", "tracker"), ("seedbed-range", "range")] {
        let url = server.url(role, "/health");
        let finished = run(&binary(&format!("seedbed-{program}")), ["healthcheck", "--url", &url]);
        assert!(finished.status.success(), "{role}: {}", finished.stderr);
    }
}
