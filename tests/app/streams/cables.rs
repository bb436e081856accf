//! Streams that a server opens to other nodes, whose far ends are in the hands of a test.

use sansocket_app::BoxFuture;
use sansocket_app::bind::{BoxWire, Carried, Carry, Dialed, Net, Runtime, Wire};
use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice, Read as _};
use std::mem;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use crate::streams::stage::Clock;

/// The streams that were opened and not looked at yet.
#[derive(Clone, Default)]
pub(crate) struct Cables(Arc<Mutex<VecDeque<Far>>>);

/// The far end of a stream.
pub(crate) struct Far {
    pub(crate) address: SocketAddr,
    pipe: Arc<Mutex<Pipe>>,
}

/// The end that the server has.
pub(crate) struct Near(Arc<Mutex<Pipe>>);

#[derive(Default)]
struct Pipe {
    out: Vec<u8>,
    back: VecDeque<u8>,
    /// How much more the far end takes, if that is bounded.
    window: Option<usize>,
    ended: bool,
    left: bool,
}

/// The network of a server.
pub(crate) struct Wires {
    clock: Clock,
    cables: Cables,
}

impl Cables {
    pub(crate) fn wires(&self, clock: Clock) -> Wires {
        Wires { clock, cables: self.clone() }
    }

    /// Takes the next stream that was opened.
    pub(crate) fn next(&self) -> Option<Far> {
        self.0.lock().unwrap().pop_front()
    }
}

impl Far {
    /// Takes what came.
    pub(crate) fn hear(&self) -> Vec<u8> {
        mem::take(&mut self.pipe.lock().unwrap().out)
    }

    /// Takes what came, as text.
    pub(crate) fn hear_text(&self) -> String {
        String::from_utf8_lossy(&self.hear()).into_owned()
    }

    pub(crate) fn say(&self, bytes: impl AsRef<[u8]>) {
        self.pipe.lock().unwrap().back.extend(bytes.as_ref());
    }

    /// Takes no more than so many bytes from now on; as many as there are with `None`.
    pub(crate) fn take_only(&self, window: Option<usize>) {
        self.pipe.lock().unwrap().window = window;
    }

    /// Ends the stream.
    pub(crate) fn end(&self) {
        self.pipe.lock().unwrap().ended = true;
    }

    /// Whether the server has closed its end.
    pub(crate) fn is_left(&self) -> bool {
        self.pipe.lock().unwrap().left
    }
}

impl Runtime for Wires {
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

impl Net for Wires {
    type Stream = Near;

    fn resolve(&self, _: &str, _: u16) -> BoxFuture<io::Result<Vec<SocketAddr>>> {
        Box::pin(async { Err(ErrorKind::Unsupported.into()) })
    }

    fn connect(&self, address: SocketAddr) -> BoxFuture<io::Result<Near>> {
        let pipe = Arc::<Mutex<Pipe>>::default();
        self.cables.0.lock().unwrap().push_back(Far { address, pipe: pipe.clone() });
        Box::pin(async move { Ok(Near(pipe)) })
    }

    fn connect_unix(&self, _: &Path) -> BoxFuture<io::Result<BoxWire>> {
        Box::pin(async { Err(ErrorKind::Unsupported.into()) })
    }

    fn carry<C: Carried + Send + 'static>(&self, carry: Carry<Dialed<Near>, C>) {
        self.clock.spawn(Box::pin(carry));
    }
}

impl Wire for Near {
    fn poll_read(&mut self, _: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut pipe = self.0.lock().unwrap();
        match pipe.back.is_empty() && !pipe.ended {
            true => Poll::Pending,
            false => Poll::Ready(pipe.back.read(buffer)),
        }
    }

    fn poll_write(
        &mut self,
        _: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut pipe = self.0.lock().unwrap();
        if pipe.window == Some(0) {
            return Poll::Pending;
        }
        let mut bytes: Vec<u8> = slices.iter().flat_map(|slice| slice.to_vec()).collect();
        if let Some(window) = &mut pipe.window {
            bytes.truncate(*window);
            *window -= bytes.len();
        }
        pipe.out.extend_from_slice(&bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_close(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Drop for Near {
    fn drop(&mut self) {
        self.0.lock().unwrap().left = true;
    }
}
