//! The whole server, reachable from anywhere.

use sansocket::Counts;
use std::fmt;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, LazyLock};
use std::task::Poll;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use crate::args::IntoArgs;
use crate::cluster::bus::Bus;
use crate::runtime::BoxFuture;
use crate::sockets::answers::fetch::FetchSockets;
use crate::sockets::answers::gather::Gathering;
use crate::sockets::broadcast::Broadcast;
use crate::sockets::error::EmitError;
use crate::sockets::extent::Local;
use crate::sockets::namespace::NamespaceIo;
use crate::sockets::reach::Reach;
use crate::wait::wait;
use sansocket_args::Rooms;

/// A handle to the whole server: emits from any thread or task. Cloning copies pointers.
///
/// It emits to everybody in the namespace `/`; [`of`](Self::of) reaches the others. Whatever else may
/// happen to everybody is said: [`everyone`](Self::everyone)`().disconnect()`. Handlers take it as a
/// parameter, [`Socket::io`](crate::Socket::io) and the `Server` of a binding return it.
///
/// ```
/// use sansocket_app::{App, EmitError, Io};
/// use std::time::Duration;
/// # use sansocket_app::test::TestServer;
///
/// let mut app = App::new();
/// app.on("start", |io: Io, room: String| -> Result<usize, EmitError> {
///     io.emit("news", &"a game begins")?;
///     io.to(&room).emit("begin", &())?;
///     io.of("/watchers").except("muted").emit("began", &room)?;
///     let later = io.clone();
///     io.spawn(async move {
///         later.sleep(Duration::from_secs(60)).await;
///         let _ = later.to(room).emit("end", &());
///     });
///     Ok(io.local().count())
/// });
/// # app.on_connect(|socket: sansocket_app::Socket| { let _ = socket.join("chess"); });
/// # let server = TestServer::new(app);
/// # let client = server.connect().unwrap();
/// # assert_eq!(client.call("start", "chess"), Ok(1));
/// # client.expect::<String>("news");
/// # client.expect::<()>("begin");
/// # server.advance(Duration::from_secs(60));
/// # client.expect::<()>("end");
/// ```
#[derive(Clone)]
pub struct Io {
    hub: Arc<dyn Reach>,
    root: NamespaceIo,
}

impl Io {
    pub(crate) fn over(hub: Arc<dyn Reach>) -> Self {
        let root = NamespaceIo::new(Broadcast::new(hub.clone(), ROOT.clone()));
        Self { hub, root }
    }

    pub(crate) fn root(&self) -> &NamespaceIo {
        &self.root
    }

    /// Returns the part of this process in a cluster, when the application [joined](crate::App::cluster) one.
    #[must_use]
    pub fn bus(&self) -> Option<Bus> {
        self.hub.bus().cloned()
    }

    /// Reaches a namespace. One that is not open has no clients.
    #[must_use]
    pub fn of(&self, namespace: &str) -> NamespaceIo {
        NamespaceIo::new(Broadcast::new(self.hub.clone(), namespace.into()))
    }

    /// Stays within this process, and within `/`: it also returns clients, counts and rooms at once.
    #[must_use]
    pub fn local(&self) -> NamespaceIo<Local> {
        self.root.local()
    }

    /// Sends an event to everybody in `/`. A tuple is several arguments, `()` none, anything else one;
    /// encoded arguments are sent as they are, see [`IntoArgs`].
    ///
    /// # Errors
    /// When the arguments have no JSON form or too many attachments, or the event name is reserved.
    pub fn emit(&self, event: &str, args: impl IntoArgs) -> Result<(), EmitError> {
        self.root.emit(event, args)
    }

    /// Sends the event `message` to everybody in `/`.
    ///
    /// # Errors
    /// When the data has no JSON form or too many attachments.
    pub fn send(&self, data: impl IntoArgs) -> Result<(), EmitError> {
        self.root.send(data)
    }

    /// Sends the event `json` to everybody in `/`.
    ///
    /// # Errors
    /// When the data has no JSON form or too many attachments.
    pub fn send_json(&self, data: impl IntoArgs) -> Result<(), EmitError> {
        self.root.send_json(data)
    }

    /// Sends an event to everybody in `/` and gathers the acknowledgements that come within `timeout`.
    ///
    /// The event is sent before this returns; the future only waits.
    pub fn emit_with_ack(&self, event: &str, args: impl IntoArgs, timeout: Duration) -> Gathering {
        self.root.emit_with_ack(event, args, timeout)
    }

