//! An end of a link that plays the node of a server.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use sansocket_bus::{Broker, Command, End, Entry, Format, Payload, Subscription, spawn};

/// What an end was told.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Told {
    Connected,
    Lost(String),
    Subscribed(Subscription),
    Counted(String, u64),
    Pong,
    Delivered(String, String),
    Entry { kind: String, data: String },
    Published(Option<u64>),
    Refused(String),
    Missed(u64),
}

impl Told {
    /// Returns channel and text of a message.
    pub(crate) fn message(&self) -> Option<(String, String)> {
        let Self::Delivered(channel, text) = self else { return None };
        Some((channel.clone(), text.clone()))
    }

    /// Returns what an entry carries.
    pub(crate) fn data(&self) -> Option<String> {
        let Self::Entry { data, .. } = self else { return None };
        Some(data.clone())
    }

    /// Returns why a connection was lost, or a message refused.
    pub(crate) fn why(&self) -> Option<String> {
        let (Self::Lost(why) | Self::Refused(why)) = self else { return None };
        Some(why.clone())
    }
}

/// The node of a server: it subscribes anew whenever it is connected.
pub(crate) struct Node {
    end: Arc<Wires>,
    told: Receiver<Told>,
    thread: Option<JoinHandle<()>>,
}

struct Wires {
    format: Format,
    told: Mutex<Sender<Told>>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    subscriptions: Vec<Subscription>,
    commands: VecDeque<Command>,
    is_connected: bool,
    is_closed: bool,
    wakers: Vec<Waker>,
}

impl Node {
    pub(crate) fn start(
        broker: impl Broker,
        format: Format,
        subscriptions: &[Subscription],
    ) -> Self {
        let (told, heard) = channel();
        let state = State { subscriptions: subscriptions.to_vec(), ..State::default() };
        let end = Arc::new(Wires { format, told: Mutex::new(told), state: Mutex::new(state) });
        let thread = spawn(broker, Arc::<Wires>::clone(&end)).unwrap();
        Self { end, told: heard, thread: Some(thread) }
    }

    /// Starts a node, and waits until it is connected and all subscriptions are confirmed.
    pub(crate) fn ready(
        broker: impl Broker,
        format: Format,
        subscriptions: &[Subscription],
    ) -> Self {
        let node = Self::start(broker, format, subscriptions);
        node.is_told(&Told::Connected);
        node.is_settled(subscriptions);
        node
    }

    /// Waits until all these subscriptions are confirmed.
    pub(crate) fn is_settled(&self, subscriptions: &[Subscription]) {
        let mut missing = subscriptions.to_vec();
        while !missing.is_empty() {
            let told = self.next();
            let Told::Subscribed(subscription) = told else {
                panic!("{told:?} instead of {missing:?}");
            };
            missing.retain(|other| *other != subscription);
        }
    }

    pub(crate) fn command(&self, command: Command) {
        self.commands([command]);
    }

    /// Gives several commands at once.
    pub(crate) fn commands(&self, commands: impl IntoIterator<Item = Command>) {
        self.end.change(|state| state.commands.extend(commands));
    }

    pub(crate) fn publish(&self, channel: &str, text: &str) {
        self.command(message(channel, text));
    }

    /// Waits until the broker has taken all commands.
    pub(crate) fn is_begun(&self) {
        let begin = Instant::now();
        while !self.end.state.lock().unwrap().commands.is_empty() {
            assert!(begin.elapsed() < PATIENCE, "a command is not taken in time");
            std::thread::yield_now();
        }
    }

    /// Closes the end: what was commanded is still done.
    pub(crate) fn close(&self) {
        self.end.change(|state| state.is_closed = true);
    }

    /// Waits until the thread of the broker ended.
    pub(crate) fn join(&mut self) {
        self.thread.take().unwrap().join().unwrap();
    }

    pub(crate) fn next(&self) -> Told {
        self.told.recv_timeout(PATIENCE).expect("nothing was told in time")
    }

    pub(crate) fn is_told(&self, expected: &Told) {
        assert_eq!(self.next(), *expected);
    }

    /// Waits for what a function chooses, and passes the rest over.
    pub(crate) fn until<T>(&self, choose: impl Fn(&Told) -> Option<T>) -> T {
        loop {
            if let Some(chosen) = choose(&self.next()) {
                return chosen;
            }
        }
    }

