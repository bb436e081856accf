//! A server, its clock, and the byte streams of its clients.

use sansocket::{Fields, Headers, Method, Request, RequestContext};
use sansocket_app::bind::{Connection, Hub, Outcome, Runtime, Timers, Workers, forwarding};
use sansocket_app::{App, BoxFuture, Io};
use std::future::{Future, poll_fn};
use std::io::IoSlice;
use std::mem;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};
use testbed::{frame, request, upgrade};

use crate::streams::cables::Cables;

/// A server with its clock.
pub(crate) struct Stage {
    pub(crate) io: Io,
    pub(crate) hub: Arc<Hub>,
    world: Arc<World>,
}

/// Time, and the tasks of the runtime.
struct World {
    now: Mutex<Instant>,
    tasks: Mutex<Vec<BoxFuture<()>>>,
    /// What was left for threads of handlers.
    work: Mutex<Vec<Work>>,
}

type Work = Box<dyn FnOnce() + Send>;

#[derive(Clone)]
pub(crate) struct Clock {
    world: Arc<World>,
    /// Whether handlers have threads of their own.
    pooled: bool,
}

/// The server, for those parts of its application that ask it.
pub(crate) type Later = Arc<OnceLock<Io>>;

/// Time passes in steps so small that no deadline is found late.
const STEP: Duration = Duration::from_millis(100);

/// More than there are tasks that wake each other.
const ROUNDS: usize = 5;

impl World {
    fn begin() -> Arc<Self> {
        let now = Mutex::new(Instant::now());
        Arc::new(Self { now, tasks: Mutex::default(), work: Mutex::default() })
    }
}

impl Runtime for Clock {
    fn now(&self) -> Instant {
        *self.world.now.lock().unwrap()
    }

    fn spawn(&self, task: BoxFuture<()>) {
        self.world.tasks.lock().unwrap().push(task);
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<()> {
        let (world, due) = (self.world.clone(), self.now() + duration);
        Box::pin(poll_fn(move |_| match *world.now.lock().unwrap() >= due {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }))
    }

    fn workers(&self) -> Option<&dyn Workers> {
        self.pooled.then_some(self)
    }
}

impl Workers for Clock {
    fn run(&self, work: Work) {
        self.world.work.lock().unwrap().push(work);
    }
}

impl Stage {
    /// A server of one shard.
    pub(crate) fn new(app: App) -> Self {
        Self::with_shards(app, 1)
    }

    pub(crate) fn with_shards(app: App, shards: u16) -> Self {
        Self::on(app, shards, false).ticking()
    }

    /// A server of one shard with threads for handlers, which do nothing until [`Self::work`].
    pub(crate) fn pooled(app: App) -> Self {
        Self::on(app, 1, true).ticking()
    }

    /// A server of one shard without a timer.
    pub(crate) fn without_timers(app: App) -> Self {
        Self::on(app, 1, false)
    }

    /// A server of one shard that opens streams to other nodes.
    pub(crate) fn among(app: App, cables: &Cables) -> Self {
        let world = World::begin();
        let clock = Clock { world: world.clone(), pooled: false };
        let app = forwarding(app, || cables.wires(clock));
        Self::within(world, app, 1, false).ticking()
    }

    fn on(app: App, shards: u16, pooled: bool) -> Self {
        Self::within(World::begin(), app, shards, pooled)
    }

    fn within(world: Arc<World>, app: App, shards: u16, pooled: bool) -> Self {
        let hub = Hub::new(app, Clock { world: world.clone(), pooled }, shards, [7; 32]);
        Self { io: Io::new(hub.clone()), hub, world }
    }

    fn ticking(self) -> Self {
        self.start(self.timers());
        self
    }

    /// A clockwork, which does nothing until it is started.
    pub(crate) fn timers(&self) -> Timers {
        Timers::new(&self.hub)
    }

    pub(crate) fn start(&self, timers: Timers) {
        self.world.tasks.lock().unwrap().push(Box::pin(timers));
    }

    pub(crate) fn hub(&self) -> &Hub {
        &self.hub
    }

    /// Opens a stream on which nothing was said yet.
    pub(crate) fn stream(&self) -> Stream {
        self.stream_from(None)
    }

