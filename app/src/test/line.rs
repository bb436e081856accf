//! One connection between a client and the server, without a network.

use std::future::Future;
use std::io::IoSlice;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread;

use super::clock::{Clock, Task};
use super::server::World;
use crate::serve::connection::Connection;

/// The client's hold on a connection; dropping it drops the connection.
pub(super) struct Line<E: End> {
    world: Rc<World>,
    end: Arc<Mutex<E>>,
    task: Task,
}

/// The client's end of a connection.
pub(super) trait End: Send + 'static {
    /// Takes bytes from the server.
    fn receive(&mut self, bytes: Vec<u8>);

    /// Returns what to do next; after bytes there may be more.
    fn next_output(&mut self) -> Output;

    /// Drops the connection without a close frame, once the bytes sent before have arrived.
    fn hang_up(&mut self);

    /// Takes note that the connection is over.
    fn end(&mut self);

    /// Calls handlers of the client, which may lock it; `waker` wakes the task that carries its bytes.
    fn run(_end: &Arc<Mutex<Self>>, _clock: &Arc<Clock>, _waker: &Waker) {}
}

/// The next step of a client.
#[derive(Clone, Debug)]
pub(super) enum Output {
    Bytes(Vec<u8>),
    HangUp,
    /// The client hangs up when the server rests.
    HangUpLast,
    Nothing,
}

impl<E: End> Line<E> {
    pub(super) fn new(world: Rc<World>, end: E, address: Option<SocketAddr>) -> Self {
        let end = Arc::new(Mutex::new(end));
        let connection = Connection::new(world.hub.clone(), address, None);
        let (clock, shared) = (world.clock.clone(), end.clone());
        let task = world.clock.start(Box::pin(Carry { connection, clock, end: shared }));
        Self { world, end, task }
    }

    /// Lets the server rest before the client looks.
    pub(super) fn look<R>(&self, act: impl FnOnce(&mut E) -> R) -> R {
        self.world.clock.settle();
        act(&mut lock(&self.end))
    }

    /// Lets the client act, and the server rest after it.
    pub(super) fn act<R>(&self, act: impl FnOnce(&mut E) -> R) -> R {
        let result = act(&mut lock(&self.end));
        self.world.clock.wake(self.task);
        self.world.clock.settle();
        result
    }
}

impl<E: End> Drop for Line<E> {
    fn drop(&mut self) {
        // A test that failed is not the place to run more of the application.
        if !thread::panicking() {
            self.act(E::hang_up);
        }
    }
}

/// Carries bytes between the two ends until one of them is done, as a binding does with a stream.
struct Carry<E> {
    connection: Connection,
    clock: Arc<Clock>,
    end: Arc<Mutex<E>>,
}

impl<E: End> Future for Carry<E> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let Self { connection, clock, end } = &mut *self;
        loop {
            deliver(connection, end);
            E::run(end, clock, context.waker());
            if connection.is_finished() {
                lock(end).end();
                E::run(end, clock, context.waker());
                return Poll::Ready(());
            }
            if !connection.wants_read() {
                if connection.poll_rung(context).is_pending() {
                    return Poll::Pending;
                }
                continue;
            }
            // Handlers run while the server reads, so the client is left alone meanwhile.
            let output = lock(end).next_output();
            match output {
                Output::Bytes(mut bytes) => connection.read(&mut bytes),
                Output::HangUp => {
                    connection.end();
                    lock(end).end();
                    E::run(end, clock, context.waker());
                    return Poll::Ready(());
                }
                Output::HangUpLast | Output::Nothing if connection.wants_look() => {
                    connection.quiet();
                }
                Output::HangUpLast if connection.poll_rung(context).is_pending() => {
                    connection.end();
                }
                Output::Nothing if connection.poll_rung(context).is_pending() => {
                    return Poll::Pending;
                }
                Output::HangUpLast | Output::Nothing => {}
            }
        }
    }
}

/// Hands the client everything the server has for it.
fn deliver<E: End>(connection: &mut Connection, end: &Mutex<E>) {
    loop {
        let mut slices = [IoSlice::new(&[]); 8];
        let filled = connection.poll_write(&mut slices);
        if filled == 0 {
            return;
        }
        let bytes = gathered(&slices[..filled]);
        connection.wrote(bytes.len());
        lock(end).receive(bytes);
    }
}

/// Copies slices into one buffer.
pub(super) fn gathered(slices: &[IoSlice<'_>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    slices.iter().for_each(|slice| bytes.extend_from_slice(slice));
    bytes
}

/// Locks a client's end.
pub(super) fn lock<E>(end: &Mutex<E>) -> MutexGuard<'_, E> {
    end.lock().unwrap_or_else(PoisonError::into_inner)
}
