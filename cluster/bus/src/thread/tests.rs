use super::*;
use crate::{BrokerError, Command, Format, Payload, Subscription};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::task::Poll;

/// An end that writes down what it hears, and is closed from a test.
struct Ledger {
    pauses: Mutex<Vec<Option<Duration>>>,
    losses: Sender<String>,
    closed: Mutex<Closed>,
}

#[derive(Default)]
struct Closed {
    is_closed: bool,
    waker: Option<Waker>,
}

impl Ledger {
    /// The pauses are taken from the end of the list; when there is none, the thread ends.
    fn new(pauses: &[Option<Duration>]) -> (Arc<Self>, Receiver<String>) {
        let (losses, heard) = channel();
        let pauses = Mutex::new(pauses.iter().rev().copied().collect());
        (Arc::new(Self { pauses, losses, closed: Mutex::default() }), heard)
    }

    fn close(&self) {
        let mut closed = self.closed.lock().unwrap();
        closed.is_closed = true;
        if let Some(waker) = closed.waker.take() {
            waker.wake();
        }
    }
}

impl End for Ledger {
    fn format(&self) -> Format {
        Format::Native
    }

    fn connected(&self, _: Option<usize>) {}

    fn lost(&self, why: &str) -> Option<Duration> {
        self.losses.send(why.to_owned()).unwrap();
        self.pauses.lock().unwrap().pop().flatten()
    }

    fn subscribed(&self, _: &Subscription) {}

    fn counted(&self, _: &str, _: u64) {}

    fn pong(&self) {}

    fn delivered(&self, _: &str, _: &Payload<'_>) {}

    fn published(&self, _: Option<u64>) {}

    fn poll_command(&self, _: &mut Context<'_>) -> Poll<Option<Command>> {
        Poll::Ready(None)
    }

    fn poll_closed(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut closed = self.closed.lock().unwrap();
        closed.waker = Some(context.waker().clone());
        if closed.is_closed { Poll::Ready(()) } else { Poll::Pending }
    }
}

/// A broker that does what a function says, which is told how often it ran before.
struct Fake<F>(F, u32);

impl<F: FnMut(u32) -> Result<(), BrokerError> + Send + 'static> Broker for Fake<F> {
    fn address(&self) -> String {
        "nowhere".into()
    }

    fn run(&mut self, _: &Link) -> Result<(), BrokerError> {
        self.1 += 1;
        (self.0)(self.1 - 1)
    }
}

const NOW: Option<Duration> = Some(Duration::ZERO);
const LONG: Option<Duration> = Some(Duration::from_secs(3600));

#[test]
fn a_broker_runs_again_after_each_error_until_it_is_done() {
    let (end, heard) = Ledger::new(&[NOW, NOW]);
    let broker = Fake(|n| if n < 2 { Err(BrokerError::new(format!("{n}"))) } else { Ok(()) }, 0);
    spawn(broker, end).unwrap().join().unwrap();
    assert_eq!(heard.iter().collect::<Vec<_>>(), ["0", "1"]);
}

#[test]
fn a_panic_counts_as_a_lost_connection() {
    let (end, heard) = Ledger::new(&[NOW, NOW]);
    let broker = Fake(
        |n| match n {
            0 => panic!("oh"),
            1 => panic!("oh {n}"),
            _ => Ok(()),
        },
        0,
    );
    spawn(broker, end).unwrap().join().unwrap();
    let told = ["the broker panicked: oh", "the broker panicked: oh 1"];
    assert_eq!(heard.iter().collect::<Vec<_>>(), told);
}

#[test]
fn the_thread_ends_when_no_attempt_is_wanted() {
    let (end, heard) = Ledger::new(&[None]);
    spawn(Fake(|_| Err(BrokerError::new("gone")), 0), end).unwrap().join().unwrap();
    assert_eq!(heard.iter().collect::<Vec<_>>(), ["gone"]);
}

#[test]
fn a_pause_ends_when_the_end_is_closed() {
    let (end, heard) = Ledger::new(&[LONG]);
    let thread =
        spawn(Fake(|_| Err(BrokerError::new("gone")), 0), Arc::<Ledger>::clone(&end)).unwrap();
    assert_eq!(thread.thread().name(), Some("sansocket-bus"));
    assert_eq!(heard.recv().unwrap(), "gone");
    end.close();
    thread.join().unwrap();
}
