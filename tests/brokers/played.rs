//! The end of a link to a broker, as a test plays it.

use sansocket_bus::{Broker, Command, End, Entry, Format, Payload, Subscription, spawn};
use std::collections::VecDeque;
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

/// How long a broker may take to tell something.
const PATIENCE: Duration = Duration::from_secs(30);

/// The end of a link to a broker: it gives the commands of a test, and notes what the broker tells.
#[derive(Debug)]
pub struct Played {
    format: Format,
    state: Mutex<State>,
    told: Condvar,
    released: Condvar,
}

/// What a broker told.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Told {
    /// It is connected, and carries messages of so many bytes.
    Connected(Option<usize>),
    /// The connection was lost, or not made.
    Lost(String),
    /// A subscription is confirmed.
    Subscribed(Subscription),
    /// A channel has so many subscribers.
    Counted(String, u64),
    /// It answered.
    Pong,
    /// A message came on a channel.
    Delivered(String, Payload<'static>),
    /// A message was published.
    Published(Option<u64>),
    /// A message was refused.
    Refused(String),
    /// So many messages were lost.
    Missed(u64),
    /// Its thread is about to end.
    Ended,
}

#[derive(Debug, Default)]
struct State {
    link: Progress,
    commands: VecDeque<Command>,
    told: VecDeque<Told>,
    /// What is subscribed to on each connection anew.
    wanted: Vec<Subscription>,
    rest: Option<Duration>,
    is_held: bool,
    waker: Option<Waker>,
    pause: Option<Waker>,
}

#[derive(Debug, Default, Eq, PartialEq)]
enum Progress {
    #[default]
    Down,
    Up,
    Closed,
}

impl Played {
    /// Runs a broker on a thread of its own.
    ///
    /// # Panics
    /// When there is no thread left.
    #[must_use]
    pub fn drive(broker: impl Broker, format: Format) -> Arc<Self> {
        let state = Mutex::default();
        let played =
            Arc::new(Self { format, state, told: Condvar::new(), released: Condvar::new() });
        let (end, watched) = (Arc::clone(&played), Arc::clone(&played));
        let driver = spawn(broker, end).expect("a thread");
        thread::spawn(move || {
            driver.join().expect("panics are caught");
            watched.note(Told::Ended);
        });
        played
    }

    /// Gives commands to the broker.
    pub fn tell(&self, commands: impl IntoIterator<Item = Command>) {
        let mut state = self.state();
        state.commands.extend(commands);
        state.wake();
    }

    /// Gives the broker messages for a channel.
    pub fn publish(&self, channel: &str, texts: impl IntoIterator<Item = impl Into<Vec<u8>>>) {
        self.tell(texts.into_iter().map(|text| Command::Publish {
            channel: channel.into(),
            payload: Payload::from(text.into()),
            length: 0,
        }));
    }

    /// Subscribes to channels, and waits until that is confirmed.
    pub fn subscribe(&self, channels: &[&str]) {
        let wanted = channels.iter().map(|channel| Subscription::Exact((*channel).to_owned()));
        let wanted: Vec<_> = wanted.collect();
        self.tell(wanted.iter().cloned().map(Command::Subscribe));
        for subscription in wanted {
            assert_eq!(self.next(), Told::Subscribed(subscription));
        }
    }

    /// Subscribes to channels as soon as the broker is connected again, as a node does.
    pub fn subscribe_again(&self, channels: &[&str]) {
        let wanted = channels.iter().map(|channel| Subscription::Exact((*channel).to_owned()));
        self.state().wanted = wanted.collect();
    }

