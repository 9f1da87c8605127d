//! The listener, the threads that serve connections, the limits on them, and shutdown.
//!
//! Each thread has a runtime of its own, and accepts from the one listener. A connection is served
//! by the thread that has the fewest, which is as a rule the one that accepted it, and stays there: a
//! request is answered by the thread that saw it come, without waking another for it.

use std::{
    collections::HashMap,
    io,
    net::{IpAddr, SocketAddr, TcpListener},
    num::NonZero,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use rustix::net::{SendFlags, send, shutdown};
use seedbed_service::{Shutdown, descriptors, shutdown::GRACE};
use tokio::{
    net::TcpStream,
    runtime,
    sync::{mpsc, oneshot},
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::{
    app::{App, HttpService},
    connection::{Connection, Protocol},
    fast_path::{FastPath, NoFastPath},
    limits::Limits,
    stream::Stream,
    tls::Tls,
};

/// How long to wait when the process is out of file descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// The answer to a connection beyond the limit.
const TOO_MANY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\n\
    Retry-After: 1\r\nConnection: close\r\nContent-Length: 54\r\n\r\n\
    {\"error\":\"too many connections are open\",\"status\":503}";

/// An HTTP/1.1 server.
#[derive(Clone, Debug)]
pub struct Server<S, F = NoFastPath> {
    name: &'static str,
    service: S,
    fast_path: F,
    limits: Limits,
    raw_targets: bool,
    tls: Option<Tls>,
}

/// A server cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The listener cannot be shared between threads.
    #[error("failed to share the listener of {0}")]
    Listener(&'static str, #[source] io::Error),
    /// A thread or its runtime cannot be started.
    #[error("failed to start a thread of {0}")]
    Thread(&'static str, #[source] io::Error),
    /// A thread ended on its own.
    #[error("a thread of {0} panicked")]
    Panicked(&'static str),
}

impl<S: HttpService> Server<S> {
    /// A server of `app` with the default limits. `name` is that of its threads.
    pub fn new(name: &'static str, app: App<S>) -> Self {
        let limits = Limits::default();
        let service = app.0;
        Self { name, service, fast_path: NoFastPath, limits, raw_targets: false, tls: None }
    }
}

impl<S: HttpService, F: FastPath> Server<S, F> {
    /// With other limits.
    #[must_use]
    pub fn limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Whether a request target may hold any bytes, spaces too, and Host an IPv6 address without
    /// brackets, as clients of trackers send them. All else stays strict.
    #[must_use]
    pub fn raw_targets(self, raw_targets: bool) -> Self {
        Self { raw_targets, ..self }
    }

    /// With TLS on every connection, if any.
    #[must_use]
    pub fn tls(self, tls: Option<Tls>) -> Self {
        Self { tls, ..self }
    }

    /// With a fast path in front of the service.
    #[must_use]
    pub fn fast_path<G: FastPath>(self, fast_path: G) -> Server<S, G> {
        let Self { name, service, limits, raw_targets, tls, .. } = self;
        Server { name, service, fast_path, limits, raw_targets, tls }
    }

    /// Serves `listener` on one thread for each core until `shutdown`, then gives the requests under
    /// way [`GRACE`] to end.
    ///
    /// # Errors
    /// See [`ServeError`]. `shutdown` is cancelled then.
    pub async fn serve(self, listener: TcpListener, shutdown: Shutdown) -> Result<(), ServeError> {
        let name = self.name;
        let count = std::thread::available_parallelism().map_or(1, NonZero::get);
        let (inboxes, receivers): (Vec<_>, Vec<_>) =
            (0..count).map(|_| mpsc::unbounded_channel()).unzip();
        let open = Arc::new(Open::new(&self.limits, count));
        listener.set_nonblocking(true).map_err(|error| ServeError::Listener(name, error))?;
        // However this ends, the threads end with it.
        let shutdown = shutdown.child_token();
        let _end = shutdown.clone().drop_guard();
        let mut threads = JoinSet::new();
        for (index, inbox) in receivers.into_iter().enumerate() {
            let listener =
                listener.try_clone().map_err(|error| ServeError::Listener(name, error))?;
            let worker = Worker {
                index,
                listener,
                inbox,
                inboxes: inboxes.clone(),
                open: Arc::clone(&open),
                protocol: self.protocol(shutdown.clone()),
            };
            let ended = spawn(name, worker).map_err(|error| ServeError::Thread(name, error))?;
            threads.spawn(async move { ended.await.unwrap_or(Err(ServeError::Panicked(name))) });
        }
        drop((listener, inboxes));
        let mut outcome = Ok(());
        while let Some(ended) = threads.join_next().await {
            let ended = ended.unwrap_or(Err(ServeError::Panicked(name)));
            if ended.is_err() {
                shutdown.cancel();
            }
            outcome = outcome.and(ended);
        }
        outcome
    }

    /// Serves one connection to its end, for tests without a socket.
    ///
    /// # Errors
    /// The connection failed or timed out.
    pub fn connection(
        &self,
        stream: Stream,
        remote: SocketAddr,
        shutdown: Shutdown,
    ) -> impl Future<Output = io::Result<()>> + Send + use<S, F> {
        Connection::new(stream, remote, self.protocol(shutdown)).serve()
    }

    fn protocol(&self, shutdown: Shutdown) -> Protocol<S, F> {
        let Self { service, fast_path, limits, raw_targets, tls, .. } = self.clone();
        Protocol { service, fast_path, limits, raw_targets, tls, shutdown }
    }
}

/// Runs a worker on a thread and a runtime of its own.
fn spawn<S: HttpService, F: FastPath>(
    name: &'static str,
    worker: Worker<S, F>,
) -> io::Result<oneshot::Receiver<Result<(), ServeError>>> {
    let (report, ended) = oneshot::channel();
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new().name(name.to_owned()).spawn(move || {
        let served = runtime.block_on(worker.run());
        // A read that hangs must not hold the process up.
        runtime.shutdown_background();
        let _nobody_waits = report.send(served.map_err(|error| ServeError::Thread(name, error)));
    })?;
    Ok(ended)
}

/// A connection that was accepted, on its way to its thread.
struct Accepted {
    stream: std::net::TcpStream,
    remote: SocketAddr,
    slot: Slot,
}

/// One thread of a server.
struct Worker<S, F> {
    index: usize,
    listener: TcpListener,
    inbox: mpsc::UnboundedReceiver<Accepted>,
    inboxes: Vec<mpsc::UnboundedSender<Accepted>>,
    open: Arc<Open>,
    protocol: Protocol<S, F>,
}

impl<S: HttpService, F: FastPath> Worker<S, F> {
    async fn run(mut self) -> io::Result<()> {
        let listener = tokio::net::TcpListener::from_std(self.listener)?;
        let shutdown = self.protocol.shutdown.clone();
        let mut connections = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                Some(Accepted { stream, remote, slot }) = self.inbox.recv() => {
                    // Registered here, so that it is this thread which hears of what comes.
                    if let Ok(stream) = TcpStream::from_std(stream) {
                        connections.spawn(serve(stream, remote, slot, self.protocol.clone()));
                    }
                    continue;
                }
                Some(_ended) = connections.join_next() => continue,
                () = shutdown.cancelled() => break,
            };
            match accepted {
                Ok((stream, remote)) => match Slot::take(&self.open, self.index, remote.ip()) {
                    Some(slot) if slot.thread == self.index => {
                        connections.spawn(serve(stream, remote, slot, self.protocol.clone()));
                    }
                    Some(slot) => {
                        let inbox = &self.inboxes[slot.thread];
                        if let Ok(stream) = stream.into_std() {
                            let _shutting_down = inbox.send(Accepted { stream, remote, slot });
                        }
                    }
                    None => refuse(&stream, remote, self.protocol.tls.is_some()),
                },
                Err(error) if is_of_one_connection(error.kind()) => {}
                Err(error) => {
                    tracing::warn!(%error, "failed to accept a connection");
                    sleep(PAUSE).await;
                }
            }
        }
        drop(listener);
        let all = async { while connections.join_next().await.is_some() {} };
        let _cut_off = timeout(GRACE, all).await;
        Ok(())
    }
}

async fn serve<S: HttpService, F: FastPath>(
    stream: TcpStream,
    remote: SocketAddr,
    slot: Slot,
    protocol: Protocol<S, F>,
) {
    // A response is written at once: nothing is gained by holding its end back.
    let _gone = stream.set_nodelay(true);
    if let Err(error) = Connection::new(stream.into(), remote, protocol).serve().await {
        tracing::debug!(peer = %remote, %error, "a connection ended early");
    }
    drop(slot);
}

/// Answers a connection beyond the limit, as far as that takes no time. TLS would take a handshake, so
/// the answer is only for plain HTTP.
fn refuse(stream: &TcpStream, remote: SocketAddr, is_tls: bool) {
    tracing::debug!(peer = %remote, "refused a connection: too many are open");
    if !is_tls {
        let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
        let _gone = send(stream, TOO_MANY, flags);
    }
    let _gone = shutdown(stream, rustix::net::Shutdown::Write);
}

fn is_of_one_connection(kind: io::ErrorKind) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(kind, ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// The connections that are open.
#[derive(Debug)]
struct Open {
    most: usize,
    most_per_address: Option<usize>,
    total: AtomicUsize,
    per_thread: Vec<AtomicUsize>,
    per_address: Mutex<HashMap<IpAddr, usize>>,
}

impl Open {
    fn new(limits: &Limits, threads: usize) -> Self {
        Self {
            most: limits.max_connections.min(descriptors::raise_limit() / 4 * 3),
            most_per_address: limits.max_connections_per_address,
            total: AtomicUsize::new(0),
            per_thread: (0..threads).map(|_| AtomicUsize::new(0)).collect(),
            per_address: Mutex::default(),
        }
    }
}

/// The right to have a connection, on one of the threads.
#[derive(Debug)]
struct Slot {
    open: Arc<Open>,
    thread: usize,
    address: IpAddr,
}

impl Slot {
    /// Takes a slot on the thread that has the fewest connections, which is `here` if it is one of
    /// them. `None` if there are as many connections as there may be.
    fn take(open: &Arc<Open>, here: usize, address: IpAddr) -> Option<Self> {
        let address = address.to_canonical();
        if open.total.fetch_add(1, Ordering::Relaxed) >= open.most {
            open.total.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        if let Some(most) = open.most_per_address {
            let mut addresses = open.per_address.lock().unwrap_or_else(PoisonError::into_inner);
            let count = addresses.entry(address).or_default();
            if *count >= most {
                open.total.fetch_sub(1, Ordering::Relaxed);
                return None;
            }
            *count += 1;
        }
        let count = |thread: &usize| open.per_thread[*thread].load(Ordering::Relaxed);
        let least = (0..open.per_thread.len()).min_by_key(count).unwrap_or(here);
        let thread = if count(&here) <= count(&least) { here } else { least };
        open.per_thread[thread].fetch_add(1, Ordering::Relaxed);
        Some(Self { open: Arc::clone(open), thread, address })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let Self { open, thread, address } = self;
        open.per_thread[*thread].fetch_sub(1, Ordering::Relaxed);
        if open.most_per_address.is_some() {
            let mut addresses = open.per_address.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(count) = addresses.get_mut(address) {
                *count -= 1;
                if *count == 0 {
                    addresses.remove(address);
                }
            }
        }
        open.total.fetch_sub(1, Ordering::Relaxed);
    }
}
