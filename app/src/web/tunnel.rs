//! Tunnels: WebSockets of clients whose sessions other nodes have. Bytes pass both ways as they are.

use atomic_waker::AtomicWaker;
use bytes::Bytes;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use crate::shards::port::Port;
use crate::web::nodes::Unanswered;

/// The end of a tunnel at the client.
pub(crate) struct ClientEnd(Arc<Tunnel>);

/// The end of a tunnel at the node that has the session.
pub(crate) struct NodeEnd(Arc<Tunnel>);

/// A place for a tunnel, of which there are so many as a server may have sessions.
pub(crate) type Place = Arc<()>;

struct Tunnel {
    between: Mutex<Between>,
    /// Rings the connection of the client.
    client: Arc<Port>,
    /// Wakes the stream to the node.
    node: AtomicWaker,
    /// Whether something changed since the stream to the node looked.
    rung: AtomicBool,
    _place: Place,
}

/// What is between both ends.
#[derive(Default)]
struct Between {
    answer: Option<Answer>,
    /// Bytes for the node and bytes for the client. Bounded by [`ROOM`] and one read more.
    to_node: Vec<u8>,
    to_client: Vec<u8>,
    client: Side,
    node: Side,
}

/// Whether an end goes on.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Side {
    #[default]
    Open,
    Gone,
}

/// What becomes of the request for a WebSocket.
pub(crate) enum Answer {
    /// The node accepted it with this head, and bytes pass.
    Open(http::Response<()>),
    /// The node refused it.
    Refused(http::Response<Bytes>),
    /// The node did not answer.
    Failed(Unanswered),
}

/// What an end has to write.
pub(crate) enum Passing {
    Bytes(Bytes),
    /// Nothing so far.
    Nothing,
    /// Nothing any more.
    End,
}

/// Whether an end may read on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Room {
    Left,
    /// Not before the other end took what waits.
    Full,
}

/// Bytes that wait in one direction before no more are read.
const ROOM: usize = 16 * 1024;

/// Makes a tunnel for the connection that has `port`.
pub(crate) fn tunnel(port: Arc<Port>, place: Place) -> (ClientEnd, NodeEnd) {
    let tunnel = Arc::new(Tunnel {
        between: Mutex::default(),
        client: port,
        node: AtomicWaker::new(),
        rung: AtomicBool::new(false),
        _place: place,
    });
    (ClientEnd(tunnel.clone()), NodeEnd(tunnel))
}

impl ClientEnd {
    /// Takes the answer to the request, when it is here.
    pub(crate) fn answer(&self) -> Option<Answer> {
        let mut between = self.0.lock();
        let lost = || Answer::Failed(Unanswered("the stream was given up".to_owned()));
        between.answer.take().or_else(|| (between.node == Side::Gone).then(lost))
    }

    /// Hands over bytes of the client, and says whether it may send more.
    pub(crate) fn push(&self, bytes: &[u8]) -> Room {
        let room = {
            let mut between = self.0.lock();
            between.to_node.extend_from_slice(bytes);
            room(&between.to_node)
        };
        self.0.ring_node();
        room
    }

    /// Whether the client may send more.
    pub(crate) fn room(&self) -> Room {
        room(&self.0.lock().to_node)
    }

    /// Takes bytes of the node.
    pub(crate) fn take(&self) -> Passing {
        let mut between = self.0.lock();
        let bytes = std::mem::take(&mut between.to_client);
        let node = between.node;
        drop(between);
        if room(&bytes) == Room::Full {
            self.0.ring_node();
        }
        passing(bytes, node)
    }
}

impl NodeEnd {
    /// Answers the request.
    pub(crate) fn answer(&self, answer: Answer) {
        self.0.lock().answer = Some(answer);
        self.0.ring_client();
    }

    /// Hands over bytes of the node.
    pub(crate) fn push(&self, bytes: &[u8]) {
        self.0.lock().to_client.extend_from_slice(bytes);
        self.0.ring_client();
    }

    /// Whether the node may send more.
    pub(crate) fn room(&self) -> Room {
        room(&self.0.lock().to_client)
    }

    /// Takes bytes of the client.
    pub(crate) fn take(&self) -> Passing {
        let mut between = self.0.lock();
        let bytes = std::mem::take(&mut between.to_node);
        let client = between.client;
        drop(between);
        if room(&bytes) == Room::Full {
            self.0.client.call();
        }
        passing(bytes, client)
    }

    /// Whether the client is gone.
    pub(crate) fn is_left(&self) -> bool {
        self.0.lock().client == Side::Gone
    }

    /// Waits until the other end did something.
    pub(crate) fn poll_rung(&self, context: &Context<'_>) -> Poll<()> {
        self.0.node.register(context.waker());
        match self.0.rung.swap(false, Ordering::AcqRel) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }
}

impl Tunnel {
    fn ring_node(&self) {
        self.rung.store(true, Ordering::Release);
        self.node.wake();
    }

    fn ring_client(&self) {
        if self.client.ring() {
            self.client.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Between> {
        self.between.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ClientEnd {
    fn drop(&mut self) {
        self.0.lock().client = Side::Gone;
        self.0.ring_node();
    }
}

impl Drop for NodeEnd {
    fn drop(&mut self) {
        self.0.lock().node = Side::Gone;
        self.0.ring_client();
    }
}

impl fmt::Debug for ClientEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientEnd").finish_non_exhaustive()
    }
}

fn passing(bytes: Vec<u8>, other: Side) -> Passing {
    match (bytes.is_empty(), other) {
        (false, _) => Passing::Bytes(bytes.into()),
        (true, Side::Open) => Passing::Nothing,
        (true, Side::Gone) => Passing::End,
    }
}

fn room(bytes: &[u8]) -> Room {
    if bytes.len() < ROOM { Room::Left } else { Room::Full }
}