    /// Starts a broadcast to everybody in `/`: to make everybody join or leave rooms, or to disconnect
    /// everybody.
    #[doc(alias("socketsJoin", "socketsLeave", "disconnectSockets"))]
    pub fn everyone(&self) -> Broadcast {
        self.root.everyone()
    }

    /// Starts a broadcast to rooms of `/`, or to its clients by their ids.
    #[doc(alias = "in")]
    pub fn to(&self, rooms: impl Rooms) -> Broadcast {
        self.root.to(rooms)
    }

    /// Starts a broadcast to `/` without some rooms, or clients.
    pub fn except(&self, rooms: impl Rooms) -> Broadcast {
        self.root.except(rooms)
    }

    /// Starts a broadcast to `/` that is never compressed.
    #[doc(alias = "compress")]
    pub fn uncompressed(&self) -> Broadcast {
        self.root.uncompressed()
    }

    /// Starts a broadcast to `/` that passes over clients which cannot take it at once.
    pub fn volatile(&self) -> Broadcast {
        self.root.volatile()
    }

    /// Finds everybody in `/`, on all servers.
    pub fn fetch_sockets(&self) -> FetchSockets {
        self.root.fetch_sockets()
    }

    /// Makes everybody in `/` leave these rooms, as [`NamespaceIo::close_room`] does.
    ///
    /// # Errors
    /// When other processes are not told: clients of this one leave all the same.
    pub fn close_room(&self, rooms: impl Rooms) -> Result<(), EmitError> {
        self.root.close_room(rooms)
    }

    /// Returns how much each shard of this process holds.
    #[must_use]
    pub fn counts(&self) -> Vec<Counts> {
        self.hub.shards().counts()
    }

    /// Runs a background task.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.hub.runtime().spawn(Box::pin(task));
    }

    /// Waits for a duration on the clock of the server; in a [test](crate::test) that is virtual time.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing; a new one waits for the whole duration again.
    #[must_use]
    pub fn sleep(&self, duration: Duration) -> BoxFuture<()> {
        self.hub.runtime().sleep(duration)
    }

    /// Runs a background task on a thread of its own, which may block for as long as it likes.
    ///
    /// ```no_run
    /// # let app = sansocket_app::App::new();
    /// # let server = sansocket_app::test::TestServer::new(app);
    /// # let io = server.io();
    /// let news = io.clone();
    /// io.thread(move || {
    ///     while news.blocking_sleep(std::time::Duration::from_secs(10)) {
    ///         let _ = news.emit("news", &"ten seconds later");
    ///     }
    /// });
    /// ```
    ///
    /// # Panics
    /// When the operating system has no thread left.
    pub fn thread<T: Send + 'static>(
        &self,
        task: impl FnOnce() -> T + Send + 'static,
    ) -> JoinHandle<T> {
        let builder = Builder::new().name("sansocket-task".into());
        builder.spawn(task).expect("the operating system gives a thread")
    }

    /// Blocks the thread for so long; returns `false`, at once, when the server stops. It is
    /// [`sleep`](Self::sleep) for handlers and tasks that have a thread for themselves.
    #[must_use = "a loop that sleeps ends when the server stops"]
    pub fn blocking_sleep(&self, duration: Duration) -> bool {
        let (mut stopping, mut sleep) = (pin!(self.hub.shards().stopping()), self.sleep(duration));
        wait(poll_fn(|context| match stopping.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(false),
            Poll::Pending => sleep.as_mut().poll(context).map(|()| true),
        }))
    }

    /// Closes every session and goes on serving: clients will reconnect.
    pub fn close(&self) {
        self.hub.shards().close();
    }

    /// Ends the server: it stops listening, every client is told, and serving ends when all
    /// connections have, or after five seconds.
    pub fn stop(&self) {
        self.stop_within(Duration::from_secs(5));
    }

    /// Ends the server as [`stop`](Self::stop) does, with `grace` for connections to end.
    pub fn stop_within(&self, grace: Duration) {
        self.hub.shards().stop(grace);
    }
}

impl fmt::Debug for Io {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Io").finish_non_exhaustive()
    }
}

/// The name of the namespace that is always there.
static ROOT: LazyLock<Arc<str>> = LazyLock::new(|| "/".into());
