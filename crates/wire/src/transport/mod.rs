//! What carries connections: TCP to peers and to the engine, uTP, bandwidth limits, and the bridge
//! that drives a session over two transports.
//!
//! This room knows the session; it knows nothing of torrents that are served or of who is
//! connected.

pub(crate) mod bridge;
pub(crate) mod deliver;
pub(crate) mod limiter;
pub(crate) mod utp;

use std::{
    io,
    net::SocketAddr,
    sync::atomic::{AtomicU16, Ordering},
};

use librqbit_utp::UtpStreamWriteHalf;
use tokio::{
    io::WriteHalf,
    net::{TcpSocket, TcpStream, lookup_host, tcp::OwnedWriteHalf},
};

/// Ends a connection without sending what is pending.
pub(crate) trait Reset {
    /// Makes the connection end with a reset once the other half is dropped too, if the transport
    /// knows such a thing.
    fn reset(self)
    where
        Self: Sized,
    {
    }
}

impl Reset for OwnedWriteHalf {
    fn reset(self) {
        let stream: &TcpStream = self.as_ref();
        // It fails only on a connection that is gone.
        let _gone = stream.set_zero_linger();
        // Dropped otherwise, it would send a FIN first.
        self.forget();
    }
}

impl Reset for UtpStreamWriteHalf {}

impl<T> Reset for WriteHalf<T> {}

/// Connects to a peer.
pub(crate) async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    no_delay(&stream);
    Ok(stream)
}

/// Connects to the engine. On the loopback interface each connection comes from an address of its
/// own, since libtorrent and transmission take but one from each.
pub(crate) async fn connect_engine(upstream: &str) -> io::Result<TcpStream> {
    static COUNT: AtomicU16 = AtomicU16::new(0);
    let mut failure = io::ErrorKind::AddrNotAvailable.into();
    for address in lookup_host(upstream).await? {
        let connecting = async {
            let SocketAddr::V4(v4) = address else { return TcpStream::connect(address).await };
            if !v4.ip().is_loopback() {
                return TcpStream::connect(address).await;
            }
            let socket = TcpSocket::new_v4()?;
            let [high, low] = COUNT.fetch_add(1, Ordering::Relaxed).to_be_bytes();
            socket.bind(([127, 1, high, low], 0).into())?;
            socket.connect(address).await
        };
        match connecting.await {
            Ok(stream) => {
                no_delay(&stream);
                return Ok(stream);
            }
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

/// Sends small frames at once.
pub(crate) fn no_delay(stream: &TcpStream) {
    // It fails on a connection that is gone, which the next read says too.
    let _gone = stream.set_nodelay(true);
}
