//! The layers that hold for every request.

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    body::Body,
    extract::ConnectInfo,
    http::{Request, Response},
    routing::get,
};
use seedbed_http::{App, HttpService, Refusal, Server};

use crate::exchange_with;

fn router() -> Router {
    let remote = async |ConnectInfo(remote): ConnectInfo<std::net::SocketAddr>| remote.to_string();
    Router::new().route("/remote", get(remote)).route("/panic", get(panics))
}

async fn panics() -> &'static str {
    panic!("on purpose")
}

fn server() -> Server<impl HttpService> {
    Server::new("test", App::new(router()))
}

async fn send(line: &str, fields: &str) -> String {
    let request = format!("{line} HTTP/1.1\r\nHost: a\r\n{fields}Connection: close\r\n\r\n");
    exchange_with(&server(), request).await
}

#[tokio::test(start_paused = true)]
async fn handlers_know_the_remote_address() {
    assert!(send("GET /remote", "").await.ends_with("\r\n\r\n192.0.2.1:4711"));
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_status_500_and_the_connection_goes_on() {
    let request = |path| format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
    let answer = exchange_with(&server(), request("/panic") + &request("/remote")).await;
    assert!(answer.starts_with("HTTP/1.1 500 "), "{answer}");
    assert!(answer.contains(r#""status":500"#), "{answer}");
    assert!(answer.ends_with("192.0.2.1:4711"), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn a_page_of_any_origin_may_read_every_answer_and_change_nothing() {
    for line in ["GET /remote", "GET /missing", "GET /panic", "POST /remote"] {
        let answer = send(line, "Origin: http://page.example\r\n").await;
        assert!(answer.contains("access-control-allow-origin: *\r\n"), "{answer}");
        assert!(answer.contains("access-control-expose-headers: content-range,"), "{answer}");
    }
    let malformed = exchange_with(&server(), "GET / HTTP/1.1\r\n\r\n").await;
    assert!(malformed.contains("access-control-allow-origin: *\r\n"), "{malformed}");
    let preflight = "Origin: http://page.example\r\nAccess-Control-Request-Method: PUT\r\n\
                     Access-Control-Request-Headers: content-type\r\n";
    let answer = send("OPTIONS /remote", preflight).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("access-control-allow-methods: GET,HEAD,OPTIONS\r\n"), "{answer}");
    assert!(answer.contains("access-control-allow-headers: range\r\n"), "{answer}");
}

/// Notes the status of every answer, and whether the request was refused.
type Seen = Arc<Mutex<Vec<(u16, bool)>>>;

#[tokio::test(start_paused = true)]
async fn a_layer_sees_every_request() {
    let seen = Seen::default();
    let noted = seen.clone();
    let layer = tower::layer::layer_fn(move |inner| Note { inner, seen: noted.clone() });
    let server = Server::new("test", App::layered(router(), layer));
    for request in [
        "GET /remote HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /missing HTTP/1.1\r\nHost: a\r\n\r\n",
        "DELETE /remote HTTP/1.1\r\nHost: a\r\n\r\n",
        "OPTIONS /remote HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /panic HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /remote HTTP/1.1\r\n\r\n",
        "GET /remote HTTP/2.0\r\nHost: a\r\n\r\n",
    ] {
        let _answer = exchange_with(&server, request).await;
    }
    let refused = |status| (status, true);
    let passed = |status| (status, false);
    let expected = [
        passed(200),
        passed(404),
        passed(405),
        passed(200),
        passed(500),
        refused(400),
        refused(505),
    ];
    assert_eq!(*seen.lock().unwrap(), expected);
}

#[derive(Clone)]
struct Note<S> {
    inner: S,
    seen: Seen,
}

impl<S, B> tower_service::Service<Request<Body>> for Note<S>
where
    S: tower_service::Service<Request<Body>, Response = Response<B>>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = futures_util::future::BoxFuture<'static, Result<S::Response, S::Error>>;

    fn poll_ready(
        &mut self,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let refused = request.extensions().get::<Refusal>().is_some();
        let (answer, seen) = (self.inner.call(request), self.seen.clone());
        Box::pin(async move {
            let response = answer.await?;
            seen.lock().unwrap().push((response.status().as_u16(), refused));
            Ok(response)
        })
    }
}