    /// Returns the texts of the next messages, and passes the rest over.
    pub(crate) fn messages(&self, count: usize) -> Vec<String> {
        (0..count).map(|_| self.until(|told| told.message().map(|(_, text)| text))).collect()
    }

    /// Waits until the connection is lost, and returns why.
    pub(crate) fn lost(&self) -> String {
        self.until(Told::why)
    }

    /// Passes over everything until the node is connected again and settled.
    pub(crate) fn is_back(&self, subscriptions: &[Subscription]) {
        self.until(|told| (*told == Told::Connected).then_some(()));
        self.is_settled(subscriptions);
    }

    /// Asserts that nothing comes for a moment, but for confirmations.
    pub(crate) fn is_quiet(&self) {
        while let Ok(told) = self.told.recv_timeout(Duration::from_millis(200)) {
            assert!(matches!(told, Told::Published(_)), "{told:?}");
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.end.change(|state| {
            state.is_closed = true;
            state.commands.push_front(Command::Disconnect);
        });
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Wires {
    fn tell(&self, told: Told) {
        let _ = self.told.lock().unwrap().send(told);
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state.lock().unwrap();
        change(&mut state);
        for waker in std::mem::take(&mut state.wakers) {
            waker.wake();
        }
    }
}

impl End for Wires {
    fn format(&self) -> Format {
        self.format
    }

    fn connected(&self, largest: Option<usize>) {
        assert_eq!(largest, Some(512 * 1024 * 1024));
        self.tell(Told::Connected);
        self.change(|state| {
            state.is_connected = true;
            for subscription in state.subscriptions.iter().rev() {
                state.commands.push_front(Command::Subscribe(subscription.clone()));
            }
        });
    }

    fn lost(&self, why: &str) -> Option<Duration> {
        self.tell(Told::Lost(why.into()));
        let mut state = self.state.lock().unwrap();
        state.is_connected = false;
        (!state.is_closed).then_some(Duration::from_millis(50))
    }

    fn subscribed(&self, subscription: &Subscription) {
        self.tell(Told::Subscribed(subscription.clone()));
    }

    fn counted(&self, channel: &str, count: u64) {
        self.tell(Told::Counted(channel.into(), count));
    }

    fn pong(&self) {
        self.tell(Told::Pong);
    }

    fn delivered(&self, channel: &str, payload: &Payload<'_>) {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        self.tell(match payload {
            Payload::Bytes(bytes) => Told::Delivered(channel.into(), text(bytes)),
            Payload::Entry(entry) => {
                Told::Entry { kind: text(&entry.kind), data: text(&entry.data) }
            }
        });
    }

    fn published(&self, receivers: Option<u64>) {
        self.tell(Told::Published(receivers));
    }

    fn refused(&self, why: &str) {
        self.tell(Told::Refused(why.into()));
    }

    fn missed(&self, _stream: &str, count: u64) {
        self.tell(Told::Missed(count));
    }

    fn poll_command(&self, context: &mut Context<'_>) -> Poll<Option<Command>> {
        let mut state = self.state.lock().unwrap();
        if state.is_connected
            && let Some(command) = state.commands.pop_front()
        {
            return Poll::Ready(Some(command));
        }
        if state.is_closed {
            return Poll::Ready(None);
        }
        state.wakers.push(context.waker().clone());
        Poll::Pending
    }

    fn poll_closed(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.state.lock().unwrap();
        if state.is_closed {
            return Poll::Ready(());
        }
        state.wakers.push(context.waker().clone());
        Poll::Pending
    }
}

pub(crate) fn message(channel: &str, text: &str) -> Command {
    let payload = Payload::from(text.as_bytes().to_vec());
    Command::Publish { channel: channel.into(), payload, length: 100 }
}

pub(crate) fn entry(stream: &str, data: &str, length: u64) -> Command {
    let field = |text: &str| text.as_bytes().to_vec().into();
    let payload = Payload::Entry(Entry {
        uid: field("94ae"),
        nsp: field("/"),
        kind: field("3"),
        data: field(data),
    });
    Command::Publish { channel: stream.into(), payload, length }
}

pub(crate) fn exact(channel: &str) -> Subscription {
    Subscription::Exact(channel.into())
}

/// Measures how long something takes.
pub(crate) fn time<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let begin = Instant::now();
    let result = work();
    (result, begin.elapsed())
}

const PATIENCE: Duration = Duration::from_secs(30);
