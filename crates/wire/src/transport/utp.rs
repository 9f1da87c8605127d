//! uTP (BEP 29) by librqbit-utp, on a socket that was bound elsewhere.

use std::{
    io::{self, IoSlice},
    net::SocketAddr,
    num::NonZeroUsize,
    task::{Context, Poll},
    time::Duration,
};

use librqbit_dualstack_sockets::PollSendToVectored;
use librqbit_utp::{SocketOpts, Transport, UtpSocket, UtpSocketUdp, UtpStream};
use seedbed_service::Shutdown;
use tokio::net::UdpSocket;
use tracing::debug;

/// Most bytes that are reassembled for a peer: it sends requests, and none of its blocks are taken.
pub(crate) const RECEIVE_BUFFER: usize = 64 << 10;

/// Most bytes to a peer that it has not acknowledged.
const SEND_BUFFER: usize = 512 << 10;

/// Accepts peers on `socket` for good. Their connections end with `closing`.
///
/// # Errors
/// librqbit-utp cannot work with these options, or has ended.
pub(crate) async fn accept(
    socket: UdpSocket,
    max_connections: usize,
    idle_timeout: Duration,
    closing: Shutdown,
    mut peer: impl FnMut(UtpStream),
) -> Result<(), librqbit_utp::Error> {
    let address = socket.local_addr().unwrap_or(([0, 0, 0, 0], 0).into());
    let options = SocketOpts {
        cancellation_token: closing,
        disable_nagle: true,
        max_live_vsocks: NonZeroUsize::new(max_connections),
        remote_inactivity_timeout: Some(idle_timeout),
        vsock_rx_bufsize_bytes: NonZeroUsize::new(RECEIVE_BUFFER),
        vsock_tx_bufsize_bytes_max: NonZeroUsize::new(SEND_BUFFER),
        ..SocketOpts::default()
    };
    let environment = second_default(UtpSocketUdp::new_with_opts);
    let utp = UtpSocket::new_with_opts(Socket { socket, address }, environment, options)?;
    loop {
        peer(utp.accept().await?);
    }
}

/// The environment that librqbit-utp wants but has no public name for.
fn second_default<A, B: Default, C, R>(_: fn(A, B, C) -> R) -> B {
    B::default()
}

/// A bound socket, and the address that librqbit-utp logs.
///
/// On a wildcard IPv6 socket IPv4 peers come and go as mapped addresses, so nothing is converted.
struct Socket {
    socket: UdpSocket,
    address: SocketAddr,
}

impl Transport for Socket {
    async fn recv_from<'a>(&'a self, buffer: &'a mut [u8]) -> io::Result<(usize, SocketAddr)> {
        loop {
            match self.socket.recv_from(buffer).await {
                // An error here concerns one peer that has gone, but ends librqbit-utp for all.
                Err(error) => debug!(%error, "failed to receive a datagram"),
                received => return received,
            }
        }
    }

    async fn send_to<'a>(&'a self, bytes: &'a [u8], to: SocketAddr) -> io::Result<usize> {
        self.socket.send_to(bytes, to).await
    }

    fn poll_send_to(
        &self,
        cx: &mut Context<'_>,
        bytes: &[u8],
        to: SocketAddr,
    ) -> Poll<io::Result<usize>> {
        self.socket.poll_send_to(cx, bytes, to)
    }

    fn bind_addr(&self) -> SocketAddr {
        self.address
    }
}

impl PollSendToVectored for Socket {
    fn poll_send_to_vectored(
        &self,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
        to: SocketAddr,
    ) -> Poll<io::Result<usize>> {
        self.socket.poll_send_to_vectored(cx, parts, to)
    }
}
