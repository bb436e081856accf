//! The network of clients.

use mio::net::TcpStream;
#[cfg(unix)]
use mio::net::UnixStream;
use sansocket_app::BoxFuture;
#[cfg(unix)]
use sansocket_app::bind::BoxWire;
use sansocket_app::bind::{Carried, Carry, Dialed, Net, Runtime};
use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
#[cfg(unix)]
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::carry::Stream;
use crate::executor::Executor;
use crate::reactor::{Left, Reactor, Side};

/// An executor, and the reactor of the clients on it.
pub(crate) struct Network {
    executor: Executor,
    /// Started for the first stream.
    reactor: Mutex<Option<Arc<Reactor>>>,
}

impl Network {
    pub(crate) fn new(executor: Executor) -> Self {
        Self { executor, reactor: Mutex::default() }
    }

    /// The reactor.
    ///
    /// # Errors
    /// When the operating system has no poller left.
    fn reactor(&self) -> io::Result<Arc<Reactor>> {
        let mut kept = self.reactor.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(reactor) = &*kept {
            return Ok(reactor.clone());
        }
        let reactor = Reactor::start(&self.executor)?;
        *kept = Some(reactor.clone());
        Ok(reactor)
    }
}

impl Runtime for Network {
    fn now(&self) -> Instant {
        self.executor.now()
    }

    fn spawn(&self, task: BoxFuture<()>) {
        self.executor.spawn(task);
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<()> {
        self.executor.sleep(duration)
    }
}

impl Net for Network {
    type Stream = Stream<TcpStream>;

    fn resolve(&self, host: &str, port: u16) -> BoxFuture<io::Result<Vec<SocketAddr>>> {
        self.executor.resolve(host.to_owned(), port)
    }

    fn connect(&self, address: SocketAddr) -> BoxFuture<io::Result<Self::Stream>> {
        let reactor = self.reactor();
        Box::pin(async move { open(&reactor?, TcpStream::connect(address)?).await })
    }

    #[cfg(unix)]
    fn connect_unix(&self, path: &Path) -> BoxFuture<io::Result<BoxWire>> {
        let (reactor, path) = (self.reactor(), path.to_owned());
        Box::pin(async move {
            let stream = reactor?.watch(UnixStream::connect(path)?)?;
            Ok(Box::new(Stream(stream)) as BoxWire)
        })
    }

    fn carry<C: Carried + Send + 'static>(&self, carry: Carry<Dialed<Self::Stream>, C>) {
        self.spawn(Box::pin(carry));
    }
}

/// Waits until a stream is open.
async fn open(reactor: &Arc<Reactor>, stream: TcpStream) -> io::Result<Stream<TcpStream>> {
    let mut stream = reactor.watch(stream)?;
    let is_open = |stream: &mut TcpStream| match stream.take_error()? {
        Some(error) => Err(error),
        None => match stream.peer_addr() {
            Err(error) if error.kind() == ErrorKind::NotConnected => {
                Err(ErrorKind::WouldBlock.into())
            }
            peer => peer.map(|_| ((), Left::Perhaps)),
        },
    };
    poll_fn(|context| stream.poll_with(context, Side::Write, is_open)).await?;
    // Latency matters more than the number of packets; a failure only costs that.
    let _ = stream.socket().set_nodelay(true);
    Ok(Stream(stream))
}
