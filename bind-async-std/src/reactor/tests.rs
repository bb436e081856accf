//! Sockets and events in any order, without a driver where one would interfere.

use mio::net::{TcpListener, TcpStream};
use std::io::{Read, Write};
use std::sync::mpsc;
use std::task::Wake;

use super::*;
use crate::executor::Executor;

const READ: u32 = Side::Read as u32;

#[test]
fn an_event_that_comes_while_a_socket_is_read_is_not_lost() {
    let readiness = readiness();
    let seen = wait(&readiness).expect("a new socket is tried");
    assert!(readiness.note(READ).is_none());
    readiness.clear(Side::Read, seen);
    assert!(wait(&readiness).is_some());
}

#[test]
fn a_socket_that_is_drained_waits_for_the_next_event() {
    let readiness = readiness();
    let seen = wait(&readiness).expect("a new socket is tried");
    readiness.clear(Side::Read, seen);
    assert_eq!(wait(&readiness), None);
    // The other side is not what the task waits for, but the task has to look.
    readiness.clear(Side::Write, readiness.state.load(Ordering::Acquire));
    assert!(readiness.note(Side::Write as u32).is_some());
    assert_eq!(wait(&readiness), None);
    assert!(readiness.note(READ).is_some());
    assert!(wait(&readiness).is_some());
}

#[test]
fn nobody_is_woken_for_what_is_known() {
    let readiness = readiness();
    readiness.waker.register(Waker::noop());
    assert!(readiness.note(READ).is_none());
    assert!(readiness.note(READ | ENDING).is_some());
}

#[test]
fn seats_are_taken_again_and_a_reactor_ends_with_its_sockets() {
    let reactor = reactor();
    let first = reactor.watch(listener()).unwrap();
    let second = reactor.watch(listener()).unwrap();
    drop(first);
    let third = reactor.watch(listener()).unwrap();
    assert_eq!((second.readiness.seat, third.readiness.seat), (1, 0));
    assert_eq!(reactor.seats().taken.len(), 2);
    let ended = Arc::downgrade(&reactor);
    drop((reactor, second));
    assert!(ended.upgrade().is_some());
    drop(third);
    assert!(ended.upgrade().is_none());
}

#[test]
fn bytes_wake_the_task_that_waits_for_them() {
    let reactor = Reactor::start(&Executor::default()).unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut peer = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let stream = listener.accept().unwrap().0;
    stream.set_nonblocking(true).unwrap();
    let mut stream = reactor.watch(TcpStream::from_std(stream)).unwrap();
    let (woken, wakes) = mpsc::channel();
    let waker = Waker::from(Arc::new(Bell(woken)));
    let context = Context::from_waker(&waker);
    for round in 0..3 {
        let mut read = || {
            stream.poll_with(&context, Side::Read, |stream| {
                let mut buffer = [0; 8];
                let n = stream.read(&mut buffer)?;
                Ok((buffer[..n].to_vec(), Left::Nothing))
            })
        };
        assert!(read().is_pending());
        peer.write_all(&[round]).unwrap();
        wakes.recv().unwrap();
        assert!(matches!(read(), Poll::Ready(Ok(bytes)) if bytes == [round]));
    }
}

struct Bell(mpsc::Sender<()>);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        let _ = self.0.send(());
    }
}

/// Waits for bytes.
fn wait(readiness: &Readiness) -> Option<u32> {
    match readiness.poll(&Context::from_waker(Waker::noop()), Side::Read) {
        Poll::Ready(seen) => Some(seen),
        Poll::Pending => None,
    }
}

fn readiness() -> Arc<Readiness> {
    let watched = reactor().watch(listener()).unwrap();
    watched.readiness.clone()
}

fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0".parse().unwrap()).unwrap()
}

/// A reactor without a driver.
fn reactor() -> Arc<Reactor> {
    let poller = Poller::new().unwrap();
    Arc::new(Reactor {
        registry: poller.registry().try_clone().unwrap(),
        end: mio::Waker::new(poller.registry(), END).unwrap(),
        seats: Mutex::default(),
    })
}
