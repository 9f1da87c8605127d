//! The handshake of RFC 6455, and what follows it.

use axum::{
    body::Body,
    http::{Request, Response},
};
use futures_util::{SinkExt as _, StreamExt as _};
use seedbed_http::{App, HttpService, Server, upgrade};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, protocol::Role},
};

use crate::{connect, exchange_with, service};

const HANDSHAKE: &str = "GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

async fn chat(request: Request<Body>) -> Response<Body> {
    let (parts, _) = request.into_parts();
    upgrade::websocket(&parts, Default::default(), async |mut socket, remote| {
        socket.send(Message::text(remote.to_string())).await.unwrap();
        while let Some(Ok(message)) = socket.next().await {
            if message.is_text() {
                socket.send(message).await.unwrap();
            }
        }
    })
}

fn server() -> Server<impl HttpService> {
    Server::new("test", App::new(service(chat)))
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_handed_over_with_what_was_read() {
    let (mut client, served) = connect(&server());
    // A masked frame comes in one piece with the handshake.
    let frame = [0x81, 0x82, 1, 2, 3, 4, b'h' ^ 1, b'i' ^ 2];
    client.write_all(&[HANDSHAKE.as_bytes(), &frame].concat()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    assert!(head.starts_with("HTTP/1.1 101 Switching Protocols\r\n"), "{head}");
    // The example of RFC 6455 section 1.3.
    assert!(head.contains("sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"), "{head}");
    assert!(head.contains("connection: Upgrade\r\n"), "{head}");
    let mut socket = WebSocketStream::from_raw_socket(client, Role::Client, None).await;
    let mut next = async || socket.next().await.unwrap().unwrap().into_text().unwrap();
    assert_eq!(next().await, "192.0.2.1:4711");
    assert_eq!(next().await, "hi");
    socket.close(None).await.unwrap();
    served.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_is_no_handshake_is_refused() {
    for (from, to, status) in [
        ("Version: 13", "Version: 12", "426"),
        ("Sec-WebSocket-Key", "X", "400"),
        ("GET", "POST", "400"),
        ("websocket", "h2c", "400"),
    ] {
        let request = HANDSHAKE.replacen(from, to, 1);
        let answer = exchange_with(&server(), request).await;
        assert_eq!(answer.split(' ').nth(1), Some(status), "{answer}");
    }
}
