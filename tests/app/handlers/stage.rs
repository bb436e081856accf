//! An application on a binding without streams, clocks and threads: bytes go in and come out.

use sansocket_app::bind::{Connection, Hub, Runtime};
use sansocket_app::{App, BoxFuture};
use std::future::{pending, poll_fn};
use std::io::IoSlice;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};
use testbed::{Answer, frame, normal, unframe, upgrade};

/// One shard with handlers.
pub(crate) struct Stage {
    pub(crate) hub: Arc<Hub>,
    tasks: Arc<Mutex<Vec<BoxFuture<()>>>>,
}

/// A client on WebSocket.
pub(crate) struct Client {
    connection: Connection,
    unread: Vec<u8>,
}

/// A clock that stands still, and tasks that run when the test says so.
struct Still(Instant, Arc<Mutex<Vec<BoxFuture<()>>>>);

impl Runtime for Still {
    fn now(&self) -> Instant {
        self.0
    }

    fn spawn(&self, task: BoxFuture<()>) {
        self.1.lock().unwrap().push(task);
    }

    fn sleep(&self, _: Duration) -> BoxFuture<()> {
        Box::pin(pending())
    }
}

struct Unpark(std::thread::Thread);

impl std::task::Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

impl Stage {
    pub(crate) fn new(app: App) -> Self {
        let tasks = Arc::new(Mutex::new(Vec::new()));
        let hub = Hub::new(app, Still(Instant::now(), tasks.clone()), 1, [7; 32]);
        Self { hub, tasks }
    }

    /// Opens a WebSocket.
    pub(crate) fn open(&self) -> Client {
        self.open_with("", "")
    }

    /// Opens a WebSocket with more in its query and more header lines.
    pub(crate) fn open_with(&self, query: &str, lines: &str) -> Client {
        Client::open(&self.hub, query, lines)
    }

    /// Opens a WebSocket that joins namespaces, each of which must be open.
    pub(crate) fn join(&self, names: &[&str]) -> Client {
        let mut client = self.open();
        for name in names {
            assert!(client.say(&format!("40{name},")).starts_with("40"), "{name}");
        }
        client
    }

    /// Runs tasks until none of them gets any further.
    pub(crate) fn run(&self) {
        loop {
            let tasks = std::mem::take(&mut *self.tasks.lock().unwrap());
            let before = tasks.len();
            let context = &mut Context::from_waker(Waker::noop());
            let left: Vec<_> = tasks
                .into_iter()
                .filter_map(|mut task| task.as_mut().poll(context).is_pending().then_some(task))
                .collect();
            let done = left.len() == before;
            let mut tasks = self.tasks.lock().unwrap();
            let quiet = done && tasks.is_empty();
            tasks.extend(left);
            if quiet {
                return;
            }
        }
    }

    /// Tasks that are not done.
    pub(crate) fn tasks(&self) -> usize {
        self.tasks.lock().unwrap().len()
    }

    /// The runtime ends: its tasks are dropped.
    pub(crate) fn end_runtime(&self) {
        let tasks = std::mem::take(&mut *self.tasks.lock().unwrap());
        drop(tasks);
    }
}

impl Client {
    /// Opens a WebSocket with more in its query and more header lines.
    pub(crate) fn open(hub: &Arc<Hub>, query: &str, lines: &str) -> Self {
        let connection = Connection::new(hub.clone(), Some(([127, 0, 0, 1], 4000).into()), None);
        let mut client = Self { connection, unread: Vec::new() };
        let request = upgrade(&format!("/socket.io/?EIO=4&transport=websocket{query}"));
        let request = request.replacen("\r\n", &format!("\r\n{lines}"), 1);
        client.bytes(request.into_bytes());
        let (answer, used) = Answer::parse(&client.unread).expect("it is answered");
        assert_eq!(answer.status, 101);
        client.unread.drain(..used);
        assert!(client.take()[0].starts_with("0{"));
        client
    }

