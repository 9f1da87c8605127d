//! The guard as a client sees it, through a router.

use axum::{
    Router,
    body::{Body, to_bytes},
    http::Request,
    routing::{get, post},
};
use clap::Parser;
use tower::ServiceExt as _;

use super::*;

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    control: ControlArgs,
}

fn guard(address: &str, flags: &[&str]) -> Guard {
    let flags = std::iter::once(&"server").chain(flags);
    Guard::new(Cli::parse_from(flags).control, address.parse().unwrap())
}

/// Sends `METHOD PATH` with the header lines to a guarded router.
async fn send(guard: &Guard, request: &str, headers: &[&str]) -> Response {
    let (method, path) = request.split_once(' ').unwrap();
    let mut request = Request::builder().method(method).uri(path);
    for line in headers {
        let (name, value) = line.split_once(": ").unwrap();
        request = request.header(name, value);
    }
    let router = Router::new()
        .route("/state", get("read").post("changed").put("changed").delete("changed"))
        .route("/control/journal", get("read"))
        .route("/controls", post("changed"))
        .layer(guard.clone().layer());
    router.oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
}

async fn status(guard: &Guard, request: &str, headers: &[&str]) -> u16 {
    send(guard, request, headers).await.status().as_u16()
}

/// The error of a refused request, after a check of its form.
async fn refusal(guard: &Guard, request: &str, headers: &[&str]) -> (u16, String) {
    let response = send(guard, request, headers).await;
    let status = response.status().as_u16();
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["status"], status);
    (status, body["error"].as_str().unwrap().to_owned())
}

const LOOPBACK: &str = "127.0.0.1:3001";
const ANY: &str = "[::]:3001";
const OWN: &str = "Host: 127.0.0.1:3001";
const JSON: &str = "Content-Type: application/json; charset=utf-8";
const SOME: &str = "Content-Length: 5";

#[tokio::test]
async fn a_state_change_has_json_content_or_none() {
    let guard = guard(ANY, &[]);
    for method in ["POST", "PUT", "DELETE"] {
        let request = format!("{method} /state");
        assert_eq!(status(&guard, &request, &[OWN]).await, 200, "{method}");
        assert_eq!(status(&guard, &request, &[OWN, "Content-Length: 0"]).await, 200, "{method}");
        assert_eq!(status(&guard, &request, &[OWN, SOME, JSON]).await, 200, "{method}");
        let text = [OWN, SOME, "Content-Type: text/plain"];
        let (code, error) = refusal(&guard, &request, &text).await;
        assert_eq!(code, 415, "{method}");
        assert!(error.starts_with("Content-Type: ") && error.ends_with("text/plain"), "{error}");
        assert_eq!(status(&guard, &request, &[OWN, SOME]).await, 415, "{method}");
        let chunked = [OWN, "Transfer-Encoding: chunked"];
        assert_eq!(status(&guard, &request, &chunked).await, 415, "{method}");
    }
    assert_eq!(status(&guard, "GET /state", &[OWN, "Content-Type: text/plain"]).await, 200);
}

#[tokio::test]
async fn a_state_change_from_a_foreign_origin_is_refused() {
    let plain = guard(ANY, &[]);
    let own = "Origin: http://127.0.0.1:3001";
    for foreign in ["Origin: http://evil.test", "Origin: null", "Origin: http://127.0.0.1:3000"] {
        let (code, error) = refusal(&plain, "POST /state", &[OWN, foreign]).await;
        assert_eq!(code, 403, "{foreign}");
        assert!(error.starts_with("Origin: "), "{error}");
        assert_eq!(status(&plain, "GET /state", &[OWN, foreign]).await, 200, "{foreign}");
    }
    assert_eq!(status(&plain, "POST /state", &[OWN, own]).await, 200);
    let two = [OWN, own, "Origin: http://evil.test"];
    assert_eq!(status(&plain, "POST /state", &two).await, 403);
    assert_eq!(status(&plain, "POST /state", &[own]).await, 403, "without Host nothing is own");
}

