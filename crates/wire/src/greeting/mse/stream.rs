//! Readers and writers that apply a negotiated encryption to a transport.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};

use super::{Cipher, Established, MseError};
use crate::{greeting::GreetingError, transport::Reset};

/// Most bytes that are encrypted before they are written.
const CHUNK: usize = 64 << 10;

/// Runs one side of a negotiation, of which `first` has been read, to its end.
///
/// # Errors
/// The transport broke, or the negotiation failed.
pub(crate) async fn drive(
    reader: &mut (impl AsyncRead + Unpin),
    writer: &mut (impl AsyncWrite + Unpin),
    first: &[u8],
    mut advance: impl FnMut(&[u8], &mut Vec<u8>) -> Result<Option<Established>, MseError>,
) -> Result<Established, GreetingError> {
    let mut buffer = [0; 1024];
    let (mut read, mut send) = (first.len(), Vec::new());
    buffer[..read].copy_from_slice(first);
    loop {
        let established = advance(&buffer[..read], &mut send)?;
        writer.write_all(&send).await?;
        writer.flush().await?;
        send.clear();
        if let Some(established) = established {
            return Ok(established);
        }
        read = reader.read(&mut buffer).await?;
        if read == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
    }
}

/// The stream from a peer, decrypted.
pub(crate) struct Reader<R> {
    inner: R,
    cipher: Option<Cipher>,
    /// Bytes that were read during the negotiation.
    ahead: Vec<u8>,
}

impl<R> Reader<R> {
    /// A plain stream of which `ahead` has been read.
    pub(crate) const fn plain(inner: R, ahead: Vec<u8>) -> Self {
        Self { inner, cipher: None, ahead }
    }

    pub(crate) const fn is_encrypted(&self) -> bool {
        self.cipher.is_some()
    }
}

impl Established {
    /// The transport with this around it.
    pub(crate) fn wrap<R, W>(self, reader: R, writer: W) -> (Reader<R>, Writer<W>) {
        let Self { reader: decrypts, writer: encrypts, ahead } = self;
        let reader = Reader { inner: reader, cipher: decrypts, ahead };
        (reader, Writer { inner: writer, cipher: encrypts, pending: Vec::new(), written: 0 })
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for Reader<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.ahead.is_empty() {
            let length = self.ahead.len().min(buffer.remaining());
            buffer.put_slice(&self.ahead[..length]);
            self.ahead.drain(..length);
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(cx, buffer))?;
        if let Some(cipher) = &mut self.cipher {
            cipher.apply(&mut buffer.filled_mut()[before..]);
        }
        Poll::Ready(Ok(()))
    }
}

/// The stream to a peer, encrypted.
///
/// A flush pushes it into the transport, and no further: a uTP stream would wait until the peer
/// has acknowledged all of it, and sends without being told to.
pub(crate) struct Writer<W> {
    inner: W,
    cipher: Option<Cipher>,
    /// Encrypted bytes, of which the first `written` were taken by the transport.
    pending: Vec<u8>,
    written: usize,
}

impl<W> Writer<W> {
    /// A plain stream.
    pub(crate) const fn plain(inner: W) -> Self {
        Self { inner, cipher: None, pending: Vec::new(), written: 0 }
    }
}

impl<W: Reset> Reset for Writer<W> {
    fn reset(self) {
        self.inner.reset();
    }
}

impl<W: AsyncWrite + Unpin> Writer<W> {
    fn poll_pending(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.written < self.pending.len() {
            let rest = &self.pending[self.written..];
            match ready!(Pin::new(&mut self.inner).poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => self.written += written,
            }
        }
        self.pending.clear();
        self.written = 0;
        Poll::Ready(Ok(()))
    }
}

impl<W: AsyncWrite + Unpin> AsyncWrite for Writer<W> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.cipher.is_none() {
            return Pin::new(&mut this.inner).poll_write(cx, bytes);
        }
        ready!(this.poll_pending(cx))?;
        let taken = &bytes[..bytes.len().min(CHUNK)];
        this.pending.extend_from_slice(taken);
        if let Some(cipher) = &mut this.cipher {
            cipher.apply(&mut this.pending);
        }
        // These bytes are taken, whether or not the transport takes them at once.
        match this.poll_pending(cx) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            _ => Poll::Ready(Ok(taken.len())),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll_pending(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_pending(cx))?;
        Pin::new(&mut this.inner).poll_shutdown(cx)
    }
}
