//! Listening and shutting down.

use sansocket_app::{App, Connection, Hub, Timers};
use std::io;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream, ToSocketAddrs};
use tokio::runtime::Handle;
use tokio::sync::Notify;

use crate::carry::Carry;
use crate::runtime::Tokio;

/// A Socket.IO server on tokio, and a handle to it: clone it into tasks and threads and emit from
/// there. What it can do besides serving is in [`sansocket_app::Io`].
#[derive(Clone, Debug)]
pub struct Io {
    handle: sansocket_app::Io,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    hub: Arc<Hub>,
    /// Told to stop listening.
    stop: Notify,
    stopping: AtomicBool,
    /// Connections being carried.
    live: AtomicUsize,
    /// Told when the last of them ends.
    idle: Notify,
}

impl Io {
    /// Starts the shards of an application on the current runtime, four for each of its threads.
    ///
    /// # Panics
    /// Outside a tokio runtime, or when the operating system gives no random numbers.
    #[must_use]
    pub fn new(app: App) -> Self {
        let threads = Handle::current().metrics().num_workers();
        let shards = if threads == 1 { 1 } else { (4 * threads).next_power_of_two() };
        Self::with_shards(app, u16::try_from(shards).unwrap_or(1024))
    }

    /// The same with a number of shards of yours, at least 1.
    ///
    /// # Panics
    /// Outside a tokio runtime, or when the operating system gives no random numbers.
    #[must_use]
    pub fn with_shards(app: App, shards: u16) -> Self {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).expect("the operating system gives random numbers");
        let runtime = Handle::current();
        let hub = Hub::new(app, Tokio(runtime.clone()), shards, seed);
        runtime.spawn(Timers::new(hub.clone()));
        let shared = Shared {
            hub: hub.clone(),
            stop: Notify::new(),
            stopping: AtomicBool::new(false),
            live: AtomicUsize::new(0),
            idle: Notify::new(),
        };
        Self { handle: sansocket_app::Io::new(hub), shared: Arc::new(shared) }
    }

    /// Listens on an address and serves until [`shutdown`](Self::shutdown).
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub async fn serve(&self, address: impl ToSocketAddrs) -> io::Result<()> {
        self.serve_on(TcpListener::bind(address).await?).await
    }

    /// Serves a listener of yours until [`shutdown`](Self::shutdown).
    ///
    /// # Errors
    /// None at present: streams that cannot be accepted are tried again.
    pub async fn serve_on(&self, listener: TcpListener) -> io::Result<()> {
        loop {
            let stop = self.shared.stop.notified();
            if self.shared.stopping.load(Ordering::SeqCst) {
                break;
            }
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, peer)) => {
                        let hub = self.shared.hub.clone();
                        self.spawn(stream, Connection::new(hub, Some(peer)));
                    }
                    // Out of file descriptors, or the peer is gone again: neither ends a server.
                    Err(_) => tokio::time::sleep(RETRY).await,
                },
                () = stop => break,
            }
        }
        drop(listener);
        self.settle().await;
        Ok(())
    }

    /// Stops listening, closes every session and lets [`serve`](Self::serve) return once clients were
    /// told, or after five seconds.
    pub fn shutdown(&self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        self.shared.stop.notify_waiters();
        self.handle.close();
    }

    fn spawn(&self, stream: TcpStream, connection: Connection) {
        // Latency matters more than the number of packets; a failure only costs that.
        let _ = stream.set_nodelay(true);
        self.shared.live.fetch_add(1, Ordering::SeqCst);
        // How a stream ended concerns its session, which knows by then.
        tokio::spawn(Carry::new(stream, connection, Live(self.shared.clone())));
    }

    /// Waits for the connections to end.
    async fn settle(&self) {
        let settled = async {
            loop {
                let idle = self.shared.idle.notified();
                if self.shared.live.load(Ordering::SeqCst) == 0 {
                    return;
                }
                idle.await;
            }
        };
        let _ = tokio::time::timeout(GRACE, settled).await;
    }
}

impl Deref for Io {
    type Target = sansocket_app::Io;

    fn deref(&self) -> &Self::Target {
        &self.handle
    }
}

/// Counts a connection while it lives.
struct Live(Arc<Shared>);

impl Drop for Live {
    fn drop(&mut self) {
        if self.0.live.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.0.idle.notify_waiters();
        }
    }
}

/// How long to wait when a stream could not be accepted.
const RETRY: Duration = Duration::from_millis(50);

/// How long connections may take to end on shutdown.
const GRACE: Duration = Duration::from_secs(5);