#[tokio::test]
async fn an_origin_that_control_origin_names_may_change_state() {
    let guard = guard(ANY, &["--control-origin", "http://a.test,https://b.test:8443/"]);
    for origin in ["http://a.test", "https://b.test:8443"] {
        let line = format!("Origin: {origin}");
        let response = send(&guard, "POST /state", &[OWN, &line]).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["access-control-allow-origin"], origin);
        let preflight = [OWN, &line, "Access-Control-Request-Method: PUT"];
        let response = send(&guard, "OPTIONS /state", &preflight).await;
        assert_eq!(response.status(), 204);
        let methods = &response.headers()["access-control-allow-methods"];
        assert!(methods.to_str().unwrap().contains("PUT"));
    }
    for origin in ["Origin: https://a.test", "Origin: http://a.test:81"] {
        assert_eq!(status(&guard, "POST /state", &[OWN, origin]).await, 403, "{origin}");
    }
    let any = self::guard(ANY, &["--control-origin", "*"]);
    assert_eq!(status(&any, "POST /state", &[OWN, "Origin: http://c.test"]).await, 200);
}

#[tokio::test]
async fn a_server_on_loopback_answers_only_under_loopback_names() {
    for address in [LOOPBACK, "127.0.0.2:3001", "[::1]:3001"] {
        let guard = guard(address, &[]);
        for own in ["localhost:3001", "LOCALHOST.", "a.localhost", "127.0.0.9:1", "[::1]:3001"] {
            let host = format!("Host: {own}");
            assert_eq!(status(&guard, "GET /state", &[&host]).await, 200, "{own}");
        }
        for foreign in
            ["evil.test", "evil.test:3001", "localhost.evil.test", "0.0.0.0", "[::]", "a b", ""]
        {
            let host = format!("Host: {foreign}");
            for request in ["GET /state", "POST /state"] {
                let (code, error) = refusal(&guard, request, &[&host]).await;
                assert_eq!(code, 421, "{foreign}");
                assert!(error.starts_with("Host: ") && error.ends_with(foreign), "{error}");
            }
        }
        assert_eq!(status(&guard, "GET /state", &[]).await, 200);
        assert_eq!(status(&guard, "GET http://evil.test/state", &[OWN]).await, 421);
    }
    for address in [ANY, "192.0.2.1:3001"] {
        let guard = guard(address, &[]);
        assert_eq!(status(&guard, "GET /state", &["Host: evil.test"]).await, 200, "{address}");
    }
}

#[tokio::test]
async fn allow_host_names_further_hosts() {
    let named = guard(LOOPBACK, &["--allow-host", "Bed.test", "--allow-host", "192.0.2.1"]);
    for (host, wanted) in
        [("bed.test:3001", 200), ("BED.TEST.", 200), ("192.0.2.1", 200), ("x.bed.test", 421)]
    {
        let line = format!("Host: {host}");
        assert_eq!(status(&named, "GET /state", &[&line]).await, wanted, "{host}");
    }
    let any = guard(LOOPBACK, &["--allow-host", "*"]);
    assert_eq!(status(&any, "GET /state", &["Host: evil.test"]).await, 200);
}

#[tokio::test]
async fn with_a_token_state_changes_and_control_need_it() {
    let guard = guard(ANY, &["--control-token", "secret"]);
    for request in ["POST /state", "DELETE /state", "GET /control/journal", "POST /controls"] {
        for wrong in ["Bearer secre", "Bearer secret2", "Bearer ", "Basic secret", "secret"] {
            let line = format!("Authorization: {wrong}");
            assert_eq!(status(&guard, request, &[OWN, &line]).await, 401, "{wrong}");
        }
        let response = send(&guard, request, &[OWN]).await;
        assert_eq!(response.status(), 401, "{request}");
        assert_eq!(response.headers()["www-authenticate"], "Bearer");
        let right = [OWN, "Authorization: bearer secret"];
        assert_eq!(status(&guard, request, &right).await, 200, "{request}");
    }
    let (_, error) = refusal(&guard, "POST /state", &[OWN]).await;
    assert!(error.starts_with("Authorization: ") && !error.contains("secret"), "{error}");
    assert_eq!(status(&guard, "GET /state", &[OWN]).await, 200);
}

#[test]
fn flags_take_names_and_origins_only() {
    for wrong in [
        ["--allow-host", "http://a.test"],
        ["--allow-host", "a.test:80"],
        ["--control-origin", "a.test"],
        ["--control-origin", "http://a.test/page"],
        ["--control-origin", "file:///tmp"],
    ] {
        assert!(Cli::try_parse_from(["server"].iter().chain(&wrong)).is_err(), "{wrong:?}");
    }
    let token = Cli::parse_from(["server", "--control-token", "secret"]).control;
    assert!(!format!("{token:?}").contains("secret"));
}
