//! A plan acts on a response in progress.

use std::{net::SocketAddr, time::Duration};

use axum::{
    Router,
    body::Body,
    http::{Request, Response},
};
use seedbed_http::{App, Delivery, HttpService, Progress, Server, Step};
use seedbed_service::Shutdown;
use tokio::{io::AsyncReadExt as _, io::AsyncWriteExt as _, net::TcpStream, time::Instant};

use crate::{connect, contents, exchange_with, service};

const LENGTH: usize = 3000;

/// Answers as the path says.
async fn planned(request: Request<Body>) -> Response<Body> {
    let mut response = Response::new("x".repeat(LENGTH).into());
    let delivery = match request.uri().path() {
        "/cut" => Delivery::new(|progress: &Progress| match progress.sent {
            sent if sent < progress.head + 1000 => Step::Send(progress.head + 1000 - sent),
            _ => Step::Close,
        }),
        "/no-answer" => Delivery::new(|_: &Progress| Step::Close),
        "/reset" => Delivery::new(|_: &Progress| Step::Reset),
        "/changed" => Delivery::new(|progress: &Progress| {
            let at = progress.head + 1500;
            match progress.sent {
                sent if sent < at => Step::Send(at - sent),
                sent if sent == at => Step::Change(1, Box::new(|bytes| bytes[0] ^= 0xff)),
                _ => Step::Send(u64::MAX),
            }
        }),
        "/slow" => {
            let mut waited = 0;
            Delivery::new(move |progress: &Progress| {
                // A hundred bytes of content a second.
                if progress.sent < progress.head {
                    return Step::Send(progress.head - progress.sent);
                }
                let seconds = (progress.sent - progress.head) / 100 + 1;
                if waited < seconds {
                    waited = seconds;
                    return Step::Wait(Box::pin(tokio::time::sleep(Duration::from_secs(1))));
                }
                Step::Send(100)
            })
        }
        _ => return response,
    };
    response.extensions_mut().insert(delivery);
    response
}

fn server() -> Server<impl HttpService> {
    Server::new("test", App::new(service(planned)))
}

async fn get(path: &str) -> String {
    exchange_with(&server(), format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").repeat(2)).await
}

#[tokio::test(start_paused = true)]
async fn without_a_plan_all_is_sent() {
    let answer = get("/").await;
    assert_eq!(contents(&answer), ["x".repeat(LENGTH), "x".repeat(LENGTH)]);
}

#[tokio::test(start_paused = true)]
async fn a_plan_ends_a_response_at_a_byte() {
    let answer = get("/cut").await;
    assert!(answer.contains("content-length: 3000\r\n"), "{answer}");
    assert_eq!(contents(&answer), ["x".repeat(1000)]);
    assert_eq!(get("/no-answer").await, "");
}

#[tokio::test(start_paused = true)]
async fn a_plan_changes_a_byte() {
    let server = server();
    let (mut client, _served) = connect(&server);
    client.write_all(b"GET /changed HTTP/1.0\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).await.unwrap();
    let content = &answer[answer.len() - LENGTH..];
    let changed: Vec<_> = (0..LENGTH).filter(|at| content[*at] != b'x').collect();
    assert_eq!((changed, content[1500]), (vec![1500], b'x' ^ 0xff));
}

#[tokio::test(start_paused = true)]
async fn a_plan_sets_the_rate() {
    let began = Instant::now();
    let server = server();
    let (mut client, _served) = connect(&server);
    client.write_all(b"GET /slow HTTP/1.0\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).await.unwrap();
    assert_eq!(began.elapsed().as_secs(), LENGTH as u64 / 100);
}

#[tokio::test]
async fn a_plan_resets_a_connection() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address: SocketAddr = listener.local_addr().unwrap();
    let shutdown = Shutdown::new();
    let router = Router::new().fallback_service(service(planned));
    let serving =
        tokio::spawn(Server::new("test", App::new(router)).serve(listener, shutdown.clone()));
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(b"GET /reset HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let error = client.read(&mut [0]).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    shutdown.cancel();
    serving.await.unwrap().unwrap();
}