    /// Waits until something more came.
    pub(crate) fn wait(&mut self) -> Vec<String> {
        let mut packets = Vec::new();
        self.wait_for(|client| {
            packets = client.take();
            !packets.is_empty()
        });
        packets
    }

    /// Waits until the server reads more from it.
    pub(crate) fn wait_read(&mut self) {
        self.wait_for(Self::is_read);
    }

    /// Looks again whenever the server rings.
    fn wait_for(&mut self, mut done: impl FnMut(&mut Self) -> bool) {
        let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
        let until = Instant::now() + Duration::from_secs(20);
        while !done(self) {
            if self.connection.poll_rung(&Context::from_waker(&waker)).is_pending() {
                std::thread::park_timeout(until.saturating_duration_since(Instant::now()));
                assert!(Instant::now() < until, "nobody rang");
            }
        }
    }

    /// Sends packets in one read.
    pub(crate) fn send(&mut self, packets: &[&str]) {
        let frames = packets.iter().flat_map(|packet| frame(0x81, packet.as_bytes()));
        self.bytes(frames.collect());
    }

    /// Sends a packet and takes what comes back, joined by blanks.
    pub(crate) fn say(&mut self, packet: &str) -> String {
        self.send(&[packet]);
        self.take().join(" ")
    }

    /// Sends an event with its attachment.
    pub(crate) fn send_binary(&mut self, text: &str, attachment: &[u8]) {
        let mut bytes = frame(0x81, text.as_bytes());
        bytes.extend(frame(0x82, attachment));
        self.bytes(bytes);
    }

    /// Takes the packets that came, ids put aside.
    pub(crate) fn take(&mut self) -> Vec<String> {
        self.write();
        let mut packets = Vec::new();
        while let Some((first, payload)) = unframe(&mut self.unread) {
            packets.push(match first {
                0x81 => normal(std::str::from_utf8(&payload).unwrap()),
                0x82 => format!("{payload:?}"),
                other => panic!("no server sends {other:#x}"),
            });
        }
        packets
    }

    /// Whether the server would read more from it.
    pub(crate) fn is_read(&mut self) -> bool {
        self.write();
        self.connection.wants_read()
    }

    /// Goes without a word.
    pub(crate) fn vanish(self) {}

    fn bytes(&mut self, mut bytes: Vec<u8>) {
        self.connection.read(&mut bytes);
        self.write();
    }

    fn write(&mut self) {
        loop {
            let mut slices = [IoSlice::new(&[]); 8];
            let filled = self.connection.poll_write(&mut slices);
            if filled == 0 {
                if self.connection.wants_look() {
                    self.connection.quiet();
                    continue;
                }
                let context = Context::from_waker(Waker::noop());
                if self.connection.poll_rung(&context).is_pending() {
                    return;
                }
                continue;
            }
            let written: Vec<u8> = slices[..filled].iter().flat_map(|s| s.to_vec()).collect();
            self.connection.wrote(written.len());
            self.unread.extend(written);
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.connection.end();
    }
}

/// What handlers did, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Diary(Arc<Mutex<Vec<String>>>);

impl Diary {
    pub(crate) fn note(&self, line: impl Into<String>) {
        self.0.lock().unwrap().push(line.into());
    }

    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// Something a handler waits for until the test opens it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Door(Arc<(AtomicBool, Mutex<Vec<Waker>>)>);

impl Door {
    pub(crate) fn open(&self) {
        self.0.0.store(true, Ordering::SeqCst);
        self.0.1.lock().unwrap().drain(..).for_each(Waker::wake);
    }

    pub(crate) fn is_closed(&self) -> bool {
        !self.0.0.load(Ordering::SeqCst)
    }

    pub(crate) async fn wait(&self) {
        poll_fn(|context| {
            if self.is_closed() {
                self.0.1.lock().unwrap().push(context.waker().clone());
                return Poll::Pending;
            }
            Poll::Ready(())
        })
        .await;
    }
}
