//! Streams of clients, and the poller of the driver that watches them.
//!
//! A stream is used by tasks of the pool while it is opened, and by its driver from then on. So what the poller said
//! of it is shared, unlike that of the streams which a server accepts.

use mio::event::Event;
use mio::{Interest, Registry, Token};
use sansocket_app::bind::Wire;
use std::io::{self, IoSlice};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use crate::carry::{SHORT_IS_ALL, Socket, attempt};

/// Where streams of clients are registered with the poller of one driver.
#[derive(Debug)]
pub(crate) struct Watch {
    registry: Registry,
    seats: Mutex<Seats>,
}

/// What is registered; a token is a position here, behind [`FIRST`].
#[derive(Debug, Default)]
struct Seats {
    taken: Vec<Option<Arc<Readiness>>>,
    free: Vec<usize>,
}

/// A stream that is registered until it is dropped.
#[derive(Debug)]
pub(crate) struct Watched {
    socket: Socket,
    readiness: Arc<Readiness>,
    watch: Arc<Watch>,
    seat: usize,
}

/// What the poller said of a stream, and the task that waits for more.
#[derive(Debug)]
struct Readiness(Mutex<Said>);

#[derive(Debug)]
struct Said {
    /// Whether reading may give something.
    readable: bool,
    /// Whether the stream may take bytes.
    writable: bool,
    /// Whether nothing but the end follows what can be read.
    ending: bool,
    waker: Option<Waker>,
}

/// The token of the first stream. Those of a driver's own connections are below.
const FIRST: usize = 1 << (usize::BITS - 2);

impl Watch {
    pub(crate) fn new(registry: Registry) -> Self {
        Self { registry, seats: Mutex::default() }
    }

    /// Registers a stream.
    ///
    /// # Errors
    /// When the poller cannot watch it.
    pub(crate) fn watch(self: &Arc<Self>, socket: Socket) -> io::Result<Watched> {
        // Nothing is known of the stream: trying tells.
        let said = Said { readable: true, writable: true, ending: false, waker: None };
        let readiness = Arc::new(Readiness(Mutex::new(said)));
        let seat = self.seats().put(readiness.clone());
        let mut watched = Watched { socket, readiness, watch: self.clone(), seat };
        let both = Interest::READABLE | Interest::WRITABLE;
        self.registry.register(watched.socket.duplex(), Token(FIRST + seat), both)?;
        Ok(watched)
    }

    /// Takes note of what the poller found, and wakes the task that waits for it.
    pub(crate) fn note(&self, event: &Event) {
        let seat = event.token().0.checked_sub(FIRST);
        // A stream may have gone meanwhile. If another has its seat, one attempt of it is in vain.
        let readiness = seat.and_then(|seat| self.seats().taken.get(seat).cloned().flatten());
        if let Some(waker) = readiness.and_then(|readiness| readiness.note(event)) {
            waker.wake();
        }
    }

    fn seats(&self) -> MutexGuard<'_, Seats> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seats {
    fn put(&mut self, readiness: Arc<Readiness>) -> usize {
        let seat = self.free.pop().unwrap_or_else(|| {
            self.taken.push(None);
            self.taken.len() - 1
        });
        self.taken[seat] = Some(readiness);
        seat
    }
}

impl Watched {
    /// Waits until the stream is connected.
    pub(crate) fn poll_connected(&mut self, context: &Context<'_>) -> Poll<io::Result<()>> {
        let Self { socket, readiness, .. } = self;
        readiness.poll(context, Said::writable, || socket.connected().map(|()| ((), true)))
    }
}

impl Wire for Watched {
    fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let Self { socket, readiness, .. } = self;
        readiness.poll(context, Said::readable, || {
            let n = socket.duplex().read(buffer)?;
            Ok((n, !SHORT_IS_ALL || n == buffer.len()))
        })
    }

    fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let Self { socket, readiness, .. } = self;
        readiness.poll(context, Said::writable, || Ok((socket.write(slices)?, true)))
    }

    fn poll_close(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        // Closing the socket takes it from the poller.
        let mut seats = self.watch.seats();
        let left = seats.taken[self.seat].take();
        seats.free.push(self.seat);
        drop(seats);
        drop(left);
    }
}

impl Readiness {
    /// Does something with the stream as soon as that does not block. `act` says whether more may be done at once.
    fn poll<T>(
        &self,
        context: &Context<'_>,
        side: fn(&mut Said) -> &mut bool,
        mut act: impl FnMut() -> io::Result<(T, bool)>,
    ) -> Poll<io::Result<T>> {
        loop {
            // Given up before it is tried: what the poller says meanwhile stays.
            ready!(self.take(context, side));
            if let Poll::Ready(done) = attempt(&mut act) {
                let more = done.as_ref().map_or(true, |(_, more)| *more);
                let mut said = self.lock();
                let may = more || said.ending;
                *side(&mut said) |= may;
                return Poll::Ready(done.map(|(done, _)| done));
            }
        }
    }

    /// Takes the word of the poller that something may be done, or has the task woken once it says so.
    fn take(&self, context: &Context<'_>, side: fn(&mut Said) -> &mut bool) -> Poll<()> {
        let mut said = self.lock();
        if std::mem::take(side(&mut said)) {
            return Poll::Ready(());
        }
        match &mut said.waker {
            Some(waker) => waker.clone_from(context.waker()),
            waker => *waker = Some(context.waker().clone()),
        }
        Poll::Pending
    }

    /// Takes note of an event, and returns the task that waits for it.
    fn note(&self, event: &Event) -> Option<Waker> {
        let mut said = self.lock();
        said.ending |= event.is_read_closed() || event.is_error();
        said.readable |= event.is_readable() || said.ending;
        said.writable |= event.is_writable() || event.is_write_closed();
        said.waker.take()
    }

    fn lock(&self) -> MutexGuard<'_, Said> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Said {
    fn readable(&mut self) -> &mut bool {
        &mut self.readable
    }

    fn writable(&mut self) -> &mut bool {
        &mut self.writable
    }
}
