//! The application layer, driven as a binding drives it, under a clock that only moves when a test
//! says so.

use sansocket_app::bind::{Connection, Hub, Runtime, Timers};
use sansocket_app::{App, BoxFuture, Io, Socket};
use std::future::{Future, poll_fn};
use std::io::IoSlice;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};
use testbed::{Answer, frame, unframe, upgrade};

/// A process with its clients.
pub(crate) struct Stack {
    pub(crate) io: Io,
    hub: Arc<Hub>,
    world: Arc<World>,
}

/// Time, and the tasks of the runtime.
struct World {
    now: Mutex<Instant>,
    tasks: Mutex<Vec<BoxFuture<()>>>,
}

/// Time passes in steps of at most so much.
const STEP: Duration = Duration::from_millis(50);

struct Still(Arc<World>);

impl Runtime for Still {
    fn now(&self) -> Instant {
        *self.0.now.lock().unwrap()
    }

    fn spawn(&self, task: BoxFuture<()>) {
        self.0.tasks.lock().unwrap().push(task);
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<()> {
        let (world, due) = (self.0.clone(), self.now() + duration);
        Box::pin(poll_fn(move |_| match *world.now.lock().unwrap() >= due {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }))
    }
}

impl World {
    fn step(&self, until: Instant) {
        let mut now = self.now.lock().unwrap();
        *now = until.min(*now + STEP);
    }
}

impl Stack {
    /// A process of two shards with default settings, and no handlers.
    pub(crate) fn new() -> Self {
        Self::with(App::new())
    }

    /// A process of two shards.
    pub(crate) fn with(mut app: App) -> Self {
        app.namespace("/other");
        let (now, tasks) = (Mutex::new(Instant::now()), Mutex::new(Vec::new()));
        let world = Arc::new(World { now, tasks });
        let hub = Hub::new(app, Still(world.clone()), 2, [7; 32]);
        world.tasks.lock().unwrap().push(Box::pin(Timers::new(&hub)));
        Self { io: Io::new(hub.clone()), hub, world }
    }

    /// Clients in `/`, on both shards in turn, and their sockets.
    pub(crate) fn party<const N: usize>(&self) -> ([Client; N], [Socket; N]) {
        let mut clients = std::array::from_fn(|_| Client::open(&self.hub));
        let sockets = clients.each_mut().map(|client| {
            let id = client.join("/");
            self.io.local().socket(&id).expect("the client joined")
        });
        (clients, sockets)
    }

    /// Opens a connection that is in no namespace.
    pub(crate) fn client(&self) -> Client {
        Client::open(&self.hub)
    }

    /// Lets tasks run until all of them wait.
    pub(crate) fn run(&self) {
        let mut waiting = Vec::new();
        loop {
            let tasks = std::mem::take(&mut *self.world.tasks.lock().unwrap());
            if tasks.is_empty() {
                break;
            }
            waiting.extend(tasks.into_iter().filter_map(|mut task| {
                let pending = task.as_mut().poll(&mut Context::from_waker(Waker::noop()));
                pending.is_pending().then_some(task)
            }));
        }
        self.world.tasks.lock().unwrap().append(&mut waiting);
    }

    /// Lets time pass, in steps so small that no deadline is found late.
    pub(crate) fn pass(&self, time: Duration) {
        let until = *self.world.now.lock().unwrap() + time;
        while *self.world.now.lock().unwrap() < until {
            self.world.step(until);
            self.run();
        }
    }
}

/// A client on WebSocket.
pub(crate) struct Client {
    connection: Connection,
    unread: Vec<u8>,
    closed: bool,
}

impl Client {
    fn open(hub: &Arc<Hub>) -> Self {
        let connection = Connection::new(hub.clone(), None, None);
        let mut client = Self { connection, unread: Vec::new(), closed: false };
        client.read(upgrade("/socket.io/?EIO=4&transport=websocket").as_bytes());
        client.pull(usize::MAX);
        let (answer, used) = Answer::parse(&client.unread).expect("it is answered");
        assert_eq!(answer.status, 101);
        client.unread.drain(..used);
        assert!(client.recv().starts_with("0{"));
        client
    }

    /// Joins a namespace and returns its id there.
    pub(crate) fn join(&mut self, namespace: &str) -> String {
        self.send(&format!("40{namespace},"));
        let answer = self.recv();
        let (_, id) = answer.split_once("\"sid\":\"").expect("it is let in");
        id.trim_end_matches("\"}").to_owned()
    }

    /// Sends a text message.
    pub(crate) fn send(&mut self, text: &str) {
        self.read(&frame(0x81, text.as_bytes()));
    }

    /// Sends a binary message.
    pub(crate) fn send_binary(&mut self, bytes: &[u8]) {
        self.read(&frame(0x82, bytes));
    }

    /// Takes the next text message, which is there already.
    pub(crate) fn recv(&mut self) -> String {
        self.next().expect("a message is there")
    }

    /// Takes all text messages that are there.
    pub(crate) fn all(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.next()).collect()
    }

    /// Reads on after a while of not reading: so many bytes.
    pub(crate) fn pull(&mut self, most: usize) {
        let mut read = 0;
        while read < most {
            let mut slices = [IoSlice::new(&[]); 16];
            let filled = self.connection.poll_write(&mut slices);
            let mut n = 0;
            for slice in &slices[..filled] {
                self.unread.extend_from_slice(slice);
                n += slice.len();
            }
            if n == 0 {
                return;
            }
            read += n;
            self.connection.wrote(n);
            // What was announced meanwhile is taken at the next look.
            let _ = self.connection.poll_rung(&Context::from_waker(Waker::noop()));
        }
    }

    /// Whether the server was seen to close the connection.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    fn read(&mut self, bytes: &[u8]) {
        self.connection.read(&mut bytes.to_vec());
    }

    fn next(&mut self) -> Option<String> {
        self.pull(usize::MAX);
        let (first, payload) = unframe(&mut self.unread)?;
        self.closed |= first == 0x88;
        String::from_utf8(payload).ok().filter(|_| first == 0x81)
    }
}

/// Counts its wake-ups.
#[derive(Default)]
pub(crate) struct Bell(Mutex<usize>);

impl Bell {
    pub(crate) fn rings(&self) -> usize {
        *self.0.lock().unwrap()
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        *self.0.lock().unwrap() += 1;
    }
}

/// Looks at a future once.
pub(crate) fn poll<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    poll_with(future, &Arc::default())
}

/// Looks at a future once; it rings the bell when it is worth another look.
pub(crate) fn poll_with<F: Future + Unpin>(future: &mut F, bell: &Arc<Bell>) -> Option<F::Output> {
    let waker = Waker::from(bell.clone());
    match std::pin::Pin::new(future).poll(&mut Context::from_waker(&waker)) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}
