//! Serving an axum router until shutdown.

use std::{
    net::{SocketAddr, TcpListener},
    pin::pin,
    time::Duration,
};

use axum::{Router, body::Body, extract::ConnectInfo};
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tower_service::Service as _;

use crate::{Shutdown, accept::accept};

/// How long a connection may take for the header section of a request, from the end of the
/// response before it.
const HEADER_READ: Duration = Duration::from_secs(30);

/// Serves `router` on `listener` until `shutdown`, then lets the requests under way end within
/// [`GRACE`](crate::shutdown::GRACE) and drops the rest.
///
/// Handlers may extract `ConnectInfo<SocketAddr>`, the remote address. A connection on which no
/// request comes, or half of one, is closed after 30 seconds.
///
/// # Errors
/// The listener cannot be handed to the runtime.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    shutdown: Shutdown,
) -> anyhow::Result<()> {
    serve_within(HEADER_READ, listener, router, shutdown).await
}

async fn serve_within(
    header_read: Duration,
    listener: TcpListener,
    router: Router,
    shutdown: Shutdown,
) -> anyhow::Result<()> {
    accept(listener, shutdown.clone(), |stream, remote| {
        connection(header_read, stream, remote, router.clone(), shutdown.clone())
    })
    .await
}

async fn connection(
    header_read: Duration,
    stream: TcpStream,
    remote: SocketAddr,
    router: Router,
    shutdown: Shutdown,
) {
    let service = service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(remote));
        router.clone().call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(header_read)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%remote, %error, "a connection ended early");
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read as _, Write as _},
        net::TcpStream,
        time::Instant,
    };

    use axum::routing::get;

    use super::*;
    use crate::{bind, shutdown::GRACE};

    const DEADLINE: Duration = Duration::from_secs(30);

    /// A server that answers with the port of the client, and its address.
    fn start(header_read: Duration, shutdown: &Shutdown) -> (SocketAddr, JoinOnDrop) {
        let listener = bind::tcp("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let port = async |ConnectInfo(remote): ConnectInfo<SocketAddr>| remote.port().to_string();
        // It ends after the shutdown that it asks for.
        let slow = {
            let shutdown = shutdown.clone();
            async move || {
                shutdown.cancel();
                tokio::time::sleep(Duration::from_millis(100)).await;
                "slow"
            }
        };
        let router = Router::new().route("/", get(port)).route("/slow", get(slow));
        let shutdown = shutdown.clone();
        let thread = std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(serve_within(header_read, listener, router, shutdown)).unwrap();
        });
        (address, JoinOnDrop(Some(thread)))
    }

    struct JoinOnDrop(Option<std::thread::JoinHandle<()>>);

    impl JoinOnDrop {
        fn join(mut self) {
            self.0.take().unwrap().join().unwrap();
        }
    }

    fn connect(address: SocketAddr) -> TcpStream {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream
    }

    fn read_to_end(mut stream: TcpStream) -> String {
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn half_a_request_times_out_and_so_does_none() {
        let (address, _server) = start(Duration::from_millis(100), &Shutdown::new());
        for half in ["", "GET / HTTP/1.1\r\nHost: a\r\n"] {
            let mut stream = connect(address);
            stream.write_all(half.as_bytes()).unwrap();
            read_to_end(stream);
        }
    }

    #[test]
    fn requests_may_be_pipelined_and_know_the_remote_address() {
        let (address, _server) = start(DEADLINE, &Shutdown::new());
        let mut stream = connect(address);
        let port = stream.local_addr().unwrap().port().to_string();
        let request = "GET / HTTP/1.1\r\nHost: a\r\n";
        stream
            .write_all(format!("{request}\r\n{request}Connection: close\r\n\r\n").as_bytes())
            .unwrap();
        let text = read_to_end(stream);
        assert_eq!(text.matches("HTTP/1.1 200 OK").count(), 2, "{text}");
        assert_eq!(text.matches(&format!("\r\n\r\n{port}")).count(), 2, "{text}");
    }

    #[test]
    fn at_shutdown_a_request_under_way_is_answered_and_idle_connections_are_closed() {
        let shutdown = Shutdown::new();
        let (address, server) = start(DEADLINE, &shutdown);
        let (idle, mut busy) = (connect(address), connect(address));
        let mut stuck = connect(address);
        stuck.write_all(b"GET / HT").unwrap();
        busy.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        let mut first = [0; 15];
        busy.read_exact(&mut first).unwrap();
        let asked = Instant::now();
        busy.write_all(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        assert!(read_to_end(busy).ends_with("slow"));
        read_to_end(idle);
        server.join();
        assert!(asked.elapsed() < GRACE * 2);
    }
}