    /// Opens a stream that comes from an address.
    pub(crate) fn stream_from(&self, peer: Option<SocketAddr>) -> Stream {
        let connection = Connection::new(self.hub.clone(), peer, None);
        Stream { connection, unread: Vec::new(), unsent: Vec::new(), window: usize::MAX }
    }

    /// Opens a polling session in `/`. Its handshake was the first request on the stream of polls.
    pub(crate) fn polling(&self) -> Polling {
        let (mut polls, mut posts) = (self.stream(), self.stream());
        let sid = sid(&polls.ask("GET", POLLING, "", "")).to_owned();
        assert!(posts.post(&sid, "40").ends_with("ok"));
        assert!(polls.get(&sid).contains("40{"));
        Polling { sid, polls, posts }
    }

    /// Hands over a request that a host took.
    pub(crate) fn host(&self, method: Method, target: &str) -> Outcome {
        self.hub.handle_request(
            Request::new(method, target, Fields::host(&Host)),
            RequestContext::default(),
        )
    }

    /// Lets tasks run until all of them wait.
    pub(crate) fn run(&self) {
        for _ in 0..ROUNDS {
            let tasks = mem::take(&mut *self.world.tasks.lock().unwrap());
            let context = &mut Context::from_waker(Waker::noop());
            let waiting: Vec<_> = tasks
                .into_iter()
                .filter_map(|mut task| task.as_mut().poll(context).is_pending().then_some(task))
                .collect();
            self.world.tasks.lock().unwrap().extend(waiting);
        }
    }

    /// Lets the threads of handlers do the waiting jobs.
    pub(crate) fn work(&self) {
        loop {
            let work = mem::take(&mut *self.world.work.lock().unwrap());
            if work.is_empty() {
                return;
            }
            work.into_iter().for_each(|work| work());
        }
    }

    /// Lets so many seconds pass without a look at the clock: the process is paused.
    pub(crate) fn pause(&self, seconds: u64) {
        *self.world.now.lock().unwrap() += Duration::from_secs(seconds);
        self.run();
    }

    /// Lets so many seconds pass.
    pub(crate) fn pass(&self, seconds: u64) {
        let until = *self.world.now.lock().unwrap() + Duration::from_secs(seconds);
        while *self.world.now.lock().unwrap() < until {
            *self.world.now.lock().unwrap() += STEP;
            self.run();
        }
    }
}

/// The header of a request that a host took.
struct Host;

impl Headers for Host {
    fn each<'a>(&'a self, each: &mut dyn FnMut(&'a str, &'a [u8])) {
        each("host", b"a.example");
    }
}

/// One byte stream of a client.
pub(crate) struct Stream {
    connection: Connection,
    unread: Vec<u8>,
    /// What the server does not read yet.
    unsent: Vec<u8>,
    window: usize,
}

impl Stream {
    /// Sends a request and takes what comes back at once.
    pub(crate) fn ask(&mut self, method: &str, target: &str, fields: &str, body: &str) -> String {
        self.say(request(method, target, fields, body))
    }

    /// Polls and takes what comes back at once: nothing, when the poll is held.
    pub(crate) fn get(&mut self, sid: &str) -> String {
        self.ask("GET", &format!("{POLLING}&sid={sid}"), "", "")
    }

    /// Posts a payload and takes what comes back at once.
    pub(crate) fn post(&mut self, sid: &str, payload: &str) -> String {
        self.ask("POST", &format!("{POLLING}&sid={sid}"), "", payload)
    }

    /// Makes a WebSocket of the stream; `session` is the rest of the query.
    pub(crate) fn upgrade(&mut self, session: &str) {
        let target = format!("/socket.io/?EIO=4&transport=websocket{session}");
        assert!(self.say(upgrade(&target)).starts_with("HTTP/1.1 101 "));
    }

    /// Sends a text message on a WebSocket and takes what comes back at once.
    pub(crate) fn send(&mut self, text: &str) -> String {
        self.say(frame(0x81, text.as_bytes()))
    }

    /// Sends bytes and takes what comes back at once.
    pub(crate) fn say(&mut self, bytes: impl Into<Vec<u8>>) -> String {
        self.put(bytes);
        self.take()
    }

