//! The poller of a server's sockets.
//!
//! async-io registers a socket anew each time a task waits for it. A [`Reactor`] registers it once, in a
//! poller of its own, and async-io watches that poller.

#[cfg(unix)]
use async_io::Async;
use atomic_waker::AtomicWaker;
use mio::event::{Event, Source};
use mio::{Events, Interest, Poll as Poller, Registry, Token};
use sansocket_app::bind::Runtime;
use std::io::{self, ErrorKind};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

/// Where sockets are registered. Its [`Driver`] ends when the reactor and all its sockets are gone.
#[derive(Debug)]
pub(crate) struct Reactor {
    registry: Registry,
    /// Tells the driver that nothing is registered any more.
    end: mio::Waker,
    seats: Mutex<Seats>,
}

/// What is registered; a token is a position here.
#[derive(Debug, Default)]
struct Seats {
    taken: Vec<Option<Arc<Readiness>>>,
    free: Vec<usize>,
}

/// A socket that is registered until it is dropped.
#[derive(Debug)]
pub(crate) struct Watched<S> {
    socket: S,
    readiness: Arc<Readiness>,
}

/// What the poller said of a socket, and the task that waits for more.
#[derive(Debug)]
struct Readiness {
    reactor: Arc<Reactor>,
    seat: usize,
    /// A bit for each [`Side`], [`ENDING`], and above them the number of events so far.
    state: AtomicU32,
    waker: AtomicWaker,
}

/// What may be done with a socket.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Side {
    /// Reading, or accepting.
    Read = 1,
    Write = 2,
}

/// What is known of a socket after something was done with it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Left {
    /// More may be done at once.
    Perhaps,
    /// No more can be done before the poller says so.
    Nothing,
}

/// Wakes the tasks whose sockets are ready.
struct Driver {
    poller: Poller,
    events: Events,
    /// The tasks to wake after a look at the poller.
    wakers: Vec<Waker>,
    reactor: Weak<Reactor>,
}

/// What a driver found.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Found {
    Nothing,
    Events,
    /// The reactor is gone.
    End,
}

/// Nothing but the end of the stream follows the bytes that can be read. A poller says this once.
const ENDING: u32 = 4;

/// Counts an event.
const EVENT: u32 = 8;

/// Belongs to the waker of the driver; seats count up from 0.
const END: Token = Token(usize::MAX);

/// Events taken from the poller at once.
const EVENTS: usize = 1024;

impl Reactor {
    /// Makes a reactor, and has `runtime` drive it.
    ///
    /// # Errors
    /// When the operating system has no poller left.
    pub(crate) fn start(runtime: &dyn Runtime) -> io::Result<Arc<Self>> {
        let poller = Poller::new()?;
        let reactor = Arc::new(Self {
            registry: poller.registry().try_clone()?,
            end: mio::Waker::new(poller.registry(), END)?,
            seats: Mutex::default(),
        });
        let driver = Driver {
            poller,
            events: Events::with_capacity(EVENTS),
            wakers: Vec::new(),
            reactor: Arc::downgrade(&reactor),
        };
        driver.start(runtime)?;
        Ok(reactor)
    }

    /// Registers a socket.
    ///
    /// # Errors
    /// When the poller cannot watch it.
    pub(crate) fn watch<S: Source>(self: &Arc<Self>, socket: S) -> io::Result<Watched<S>> {
        // Nothing is known of the socket: trying tells.
        let state = AtomicU32::new(Side::Read as u32 | Side::Write as u32);
        let waker = AtomicWaker::new();
        let readiness = {
            let mut seats = self.seats();
            let seat = seats.free.pop().unwrap_or(seats.taken.len());
            let readiness = Arc::new(Readiness { reactor: self.clone(), seat, state, waker });
            seats.put(seat, readiness.clone());
            readiness
        };
        let mut watched = Watched { socket, readiness };
        let both = Interest::READABLE | Interest::WRITABLE;
        let token = Token(watched.readiness.seat);
        self.registry.register(&mut watched.socket, token, both)?;
        Ok(watched)
    }

    /// Takes note of events, and collects the tasks that wait for them.
    fn note(&self, events: &Events, wakers: &mut Vec<Waker>) {
        let seats = self.seats();
        for event in events {
            // A socket may have gone meanwhile. If another has its seat, one attempt of it is in vain.
            if let Some(Some(readiness)) = seats.taken.get(event.token().0) {
                wakers.extend(readiness.note(told(event)));
            }
        }
    }

    fn seats(&self) -> MutexGuard<'_, Seats> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Reactor {
    fn drop(&mut self) {
        // Without it, only the driver would stay.
        let _ = self.end.wake();
    }
}

impl Seats {
    fn put(&mut self, seat: usize, readiness: Arc<Readiness>) {
        if seat == self.taken.len() {
            self.taken.push(None);
        }
        self.taken[seat] = Some(readiness);
    }
}

