//! A poller with its connections: what the thread that leads it does.

use mio::{Events, Interest, Token, Waker};
use std::collections::VecDeque;
use std::fmt;
use std::io::{self, ErrorKind};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::task::Poll;
use std::time::{Duration, Instant};

use crate::carry::{Arrival, Carrier};
use crate::lead::{Lead, Leader};
use crate::listen::{Acceptor, Turn};
use crate::post::{Bell, Post, Stage};
use crate::watch::Watch;

/// A poller with its listeners and connections.
pub(crate) struct Driver {
    poll: mio::Poll,
    events: Events,
    post: Arc<Post>,
    watch: Arc<Watch>,
    lead: Arc<Lead>,
    acceptors: Vec<Acceptor>,
    /// The connections; a seat is a position here.
    carriers: Vec<Option<Carrier>>,
    free: Vec<usize>,
    /// The seats whose turn has come.
    due: VecDeque<usize>,
    arrivals: Vec<Arrival>,
    stage: Stage,
    /// Takes the error of the poller if there is one. Dropped last: its end is the end of the driver.
    failed: Sender<io::Error>,
}

/// How a thread came to lead a driver no longer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum End {
    /// Its server or its clients have ended, or the poller has failed.
    Over,
    /// Another thread has taken the driver over.
    Taken,
}

/// Belongs to the post; listeners count down from there, seats up from 0.
const POST: usize = usize::MAX;

/// Events taken from the poller at once.
const EVENTS: usize = 1024;

impl Driver {
    /// # Errors
    /// When the operating system has no poller left.
    pub(crate) fn new(lead: Arc<Lead>, failed: Sender<io::Error>) -> io::Result<Self> {
        let poll = mio::Poll::new()?;
        let post = Arc::new(Post::new(Waker::new(poll.registry(), Token(POST))?));
        let watch = Arc::new(Watch::new(poll.registry().try_clone()?));
        Ok(Self {
            poll,
            events: Events::with_capacity(EVENTS),
            post,
            watch,
            lead,
            acceptors: Vec::new(),
            carriers: Vec::new(),
            free: Vec::new(),
            due: VecDeque::new(),
            arrivals: Vec::new(),
            stage: Stage::Open,
            failed,
        })
    }

    pub(crate) fn post(&self) -> &Arc<Post> {
        &self.post
    }

    /// Where its poller watches streams of clients.
    pub(crate) fn watch(&self) -> &Arc<Watch> {
        &self.watch
    }

    /// Adds a listener.
    ///
    /// # Errors
    /// When the poller cannot watch it.
    pub(crate) fn listen(&mut self, mut acceptor: Acceptor) -> io::Result<()> {
        let token = Token(POST - 1 - self.acceptors.len());
        self.poll.registry().register(acceptor.source(), token, Interest::READABLE)?;
        self.acceptors.push(acceptor);
        Ok(())
    }

    /// Carries until its server or its clients have ended, or another thread has taken the driver over.
    pub(crate) fn lead(mut self: Box<Self>) -> End {
        let leader = self.lead.enter();
        while self.stage != Stage::Ended {
            match self.look() {
                Ok(()) => match self.take_turns(&leader) {
                    Some(driver) => self = driver,
                    None => return End::Taken,
                },
                Err(error) => {
                    // Nobody waits for it when the server has ended already.
                    let _ = self.failed.send(error);
                    break;
                }
            }
        }
        // Work that connections leave when they are dropped goes to workers.
        drop(leader);
        End::Over
    }

    /// Waits for something to do, and finds the connections whose turn has come.
    ///
    /// # Errors
    /// Those of the poller, which are not expected.
    fn look(&mut self) -> io::Result<()> {
        let pause = self.pause();
        match self.poll.poll(&mut self.events, pause) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
            Ok(()) | Err(_) => {}
        }
        self.note();
        self.stage = self.post.take(&mut self.arrivals, &mut self.due);
        match self.stage {
            Stage::Open => self.acceptors.iter_mut().for_each(Acceptor::accept),
            Stage::Stopping | Stage::Ended => self.acceptors.clear(),
        }
        // In the order of arrival: a client may rely on it for requests on two connections.
        let mut arrivals = std::mem::take(&mut self.arrivals);
        for arrival in arrivals.drain(..) {
            self.seat(arrival);
        }
        self.arrivals = arrivals;
        Ok(())
    }

    /// How long the thread may sleep unless something comes.
    fn pause(&self) -> Option<Duration> {
        if !self.due.is_empty() || self.lead.has_work() || !self.post.is_empty_for_now(self.stage) {
            return Some(Duration::ZERO);
        }
        let pauses = self.acceptors.iter().filter_map(|acceptor| match acceptor.turn() {
            Turn::At(due) => Some(due.saturating_duration_since(Instant::now())),
            Turn::Now => Some(Duration::ZERO),
            Turn::Rest => None,
        });
        pauses.min()
    }

    /// Takes note of what the poller found.
    fn note(&mut self) {
        for event in &self.events {
            let Token(token) = event.token();
            if let Some(Some(carrier)) = self.carriers.get_mut(token) {
                if carrier.note(event) {
                    self.due.push_back(token);
                }
            } else if let Some(acceptor) =
                (POST - 1).checked_sub(token).and_then(|at| self.acceptors.get_mut(at))
            {
                acceptor.note();
            } else {
                self.watch.note(event);
            }
        }
    }

    /// Gives a connection its place.
    fn seat(&mut self, arrival: Arrival) {
        let seat = self.free.pop().unwrap_or_else(|| {
            self.carriers.push(None);
            self.carriers.len() - 1
        });
        let bell = Arc::new(Bell::new(self.post.clone(), seat));
        let mut carrier = Carrier::new(arrival, bell);
        let both = Interest::READABLE | Interest::WRITABLE;
        if let Some(source) = carrier.source()
            && self.poll.registry().register(source, Token(seat), both).is_err()
        {
            // The poller is full: it ends as if its client had gone.
            self.free.push(seat);
            return;
        }
        self.carriers[seat] = Some(carrier);
        self.due.push_back(seat);
    }

    /// Lets those whose turn has come read and write, and does the work that follows; nothing when another
    /// thread has taken the driver over meanwhile.
    fn take_turns(mut self: Box<Self>, leader: &Leader) -> Option<Box<Self>> {
        // The work that a connection brings may call for another turn of it.
        for _ in 0..2 * self.due.len() {
            self = self.work(leader)?;
            let Some(seat) = self.due.pop_front() else { break };
            self.turn(seat);
        }
        self.work(leader)
    }

    /// Does the work of the last turn.
    #[inline]
    fn work(mut self: Box<Self>, leader: &Leader) -> Option<Box<Self>> {
        if self.lead.has_work() {
            self = leader.work(self)?;
            // What was just written by handlers leaves before more is read.
            self.post.take_first(&mut self.due);
        }
        Some(self)
    }

    /// Lets one connection read and write.
    fn turn(&mut self, seat: usize) {
        // A bell may have rung for a connection that is gone.
        let Some(Some(carrier)) = self.carriers.get_mut(seat) else { return };
        // What the application decides while bytes are read may panic: that ends one connection.
        let turn = catch_unwind(AssertUnwindSafe(|| carrier.turn()));
        if !matches!(turn, Ok(Poll::Pending)) {
            let carrier = self.carriers[seat].take();
            self.free.push(seat);
            // Handlers of a client may go with its last stream, and panic.
            let _ = catch_unwind(AssertUnwindSafe(|| drop(carrier)));
        }
    }
}

impl fmt::Debug for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver").field("connections", &self.carriers.len()).finish_non_exhaustive()
    }
}