    /// Waits for the next thing that the broker tells.
    ///
    /// # Panics
    /// When it tells nothing for half a minute.
    pub fn next(&self) -> Told {
        let patience = Instant::now() + PATIENCE;
        let mut state = self.state();
        loop {
            if let Some(told) = state.told.pop_front() {
                return told;
            }
            let left = patience.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "the broker tells nothing");
            (state, _) = self.told.wait_timeout(state, left).expect("nothing panicked");
        }
    }

    /// Waits until the broker is connected, however often that fails before, and returns the bytes of its messages.
    pub fn connected(&self) -> Option<usize> {
        loop {
            let told = self.next();
            if let Told::Connected(largest) = told {
                return largest;
            }
            assert!(matches!(told, Told::Lost(_)), "not connected but {told:?}");
        }
    }

    /// Waits for the next message, whatever else is told, and returns its channel and its text.
    pub fn delivered(&self) -> (String, String) {
        loop {
            let told = self.next();
            assert!(!matches!(told, Told::Lost(_)), "{told:?}");
            if let Told::Delivered(channel, Payload::Bytes(bytes)) = told {
                return (channel, String::from_utf8_lossy(&bytes).into_owned());
            }
        }
    }

    /// Waits until the connection is lost, and returns the texts of the messages that came before.
    pub fn delivered_until_lost(&self) -> Vec<String> {
        let mut came = Vec::new();
        loop {
            let told = self.next();
            if let Told::Lost(_) = told {
                return came;
            }
            if let Told::Delivered(_, Payload::Bytes(bytes)) = told {
                came.push(String::from_utf8_lossy(&bytes).into_owned());
            }
        }
    }

    /// Waits for so many messages to be confirmed, and for nothing else but messages that come.
    pub fn published(&self, count: usize) {
        let mut left = count;
        while left > 0 {
            let told = self.next();
            if matches!(told, Told::Published(_)) {
                left -= 1;
            } else {
                assert!(matches!(told, Told::Delivered(..)), "not published but {told:?}");
            }
        }
    }

    /// Has the broker wait for so long after a loss, before it connects again.
    pub fn rest(&self, pause: Duration) {
        self.state().rest = Some(pause);
    }

    /// Has the broker wait with the next message that it hands over, until [`release`](Self::release).
    pub fn hold(&self) {
        self.state().is_held = true;
    }

    /// Lets the broker go on.
    pub fn release(&self) {
        self.state().is_held = false;
        self.released.notify_all();
    }

    /// Closes the end.
    pub fn close(&self) {
        let mut state = self.state();
        state.link = Progress::Closed;
        state.wake();
    }

    /// Waits until the broker's thread has nothing left to do.
    pub fn ended(&self) {
        while self.next() != Told::Ended {}
    }

    fn note(&self, told: Told) {
        self.state().told.push_back(told);
        self.told.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panicked")
    }
}

impl State {
    fn wake(&mut self) {
        let wakers = [self.waker.take(), self.pause.take()];
        wakers.into_iter().flatten().for_each(Waker::wake);
    }
}

impl End for Played {
    fn format(&self) -> Format {
        self.format
    }

    fn connected(&self, largest: Option<usize>) {
        let mut state = self.state();
        if state.link == Progress::Down {
            state.link = Progress::Up;
        }
        let again = state.wanted.clone().into_iter().map(Command::Subscribe);
        let commands = again.chain(mem::take(&mut state.commands));
        state.commands = commands.collect();
        state.wake();
        drop(state);
        self.note(Told::Connected(largest));
    }

    fn lost(&self, why: &str) -> Option<Duration> {
        let mut state = self.state();
        let is_closed = state.link == Progress::Closed;
        if !is_closed {
            state.link = Progress::Down;
        }
        let pause = state.rest.unwrap_or(Duration::from_millis(100));
        drop(state);
        self.note(Told::Lost(why.into()));
        (!is_closed).then_some(pause)
    }

    fn subscribed(&self, subscription: &Subscription) {
        self.note(Told::Subscribed(subscription.clone()));
    }

    fn counted(&self, channel: &str, count: u64) {
        self.note(Told::Counted(channel.into(), count));
    }

    fn pong(&self) {
        self.note(Told::Pong);
    }

    fn delivered(&self, channel: &str, payload: &Payload<'_>) {
        let payload = match payload {
            Payload::Bytes(bytes) => Payload::from(bytes.to_vec()),
            Payload::Entry(Entry { id, uid, nsp, kind, data }) => Payload::Entry(Entry {
                id: *id,
                uid: uid.to_vec().into(),
                nsp: nsp.to_vec().into(),
                kind: kind.to_vec().into(),
                data: data.to_vec().into(),
            }),
        };
        self.note(Told::Delivered(channel.into(), payload));
        let held = self.released.wait_while(self.state(), |state| state.is_held);
        drop(held.expect("nothing panicked"));
    }

    fn published(&self, receivers: Option<u64>) {
        self.note(Told::Published(receivers));
    }

    fn refused(&self, why: &str) {
        self.note(Told::Refused(why.into()));
    }

    fn missed(&self, _stream: &str, count: u64) {
        self.note(Told::Missed(count));
    }

    fn poll_command(&self, context: &mut Context<'_>) -> Poll<Option<Command>> {
        let mut state = self.state();
        if state.link != Progress::Down
            && let Some(command) = state.commands.pop_front()
        {
            return Poll::Ready(Some(command));
        }
        if state.link == Progress::Closed {
            return Poll::Ready(None);
        }
        state.waker = Some(context.waker().clone());
        Poll::Pending
    }

    fn poll_closed(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.state();
        if state.link == Progress::Closed {
            return Poll::Ready(());
        }
        state.pause = Some(context.waker().clone());
        Poll::Pending
    }
}
