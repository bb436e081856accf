//! One listener on its thread.

use mio::event::Source;
use mio::net::TcpListener;
#[cfg(unix)]
use mio::net::UnixListener;
use sansocket_app::Listener;
use sansocket_app::bind::{Door, Hub, Inner, pause_after};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use crate::carry::{self, Arrival};
use crate::post::{Post, Stage};

/// Accepts connections and hands them to the drivers in turn.
#[derive(Debug)]
pub(crate) struct Acceptor {
    socket: Socket,
    door: Door,
    drivers: Arc<Drivers>,
    turn: Turn,
}

/// The threads that carry connections.
#[derive(Debug)]
pub(crate) struct Drivers {
    posts: Vec<Arc<Post>>,
    next: AtomicUsize,
}

/// When to accept again.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Turn {
    At(Instant),
    Now,
    /// Once a client comes.
    Rest,
}

#[derive(Debug)]
enum Socket {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(UnixListener),
}

/// Connections accepted before other work gets its turn.
const BATCH: usize = 64;

/// Connections that came together and go to one driver, which serves them in order.
const TOGETHER: usize = 8;

impl Acceptor {
    pub(crate) fn new(listener: Listener, hub: &Arc<Hub>, drivers: &Arc<Drivers>) -> Self {
        let (inner, door) = Door::new(hub.clone(), listener);
        let socket = match inner {
            Inner::Tcp(listener) => Socket::Tcp(TcpListener::from_std(listener)),
            #[cfg(unix)]
            Inner::Unix(listener) => Socket::Unix(UnixListener::from_std(listener)),
        };
        Self { socket, door, drivers: drivers.clone(), turn: Turn::Now }
    }

    /// What a poller knows the listener by.
    pub(crate) fn source(&mut self) -> &mut dyn Source {
        match &mut self.socket {
            Socket::Tcp(listener) => listener,
            #[cfg(unix)]
            Socket::Unix(listener) => listener,
        }
    }

    /// When to accept again.
    pub(crate) fn turn(&self) -> Turn {
        self.turn
    }

    /// A client came. A pause goes on nevertheless.
    pub(crate) fn note(&mut self) {
        if let Turn::Rest = self.turn {
            self.turn = Turn::Now;
        }
    }

    /// Accepts the clients that wait, when its turn has come.
    pub(crate) fn accept(&mut self) {
        match self.turn {
            Turn::Rest => return,
            Turn::At(due) if Instant::now() < due => return,
            Turn::At(_) | Turn::Now => {}
        }
        self.turn = Turn::Now;
        let mut driver = None;
        for at in 0..BATCH {
            match self.socket.accept() {
                Ok((stream, peer)) => {
                    let connection = self.door.connection(peer);
                    driver = driver.filter(|_| at % TOGETHER != 0);
                    let driver = driver.get_or_insert_with(|| self.drivers.next());
                    driver.seat(Arrival::Accepted(stream, connection));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.turn = Turn::Rest;
                    return;
                }
                Err(error) => {
                    if let Some(pause) = pause_after(&error) {
                        self.turn = Turn::At(Instant::now() + pause);
                        return;
                    }
                }
            }
        }
    }
}

impl Drivers {
    pub(crate) fn new(posts: Vec<Arc<Post>>) -> Self {
        Self { posts, next: AtomicUsize::new(0) }
    }

    /// Says to all how far the end has come.
    pub(crate) fn advance(&self, stage: Stage) {
        self.posts.iter().for_each(|post| post.advance(stage));
    }

    fn next(&self) -> &Post {
        &self.posts[self.next.fetch_add(1, Ordering::Relaxed) % self.posts.len()]
    }
}

impl Socket {
    fn accept(&self) -> io::Result<(carry::Socket, Option<SocketAddr>)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, peer) = listener.accept()?;
                // Latency matters more than the number of packets; a failure only costs that.
                let _ = stream.set_nodelay(true);
                Ok((carry::Socket::Tcp(stream), Some(peer)))
            }
            #[cfg(unix)]
            Self::Unix(listener) => {
                let (stream, _) = listener.accept()?;
                Ok((carry::Socket::Unix(stream), None))
            }
        }
    }
}
