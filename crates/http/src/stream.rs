//! The stream of bytes below HTTP, with the two ways to send that tokio's traits leave out.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use rustix::{
    fs::sendfile,
    net::{SendAncillaryBuffer, SendFlags, sendmsg, sockopt::set_socket_linger},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, DuplexStream, Interest, ReadBuf},
    net::TcpStream,
};

use crate::body::FileSlice;

/// A connection, of whatever transport.
#[derive(Debug)]
pub enum Stream {
    /// TCP as it is.
    Tcp(TcpStream),
    /// TLS over another stream.
    #[cfg(feature = "tls")]
    Tls(Box<tokio_rustls::server::TlsStream<Stream>>),
    /// In memory, for tests on a clock that does not wait.
    Memory(DuplexStream),
}

impl Stream {
    /// A stream that is at its end.
    pub(crate) fn closed() -> Self {
        Self::Memory(tokio::io::duplex(1).0)
    }

    /// Whether [`Stream::poll_send_file`] works.
    pub(crate) fn can_send_files(&self) -> bool {
        matches!(self, Self::Tcp(_))
    }

    /// Sends some of `slices`. Where `more` will follow at once, they may wait for it, so that both
    /// leave together.
    pub(crate) fn poll_send(
        &mut self,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
        more: bool,
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Tcp(stream) => {
                let more = if more { SendFlags::MORE } else { SendFlags::empty() };
                let flags = SendFlags::NOSIGNAL | more;
                let stream = &*stream;
                poll_io(stream, context, || {
                    Ok(sendmsg(stream, slices, &mut SendAncillaryBuffer::default(), flags)?)
                })
            }
            // The writer flushes at the end of a response.
            #[cfg(feature = "tls")]
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(context, slices),
            Self::Memory(stream) => Pin::new(stream).poll_write_vectored(context, slices),
        }
    }

    /// Sends some of `slice` from its beginning.
    pub(crate) fn poll_send_file(
        &mut self,
        context: &mut Context<'_>,
        slice: &FileSlice,
    ) -> Poll<io::Result<usize>> {
        let Self::Tcp(stream) = self else {
            return Poll::Ready(Err(io::ErrorKind::Unsupported.into()));
        };
        let length = usize::try_from(slice.length()).unwrap_or(usize::MAX);
        let stream = &*stream;
        poll_io(stream, context, || Ok(sendfile(stream, slice, Some(&mut slice.offset()), length)?))
    }

    /// Lets the connection be reset when it is dropped.
    pub(crate) fn reset(&self) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => Ok(set_socket_linger(stream, Some(Duration::ZERO))?),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.get_ref().0.reset(),
            Self::Memory(_) => Ok(()),
        }
    }
}

/// Runs a system call that sends, as soon as there is room for what it sends.
fn poll_io(
    stream: &TcpStream,
    context: &mut Context<'_>,
    mut call: impl FnMut() -> io::Result<usize>,
) -> Poll<io::Result<usize>> {
    loop {
        ready!(stream.poll_write_ready(context))?;
        match stream.try_io(Interest::WRITABLE, &mut call) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return Poll::Ready(done),
        }
    }
}

impl From<TcpStream> for Stream {
    fn from(stream: TcpStream) -> Self {
        Self::Tcp(stream)
    }
}

impl From<DuplexStream> for Stream {
    fn from(stream: DuplexStream) -> Self {
        Self::Memory(stream)
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_read(context, buffer),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Memory(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write(context, bytes),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Memory(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write_vectored(context, slices),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(context, slices),
            Self::Memory(stream) => Pin::new(stream).poll_write_vectored(context, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_flush(context),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => Pin::new(stream).poll_flush(context),
            Self::Memory(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(context),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Memory(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
