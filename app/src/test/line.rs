//! One connection between a client and the server, without a network.

use std::future::Future;
use std::io::IoSlice;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};
use std::thread;

use super::clock::{Clock, Task};
use super::peer::{self, Called, Output, Peer};
use super::server::World;
use super::socket::TestSocket;
use crate::serve::connection::Connection;

/// The client's hold on a connection; dropping it drops the connection.
pub(super) struct Line {
    world: Rc<World>,
    peer: Arc<Mutex<Peer>>,
    task: Task,
}

impl Line {
    pub(super) fn new(world: Rc<World>, request: String, address: Option<SocketAddr>) -> Self {
        let peer = Arc::new(Peer::new(request));
        let connection = Connection::new(world.hub.clone(), address, None);
        let (clock, shared) = (world.clock.clone(), peer.clone());
        let task = world.clock.start(Box::pin(Carry { connection, clock, peer: shared }));
        Self { world, peer, task }
    }

    /// Lets the server rest before the client looks.
    pub(super) fn look<R>(&self, act: impl FnOnce(&mut Peer) -> R) -> R {
        self.world.clock.settle();
        act(&mut self.lock())
    }

    /// Lets the client act, and the server rest after it.
    pub(super) fn act<R>(&self, act: impl FnOnce(&mut Peer) -> R) -> R {
        let result = act(&mut self.lock());
        self.world.clock.wake(self.task);
        self.world.clock.settle();
        result
    }

    fn lock(&self) -> MutexGuard<'_, Peer> {
        peer::lock(&self.peer)
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        // A test that failed is not the place to run more of the application.
        if !thread::panicking() {
            self.act(Peer::hang_up);
        }
    }
}

/// Carries bytes between the two ends until one of them is done, as a binding does with a stream.
struct Carry {
    connection: Connection,
    clock: Arc<Clock>,
    peer: Arc<Mutex<Peer>>,
}

impl Future for Carry {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let Self { connection, clock, peer } = &mut *self;
        peer::lock(peer).waker = Some(context.waker().clone());
        loop {
            deliver(connection, peer);
            call_handlers(clock, peer);
            if connection.is_finished() {
                peer::lock(peer).end();
                return Poll::Ready(());
            }
            if !connection.wants_read() {
                if connection.poll_rung(context).is_pending() {
                    return Poll::Pending;
                }
                continue;
            }
            // Handlers run while the server reads, so the client is left alone meanwhile.
            let output = peer::lock(peer).next_output();
            match output {
                Output::Bytes(mut bytes) => connection.read(&mut bytes),
                Output::HangUp => {
                    connection.end();
                    peer::lock(peer).end();
                    return Poll::Ready(());
                }
                Output::Nothing if connection.wants_look() => connection.quiet(),
                Output::Nothing if connection.poll_rung(context).is_pending() => {
                    return Poll::Pending;
                }
                Output::Nothing => {}
            }
        }
    }
}

/// Calls the handlers of the client for what arrived, with its lock released: they may use it.
fn call_handlers(clock: &Clock, peer: &Arc<Mutex<Peer>>) {
    loop {
        let call = peer::lock(peer).next_call();
        let Some(Called { namespace, handler, arrival }) = call else { return };
        TestSocket::new(peer.clone(), namespace).call(clock, &handler, arrival);
    }
}

/// Hands the client everything the server has for it.
fn deliver(connection: &mut Connection, peer: &Mutex<Peer>) {
    loop {
        let mut slices = [IoSlice::new(&[]); 8];
        let filled = connection.poll_write(&mut slices);
        if filled == 0 {
            return;
        }
        let mut peer = peer::lock(peer);
        for slice in &slices[..filled] {
            peer.receive(slice);
        }
        let n = slices[..filled].iter().map(|slice| slice.len()).sum();
        connection.wrote(n);
    }
}
