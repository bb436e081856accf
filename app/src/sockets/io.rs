//! The whole server, reachable from anywhere.

use sansocket::{ArgsRef, Counts};
use serde::Serialize;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::future::poll_fn;
use std::ops::Deref;
use std::pin::pin;
use std::sync::{Arc, LazyLock};
use std::task::Poll;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use crate::args;
use crate::runtime::BoxFuture;
use crate::sockets::error::EmitError;
use crate::sockets::reach::Reach;
use crate::sockets::rooms::Rooms;
use crate::sockets::socket::Socket;
use crate::sockets::to::To;
use crate::wait::wait;

/// A handle to the whole server: emits from any thread or task. Cloning copies pointers.
///
/// It is also the handle of the namespace `/`, with all the methods of [`NamespaceIo`] and [`To`];
/// [`of`](Self::of) reaches the others. A binding's `Server` is one; handlers take it as a parameter.
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
///     Ok(io.count())
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
pub struct Io(NamespaceIo);

/// One namespace of a server, reachable from anywhere.
///
/// It is also the broadcast to everybody in the namespace, with all the methods of [`To`]: `emit`
/// reaches everybody, `join` makes everybody join.
#[derive(Clone)]
pub struct NamespaceIo(To);

impl Io {
    pub(crate) fn over(hub: Arc<dyn Reach>) -> Self {
        Self(NamespaceIo::new(To::new(hub, ROOT.clone())))
    }

    /// Reaches a namespace.
    #[must_use]
    pub fn of(&self, namespace: &str) -> NamespaceIo {
        NamespaceIo(To::new(self.hub().clone(), namespace.into()))
    }

    /// Returns how much each shard holds.
    #[must_use]
    pub fn counts(&self) -> Vec<Counts> {
        self.hub().shards().counts()
    }

    /// Runs a background task.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.hub().runtime().spawn(Box::pin(task));
    }

    /// Waits.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing; a new one waits for the whole duration again.
    #[must_use]
    pub fn sleep(&self, duration: Duration) -> BoxFuture<()> {
        self.hub().runtime().sleep(duration)
    }

    /// Runs a background task on a thread of its own, which may block for as long as it likes.
    ///
    /// ```no_run
    /// # let app = sansocket_app::App::new();
    /// # let server = sansocket_app::test::TestServer::new(app);
    /// # let io = server.io();
    /// let news = io.clone();
    /// io.thread(move || {
    ///     while news.rest(std::time::Duration::from_secs(10)) {
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
    #[must_use = "a loop that rests ends when the server stops"]
    pub fn rest(&self, duration: Duration) -> bool {
        let (mut stopping, mut sleep) =
            (pin!(self.hub().shards().stopping()), self.sleep(duration));
        wait(poll_fn(|context| match stopping.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(false),
            Poll::Pending => sleep.as_mut().poll(context).map(|()| true),
        }))
    }

    /// Closes every session and goes on serving: clients will reconnect.
    pub fn close(&self) {
        self.hub().shards().close();
    }

    /// Ends the server: it stops listening, every client is told, and serving ends when all
    /// connections have, or after five seconds.
    pub fn stop(&self) {
        self.stop_within(Duration::from_secs(5));
    }

    /// The same with a time of yours for connections to end.
    pub fn stop_within(&self, grace: Duration) {
        self.hub().shards().stop(grace);
    }
}

impl NamespaceIo {
    pub(crate) fn new(all: To) -> Self {
        Self(all)
    }

    /// Starts a broadcast to everybody in the namespace.
    pub fn all(&self) -> To {
        self.0.clone()
    }

    /// Starts a broadcast to rooms of the namespace, or to clients by their ids.
    pub fn to(&self, rooms: impl Rooms) -> To {
        self.all().to(rooms)
    }

    /// Starts a broadcast to the namespace without some rooms, or clients.
    pub fn except(&self, rooms: impl Rooms) -> To {
        self.all().except(rooms)
    }

    /// Starts a broadcast to the namespace that passes over clients which cannot take it at once.
    pub fn volatile(&self) -> To {
        self.all().volatile()
    }

    /// Starts a broadcast to the namespace that stays within this process.
    pub fn local(&self) -> To {
        self.all().local()
    }

    /// Returns the client with that id, when it is in the namespace and connected to this process:
    /// to [`call`](Socket::call) it, for example.
    #[must_use]
    pub fn socket(&self, id: &str) -> Option<Socket> {
        let hub = self.0.hub();
        // All shards of a process recognise the ids of all.
        let shard = hub.with(0, |server| server.shard_of(id))?;
        self.to(id).fetch_from(shard).pop()
    }

    /// Returns the rooms of the namespace in this process, each with the number of clients in it,
    /// those being admitted included; the rooms named by the clients' ids are left out.
    #[must_use]
    pub fn rooms(&self) -> BTreeMap<String, usize> {
        let (hub, mut sizes) = (self.0.hub(), BTreeMap::new());
        for shard in 0..hub.shards().count() {
            hub.with(shard, |server| {
                for (room, size) in server.rooms(self.0.namespace()) {
                    match sizes.get_mut(room) {
                        Some(sum) => *sum += size,
                        None => drop(sizes.insert(room.to_owned(), size)),
                    }
                }
            });
        }
        sizes
    }

    /// Makes everybody in the namespace leave these rooms. The room named by a client's id cannot be closed: nothing
    /// happens.
    pub fn close_room(&self, rooms: impl Rooms) {
        self.to(&rooms).leave(rooms);
    }
}

impl Deref for Io {
    type Target = NamespaceIo;

    fn deref(&self) -> &NamespaceIo {
        &self.0
    }
}

impl Deref for NamespaceIo {
    type Target = To;

    fn deref(&self) -> &To {
        &self.0
    }
}

impl fmt::Debug for Io {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Io").finish_non_exhaustive()
    }
}

impl fmt::Debug for NamespaceIo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("NamespaceIo").field(&self.0.namespace()).finish()
    }
}

/// The name of the namespace that is always there.
static ROOT: LazyLock<Arc<str>> = LazyLock::new(|| "/".into());

/// Encodes arguments into a buffer the thread keeps, and lends them.
pub(crate) fn with_args<T: Serialize + ?Sized, R>(
    args: &T,
    act: impl FnOnce(ArgsRef<'_>) -> Result<R, EmitError>,
) -> Result<R, EmitError> {
    // Taken out while in use: a `Serialize` of the user's may itself emit.
    let mut json = SCRATCH.with(RefCell::take);
    json.clear();
    let mut attachments = Vec::new();
    let result = match args::encode(args, &mut json, &mut attachments) {
        Ok(()) => {
            let text = std::str::from_utf8(&json).expect("JSON text is UTF-8");
            act(ArgsRef::from_valid(text, &attachments))
        }
        Err(error) => Err(error.into()),
    };
    if json.capacity() <= KEEP {
        SCRATCH.with(|scratch| scratch.replace(json));
    }
    result
}

thread_local! {
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// A larger buffer is given back.
const KEEP: usize = 64 * 1024;
