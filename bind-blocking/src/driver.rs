//! One thread that carries connections.

use mio::{Events, Interest, Token, Waker};
use sansocket_app::bind::Connection;
use std::io::{self, ErrorKind};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use crate::carry::{Carrier, Socket};
use crate::listen::{Acceptor, Turn};
use crate::post::{Bell, Post, Stage};

/// A poller with its listeners and connections.
pub(crate) struct Driver {
    poll: mio::Poll,
    post: Arc<Post>,
    acceptors: Vec<Acceptor>,
    /// The connections; a seat is a position here.
    carriers: Vec<Option<Carrier>>,
    free: Vec<usize>,
    /// The seats whose turn has come.
    due: Vec<usize>,
    arrivals: Vec<(Socket, Connection)>,
    stage: Stage,
}

/// Belongs to the post; listeners count down from there, seats up from 0.
const POST: usize = usize::MAX;

/// Events taken from the poller at once.
const EVENTS: usize = 1024;

impl Driver {
    /// # Errors
    /// When the operating system has no poller left.
    pub(crate) fn new() -> io::Result<Self> {
        let poll = mio::Poll::new()?;
        let post = Arc::new(Post::new(Waker::new(poll.registry(), Token(POST))?));
        Ok(Self {
            poll,
            post,
            acceptors: Vec::new(),
            carriers: Vec::new(),
            free: Vec::new(),
            due: Vec::new(),
            arrivals: Vec::new(),
            stage: Stage::Open,
        })
    }

    pub(crate) fn post(&self) -> &Arc<Post> {
        &self.post
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

    /// Carries until the server has ended.
    ///
    /// # Errors
    /// Those of the poller, which are not expected.
    pub(crate) fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS);
        loop {
            let pause = self.pause();
            match self.poll.poll(&mut events, pause) {
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
                Ok(()) | Err(_) => {}
            }
            self.note(&events);
            self.stage = self.post.take(&mut self.arrivals, &mut self.due);
            match self.stage {
                Stage::Open => self.acceptors.iter_mut().for_each(Acceptor::accept),
                Stage::Stopping => self.acceptors.clear(),
                Stage::Ended => return Ok(()),
            }
            // In the order of arrival: a client may rely on it for requests on two connections.
            let mut arrivals = std::mem::take(&mut self.arrivals);
            for (socket, connection) in arrivals.drain(..) {
                self.seat(socket, connection);
            }
            self.arrivals = arrivals;
            self.take_turns();
        }
    }

    /// How long the thread may sleep unless something comes.
    fn pause(&self) -> Option<Duration> {
        if !self.due.is_empty() || !self.post.is_empty_for_now(self.stage) {
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
    fn note(&mut self, events: &Events) {
        for event in events {
            let Token(token) = event.token();
            if let Some(Some(carrier)) = self.carriers.get_mut(token) {
                if carrier.note(event) {
                    self.due.push(token);
                }
            } else if let Some(acceptor) =
                (POST - 1).checked_sub(token).and_then(|at| self.acceptors.get_mut(at))
            {
                acceptor.note();
            }
        }
    }

    /// Gives a connection its place.
    fn seat(&mut self, socket: Socket, connection: Connection) {
        let seat = self.free.pop().unwrap_or_else(|| {
            self.carriers.push(None);
            self.carriers.len() - 1
        });
        let bell = Arc::new(Bell::new(self.post.clone(), seat));
        let mut carrier = Carrier::new(socket, connection, bell);
        let both = Interest::READABLE | Interest::WRITABLE;
        if self.poll.registry().register(carrier.source(), Token(seat), both).is_err() {
            // The poller is full: it ends as if its client had gone.
            self.free.push(seat);
            return;
        }
        self.carriers[seat] = Some(carrier);
        self.due.push(seat);
    }

    /// Lets those whose turn has come read and write.
    fn take_turns(&mut self) {
        let turns = self.due.len();
        for at in 0..turns {
            let seat = self.due[at];
            // A bell may have rung for a connection that is gone.
            let Some(Some(carrier)) = self.carriers.get_mut(seat) else { continue };
            // What the application decides while bytes are read may panic: that ends one connection.
            let turn = catch_unwind(AssertUnwindSafe(|| carrier.turn()));
            if !matches!(turn, Ok(Poll::Pending)) {
                self.carriers[seat] = None;
                self.free.push(seat);
            }
        }
        self.due.drain(..turns);
    }
}
