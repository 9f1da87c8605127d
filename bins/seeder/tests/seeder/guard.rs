//! Who may change the seeder's state (docs: "Who may change state").

use seedbed_testkit::{Server, get, request_with};

use crate::common::{seeder, torrent};

/// The status of a request with these header fields, and content if there is any.
fn status(seeder: &Server, request: &str, fields: &str, content: &str) -> u16 {
    let head = format!("{request} HTTP/1.1{fields}");
    request_with(seeder.address("http"), &head, content.as_bytes()).status
}

#[test]
fn a_foreign_origin_changes_nothing() {
    let seeder = seeder(&["--synthetic", "a=1KiB"]);
    let foreign = "\nOrigin: https://evil.example";
    assert_eq!(status(&seeder, "POST /pause", foreign, ""), 403);
    assert_eq!(status(&seeder, "DELETE /torrents/a", foreign, ""), 403);
    assert_eq!(torrent(&seeder, "a")["state"], "seeding");
    let own = format!("\nOrigin: http://{}", seeder.address("http"));
    assert_eq!(status(&seeder, "POST /pause", &own, ""), 200);
    assert_eq!(torrent(&seeder, "a")["state"], "paused");
}

#[test]
fn json_that_a_form_sends_as_text_adds_nothing() {
    let seeder = seeder(&["--synthetic", "a=1KiB"]);
    let new = r#"{"synthetic":{"name":"b","size":1}}"#;
    let text = "\nContent-Type: text/plain";
    assert_eq!(status(&seeder, "POST /torrents", text, new), 415);
    assert_eq!(get(&seeder.url("/torrents/b")).status, 404);
    let json = "\nContent-Type: application/json";
    assert_eq!(status(&seeder, "POST /torrents", json, new), 201);
}

#[test]
fn a_foreign_host_on_a_loopback_address_reads_nothing() {
    let plain = seeder(&["--synthetic", "a=1KiB"]);
    let named = seeder(&["--synthetic", "a=1KiB", "--allow-host", "bed.test"]);
    let status_of = |seeder: &Server, host: &str| {
        let mut stream = std::net::TcpStream::connect(seeder.address("http")).unwrap();
        let request =
            format!("GET /torrents HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        std::io::Write::write_all(&mut stream, request.as_bytes()).unwrap();
        let answer = std::io::read_to_string(stream).unwrap();
        answer.split(' ').nth(1).unwrap().to_owned()
    };
    assert_eq!(status_of(&plain, "bed.test"), "421");
    assert_eq!(status_of(&plain, "localhost"), "200");
    assert_eq!(status_of(&named, "bed.test"), "200");
}

#[test]
fn with_a_token_only_its_owner_changes_state() {
    let seeder = seeder(&["--synthetic", "a=1KiB", "--control-token", "secret"]);
    assert_eq!(status(&seeder, "POST /pause", "", ""), 401);
    assert_eq!(status(&seeder, "POST /pause", "\nAuthorization: Bearer other", ""), 401);
    assert_eq!(status(&seeder, "POST /pause", "\nAuthorization: Bearer secret", ""), 200);
}