impl<S> Watched<S> {
    /// Does something with the socket as soon as that does not block. `act` says what is left to do; its
    /// task is woken when that changes.
    pub(crate) fn poll_with<T>(
        &mut self,
        context: &Context<'_>,
        side: Side,
        mut act: impl FnMut(&mut S) -> io::Result<(T, Left)>,
    ) -> Poll<io::Result<T>> {
        loop {
            let seen = ready!(self.readiness.poll(context, side));
            match act(&mut self.socket) {
                Ok((done, left)) => {
                    if left == Left::Nothing && seen & ENDING == 0 {
                        self.readiness.clear(side, seen);
                    }
                    return Poll::Ready(Ok(done));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.readiness.clear(side, seen);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    /// Assumes that something can be done, whatever the poller said: the next attempt asks the operating
    /// system.
    pub(crate) fn assume(&self, side: Side) {
        self.readiness.state.fetch_or(side as u32, Ordering::AcqRel);
    }

    /// Returns the socket.
    pub(crate) fn socket(&self) -> &S {
        &self.socket
    }
}

impl<S> Drop for Watched<S> {
    fn drop(&mut self) {
        // Closing the socket takes it from the poller.
        let Readiness { reactor, seat, .. } = &*self.readiness;
        let mut seats = reactor.seats();
        let left = seats.taken[*seat].take();
        seats.free.push(*seat);
        drop(seats);
        drop(left);
    }
}

impl Readiness {
    /// Waits until something may be done, and returns the state that says so.
    fn poll(&self, context: &Context<'_>, side: Side) -> Poll<u32> {
        let seen = self.state.load(Ordering::Acquire);
        if seen & side as u32 != 0 {
            return Poll::Ready(seen);
        }
        self.waker.register(context.waker());
        // An event may have come before the waker was there.
        match self.state.load(Ordering::Acquire) {
            seen if seen & side as u32 != 0 => Poll::Ready(seen),
            _ => Poll::Pending,
        }
    }

    /// Takes note that nothing can be done, unless an event came after the state was `seen`.
    fn clear(&self, side: Side, seen: u32) {
        let cleared = seen & !(side as u32);
        let _ = self.state.compare_exchange(seen, cleared, Ordering::AcqRel, Ordering::Acquire);
    }

    /// Takes note of what an event told, and returns the task that waits for it.
    fn note(&self, told: u32) -> Option<Waker> {
        let mut before = self.state.load(Ordering::Acquire);
        loop {
            let after = before.wrapping_add(EVENT) | told;
            match self.state.compare_exchange_weak(
                before,
                after,
                Ordering::AcqRel,
                Ordering::Acquire,
            ) {
                Ok(_) => break,
                Err(now) => before = now,
            }
        }
        // Nobody waits for what was known already.
        if told & !before == 0 { None } else { self.waker.take() }
    }
}

/// What an event tells, as bits of a state.
fn told(event: &Event) -> u32 {
    let ending = event.is_read_closed() || event.is_error();
    bits(event.is_readable() || ending, Side::Read as u32)
        | bits(event.is_writable() || event.is_write_closed(), Side::Write as u32)
        | bits(ending, ENDING)
}

fn bits(is_set: bool, bits: u32) -> u32 {
    if is_set { bits } else { 0 }
}

impl Driver {
    /// Runs as a task. The poller is itself a socket to the reactor of async-io, and ready when it has
    /// events.
    #[cfg(unix)]
    fn start(mut self, runtime: &dyn Runtime) -> io::Result<()> {
        let poller = Async::new_nonblocking(self.poller.registry().try_clone()?)?;
        runtime.spawn(Box::pin(std::future::poll_fn(move |context| {
            loop {
                match self.look(Some(Duration::ZERO)) {
                    Found::End => return Poll::Ready(()),
                    // Again behind the tasks that were woken: meanwhile there may be more.
                    Found::Events => {
                        context.waker().wake_by_ref();
                        return Poll::Pending;
                    }
                    Found::Nothing => {
                        if ready!(poller.poll_readable(context)).is_err() {
                            return Poll::Ready(());
                        }
                    }
                }
            }
        })));
        Ok(())
    }

    /// Runs as a thread: the reactor of async-io cannot watch the poller.
    #[cfg(not(unix))]
    fn start(mut self, _: &dyn Runtime) -> io::Result<()> {
        let name = "sansocket".to_owned();
        let thread = std::thread::Builder::new().name(name);
        thread.spawn(move || while self.look(None) != Found::End {}).map(drop)
    }

    /// Wakes the tasks whose sockets are ready.
    fn look(&mut self, timeout: Option<Duration>) -> Found {
        if self.poller.poll(&mut self.events, timeout).is_err() {
            // A signal came: there is no other error of a poller that exists.
            self.events.clear();
        }
        let Some(reactor) = self.reactor.upgrade() else { return Found::End };
        reactor.note(&self.events, &mut self.wakers);
        // Not under the lock: a task that ends drops its socket.
        drop(reactor);
        self.wakers.drain(..).for_each(Waker::wake);
        if self.events.is_empty() { Found::Nothing } else { Found::Events }
    }
}

#[cfg(test)]
mod tests;
