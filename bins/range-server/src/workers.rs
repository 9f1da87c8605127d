//! The threads that serve connections.
//!
//! Each has a runtime of its own, and a connection stays on the one that it was given: a request
//! is answered by the thread that saw it come, without waking another for it.

use std::{
    io,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use seedbed_service::Shutdown;
use tokio::{net::TcpStream, runtime};

/// One thread for each processor, until it is dropped.
#[derive(Debug)]
pub(crate) struct Workers {
    handles: Vec<runtime::Handle>,
    next: AtomicUsize,
    dropped: Shutdown,
}

impl Workers {
    pub(crate) fn start() -> io::Result<Self> {
        let dropped = Shutdown::new();
        let count = thread::available_parallelism().map_or(1, usize::from);
        let start = |_| {
            let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
            let (handle, dropped) = (runtime.handle().clone(), dropped.clone());
            thread::Builder::new().name("range".into()).spawn(move || {
                runtime.block_on(dropped.cancelled());
                // A read that hangs must not hold the process up.
                runtime.shutdown_background();
            })?;
            Ok(handle)
        };
        let handles = (0..count).map(start).collect::<io::Result<_>>()?;
        Ok(Self { handles, next: AtomicUsize::new(0), dropped })
    }

    /// Runs `connection` on one of the threads, in turn, to its end.
    pub(crate) async fn run<F>(
        &self,
        stream: TcpStream,
        connection: impl FnOnce(TcpStream) -> F + Send + 'static,
    ) -> io::Result<()>
    where
        F: Future<Output = io::Result<()>> + Send,
    {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        let stream = stream.into_std()?;
        // Made there, so that it is that thread which hears of what comes.
        let serve = async { connection(TcpStream::from_std(stream)?).await };
        self.handles[turn % self.handles.len()].spawn(serve).await?
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.dropped.cancel();
    }
}