    /// Sends bytes, which are read as far as the server likes, and takes nothing.
    pub(crate) fn put(&mut self, bytes: impl Into<Vec<u8>>) {
        self.unsent.extend(bytes.into());
        self.read();
    }

    /// Sends bytes that the server has not read yet when it looks what else there is to do.
    pub(crate) fn put_unread(&mut self, bytes: impl Into<Vec<u8>>) {
        self.unsent.extend(bytes.into());
        assert_eq!(self.connection.poll_write(&mut [IoSlice::new(&[])]), 0);
    }

    fn read(&mut self) {
        while !self.unsent.is_empty() && self.connection.wants_read() {
            let rest = self.unsent.split_off(self.unsent.len().min(READ));
            let mut read = mem::replace(&mut self.unsent, rest);
            self.connection.read(&mut read);
        }
    }

    /// Takes what came.
    pub(crate) fn take(&mut self) -> String {
        self.write();
        String::from_utf8_lossy(&mem::take(&mut self.unread)).into_owned()
    }

    /// Takes the bytes that came.
    pub(crate) fn take_bytes(&mut self) -> Vec<u8> {
        self.write();
        mem::take(&mut self.unread)
    }

    /// Takes no more than so many bytes from now on.
    pub(crate) fn take_only(&mut self, window: usize) {
        self.window = window;
    }

    /// Whether the server would read more.
    pub(crate) fn is_read(&mut self) -> bool {
        self.write();
        self.connection.wants_read()
    }

    /// The peer sends nothing more.
    pub(crate) fn end(&mut self) {
        self.connection.end();
    }

    /// Whether the server keeps the stream open.
    pub(crate) fn is_open(&mut self) -> bool {
        self.write();
        !self.connection.is_finished()
    }

    fn write(&mut self) {
        loop {
            self.read();
            let mut slices = [IoSlice::new(&[]); 8];
            let filled = self.connection.poll_write(&mut slices);
            let mut bytes = Vec::new();
            for slice in &slices[..filled] {
                let n = slice.len().min(self.window - bytes.len());
                bytes.extend_from_slice(&slice[..n]);
            }
            if bytes.is_empty() {
                if self.unsent.is_empty() && self.connection.wants_look() {
                    self.connection.quiet();
                    continue;
                }
                let context = Context::from_waker(Waker::noop());
                let reads = !self.unsent.is_empty() && self.connection.wants_read();
                let rests = self.connection.poll_rung(&context).is_pending();
                if (filled > 0 || rests) && !reads {
                    return;
                }
                continue;
            }
            self.connection.wrote(bytes.len());
            self.window -= bytes.len();
            self.unread.extend(bytes);
        }
    }
}

/// A polling session with a stream for each direction.
pub(crate) struct Polling {
    pub(crate) sid: String,
    pub(crate) polls: Stream,
    pub(crate) posts: Stream,
}

impl Polling {
    /// Polls and takes what comes back at once: nothing, when the poll is held.
    pub(crate) fn get(&mut self) -> String {
        self.polls.get(&self.sid)
    }

    /// Posts a payload, which has to be taken.
    pub(crate) fn post(&mut self, payload: &str) {
        assert!(self.posts.post(&self.sid, payload).ends_with("ok"));
    }
}

/// Where polling sessions begin.
pub(crate) const POLLING: &str = "/socket.io/?EIO=4&transport=polling";

/// As much as a binding reads at once.
const READ: usize = 64 * 1024;

/// The id that an open packet gives out.
pub(crate) fn sid(open: &str) -> &str {
    let (_, sid) = open.split_once("\"sid\":\"").unwrap_or_else(|| panic!("no session: {open}"));
    sid.split('"').next().expect("a split has a first part")
}

/// A payload of the same packet again and again.
pub(crate) fn payload(packet: &str, count: usize) -> String {
    vec![packet; count].join("\u{1e}")
}

/// Polls a future as often as that, as long as it is pending, and drops it.
pub(crate) fn poll_and_drop(future: impl Future, polls: usize) {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    let _ = (0..polls).find(|_| future.as_mut().poll(&mut context).is_ready());
}
