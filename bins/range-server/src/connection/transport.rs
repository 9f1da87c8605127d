//! The stream of bytes below HTTP, with the two ways to send that a library's traits leave out.

use std::{
    io::{self, IoSlice},
    task::{Context, Poll, ready},
};

use rustix::{
    fs::sendfile,
    net::{SendAncillaryBuffer, SendFlags, sendmsg},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, Interest},
    net::TcpStream,
};

use crate::blocks::Stretch;

pub(crate) trait Transport: AsyncRead + AsyncWrite + Unpin {
    /// Sends some of `slices`. What has `more` to follow may wait for it, so that both leave
    /// together.
    fn poll_send(
        &mut self,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
        more: bool,
    ) -> Poll<io::Result<usize>>;

    /// Sends some of `stretch` from its beginning.
    fn poll_send_file(
        &mut self,
        context: &mut Context<'_>,
        stretch: &Stretch,
    ) -> Poll<io::Result<usize>>;
}

impl Transport for TcpStream {
    fn poll_send(
        &mut self,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
        more: bool,
    ) -> Poll<io::Result<usize>> {
        let flags = SendFlags::NOSIGNAL | if more { SendFlags::MORE } else { SendFlags::empty() };
        poll_io(self, context, || {
            Ok(sendmsg(&*self, slices, &mut SendAncillaryBuffer::default(), flags)?)
        })
    }

    fn poll_send_file(
        &mut self,
        context: &mut Context<'_>,
        stretch: &Stretch,
    ) -> Poll<io::Result<usize>> {
        let length = usize::try_from(stretch.length).expect("a block fits into memory");
        poll_io(self, context, || {
            Ok(sendfile(&*self, stretch, Some(&mut stretch.offset.clone()), length)?)
        })
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
