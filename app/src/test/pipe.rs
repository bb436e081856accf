//! Streams between clients and the server of a test, without a network.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice};
use std::net::SocketAddr;
#[cfg(unix)]
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use super::clock::Clock;
use crate::dial::net::Net;
#[cfg(unix)]
use crate::dial::stream::BoxWire;
use crate::dial::stream::Stream;
use crate::hub::hub::Hub;
use crate::runtime::{BoxFuture, Runtime};
use crate::serve::carry::{Carried, Carry, Wire};
use crate::serve::connection::Connection;

/// The network of a test: every name is that of its server.
pub(super) struct Pipes {
    clock: Arc<Clock>,
    hub: Weak<Hub>,
    cable: Arc<Mutex<Cable>>,
}

/// What lies between clients and the server, as a test can break it.
#[derive(Default)]
pub(super) struct Cable {
    state: Network,
    /// The streams, of which some may have ended.
    pipes: Vec<Weak<Mutex<Pipe>>>,
}

/// Whether clients reach the server of a test.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Network {
    /// Streams break, and no others can be opened.
    Down,
    /// As it should be.
    #[default]
    Up,
}

/// Both directions of a stream.
#[derive(Default)]
struct Pipe {
    ways: [Way; 2],
    torn: bool,
}

/// One direction of a stream.
#[derive(Default)]
struct Way {
    bytes: VecDeque<u8>,
    ended: bool,
    reader: Option<Waker>,
}

/// One end of a stream.
pub(super) struct PipeEnd {
    pipe: Arc<Mutex<Pipe>>,
    /// Which way it reads; it writes the other.
    reads: usize,
}

impl Pipes {
    pub(super) fn new(clock: Arc<Clock>, hub: &Arc<Hub>, cable: Arc<Mutex<Cable>>) -> Self {
        Self { clock, hub: Arc::downgrade(hub), cable }
    }
}

impl Cable {
    /// Breaks all streams, or lets others be opened again.
    pub(super) fn set(cable: &Mutex<Self>, state: Network) {
        let mut cable = lock(cable);
        cable.state = state;
        if state == Network::Up {
            return;
        }
        let pipes = std::mem::take(&mut cable.pipes);
        drop(cable);
        for pipe in pipes.iter().filter_map(Weak::upgrade) {
            let mut pipe = lock(&pipe);
            pipe.torn = true;
            let wakers: Vec<_> = pipe.ways.iter_mut().filter_map(|way| way.reader.take()).collect();
            drop(pipe);
            wakers.into_iter().for_each(Waker::wake);
        }
    }

    /// Makes a stream, and returns both ends.
    fn open(cable: &Mutex<Self>) -> io::Result<[PipeEnd; 2]> {
        let mut cable = lock(cable);
        if cable.state == Network::Down {
            return Err(ErrorKind::NetworkUnreachable.into());
        }
        let pipe = Arc::default();
        cable.pipes.retain(|pipe| pipe.strong_count() > 0);
        cable.pipes.push(Arc::downgrade(&pipe));
        Ok([0, 1].map(|reads| PipeEnd { pipe: pipe.clone(), reads }))
    }
}

impl Runtime for Pipes {
    fn now(&self) -> Instant {
        self.clock.now()
    }

    fn spawn(&self, task: BoxFuture<()>) {
        self.clock.spawn(task);
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<()> {
        self.clock.sleep(duration)
    }
}

impl Net for Pipes {
    type Stream = PipeEnd;

    fn resolve(&self, _: &str, port: u16) -> BoxFuture<io::Result<Vec<SocketAddr>>> {
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        Box::pin(async move { Ok(vec![address]) })
    }

    fn connect(&self, _: SocketAddr) -> BoxFuture<io::Result<PipeEnd>> {
        let opened = Cable::open(&self.cable).and_then(|[client, server]| {
            let hub = self.hub.upgrade().ok_or(ErrorKind::ConnectionRefused)?;
            let connection = Connection::new(hub, None, None);
            self.clock.spawn(Box::pin(Carry::new(server, connection)));
            Ok(client)
        });
        Box::pin(async move { opened })
    }

    #[cfg(unix)]
    fn connect_unix(&self, _: &Path) -> BoxFuture<io::Result<BoxWire>> {
        let opened = self.connect(SocketAddr::from(([127, 0, 0, 1], 80)));
        Box::pin(async move { Ok(Box::new(opened.await?) as BoxWire) })
    }

    fn carry<C: Carried + Send + 'static>(&self, carry: Carry<Stream<PipeEnd>, C>) {
        self.clock.spawn(Box::pin(carry));
    }
}

impl PipeEnd {
    /// Ends the way that this end writes.
    fn end(&self) {
        let mut pipe = lock(&self.pipe);
        let way = &mut pipe.ways[1 - self.reads];
        way.ended = true;
        let waker = way.reader.take();
        drop(pipe);
        waker.into_iter().for_each(Waker::wake);
    }
}

impl Wire for PipeEnd {
    fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut pipe = lock(&self.pipe);
        if pipe.torn {
            return Poll::Ready(Err(ErrorKind::ConnectionReset.into()));
        }
        let way = &mut pipe.ways[self.reads];
        if way.bytes.is_empty() && !way.ended {
            way.reader = Some(context.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(io::Read::read(&mut way.bytes, buffer))
    }

    fn poll_write(
        &mut self,
        _: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut pipe = lock(&self.pipe);
        if pipe.torn {
            return Poll::Ready(Err(ErrorKind::ConnectionReset.into()));
        }
        let way = &mut pipe.ways[1 - self.reads];
        slices.iter().for_each(|slice| way.bytes.extend(&**slice));
        let waker = way.reader.take();
        drop(pipe);
        waker.into_iter().for_each(Waker::wake);
        Poll::Ready(Ok(slices.iter().map(|slice| slice.len()).sum()))
    }

    fn poll_close(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.end();
        Poll::Ready(Ok(()))
    }
}

impl Drop for PipeEnd {
    fn drop(&mut self) {
        self.end();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
