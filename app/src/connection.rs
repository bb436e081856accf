//! One byte stream between a binding and the shards: everything about a connection that is not a
//! socket.

use sansocket::{Conn, Decoder, Inbound, Link, Verdict};
use std::fmt;
use std::io::IoSlice;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use crate::hub::{Cell, Hub};
use crate::port::Port;

/// One byte stream of a [`Hub`].
///
/// A binding reads into a buffer and calls [`read`](Self::read), writes what
/// [`poll_write`](Self::poll_write) shows until it shows nothing, then waits for the stream or for
/// [`poll_rung`](Self::poll_rung). Dropping it tells the session that the stream is gone.
pub struct Connection {
    hub: Arc<Hub>,
    conn: Conn,
    port: Arc<Port>,
    peer: Option<SocketAddr>,
    /// The shard that owns what is attached now, or where new sessions start.
    shard: u16,
    /// Whether the shard may hold more than was taken at the last look.
    more: bool,
    /// Whether handlers must catch up before more is read.
    behind: bool,
}

impl Connection {
    /// Makes the connection of a stream that was just accepted.
    #[must_use]
    pub fn new(hub: Arc<Hub>, peer: Option<SocketAddr>) -> Self {
        let conn = Conn::new(hub.limits().clone());
        let shard = hub.next_home();
        Self { hub, conn, port: Arc::new(Port::default()), peer, shard, more: false, behind: false }
    }

    /// Takes bytes the stream delivered; handlers run inside.
    pub fn read(&mut self, bytes: &mut [u8]) {
        self.port.enter();
        self.receive(bytes);
        self.behind = self.hub.is_behind(self.shard, &self.port);
    }

    fn receive(&mut self, bytes: &mut [u8]) {
        let now = self.hub.runtime().now();
        let Self { hub, conn, port, peer, shard, .. } = self;
        let mut decoder = conn.decode(bytes);
        loop {
            if let Some(link) = decoder.link() {
                // All messages of one read under one lock.
                if hub.turn(*shard, |cell| serve(cell, &mut decoder, link, now)) {
                    continue;
                }
                return;
            }
            match decoder.poll() {
                Ok(Some(Inbound::Request(mut request))) => {
                    request.peer = *peer;
                    *shard = hub.shard_of(&request, *shard);
                    let verdict = hub.turn(*shard, |cell| {
                        let verdict = cell.server.handle_request(now, request);
                        if let Some(link) = link_of(&verdict) {
                            cell.bind(link, port);
                        }
                        verdict
                    });
                    if matches!(verdict, Verdict::Pass) {
                        let response = hub.fallback(&request);
                        decoder.apply(Verdict::Respond(response));
                    } else {
                        decoder.apply(verdict);
                    }
                }
                Ok(Some(_)) => {}
                Ok(None) => return,
                Err(violation) => return decoder.reject(violation),
            }
        }
    }

    /// Fills `slices` with what should be written next and returns how many it filled.
    pub fn poll_write<'a>(&'a mut self, slices: &mut [IoSlice<'a>]) -> usize {
        self.pull();
        self.conn.poll_write(slices)
    }

    /// Accounts for `n` bytes taken by the stream.
    pub fn wrote(&mut self, n: usize) {
        self.conn.wrote(n);
    }

    /// Waits until there may be something to write again.
    pub fn poll_rung(&self, context: &Context<'_>) -> Poll<()> {
        self.port.poll_rung(context)
    }

    /// Whether the stream should be read.
    #[must_use]
    pub fn wants_read(&self) -> bool {
        !self.behind && self.conn.wants_read()
    }

    /// Whether the stream should be closed now.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.conn.is_finished()
    }

    /// Whether only the peer's farewell is awaited: give it some seconds, then close the stream.
    #[must_use]
    pub fn is_closing(&self) -> bool {
        self.conn.is_closing()
    }

    /// Takes note that the stream ended.
    pub fn end(&mut self) {
        if let Some(link) = self.conn.link() {
            let now = self.hub.runtime().now();
            self.hub.turn(self.shard, |cell| {
                cell.server.handle_closed(now, link);
                cell.unbind(link);
            });
        }
    }

    /// Moves what the shard has for this connection to the stream's gather list.
    fn pull(&mut self) {
        loop {
            let rung = self.port.answer();
            if rung && self.behind {
                self.behind = self.hub.is_behind(self.shard, &self.port);
            }
            if !rung && !self.more {
                return;
            }
            let Some(link) = self.conn.link() else {
                self.more = false;
                continue;
            };
            let conn = &mut self.conn;
            self.more = self.hub.with_cell(self.shard, |cell| {
                let more = conn.pull(&mut cell.server);
                if conn.link() != Some(link) {
                    cell.unbind(link);
                }
                more
            });
            if self.more {
                return;
            }
            // A request that waited behind the one just answered.
            while self.conn.wants_decode() {
                self.read(&mut []);
            }
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(link) = self.conn.link() {
            let now = self.hub.runtime().now();
            self.hub.with_cell(self.shard, |cell| {
                cell.server.handle_closed(now, link);
                cell.unbind(link);
            });
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("peer", &self.peer).finish_non_exhaustive()
    }
}

/// Hands messages of one attachment over until the input is used up (`false`) or the attachment is
/// another one (`true`).
fn serve(cell: &mut Cell, decoder: &mut Decoder<'_, '_>, link: Link, now: Instant) -> bool {
    loop {
        match decoder.poll() {
            Ok(Some(item)) => {
                let verdict = cell.server.handle(now, Some(link), item);
                decoder.apply(verdict);
                if decoder.link() != Some(link) {
                    cell.unbind(link);
                    return true;
                }
            }
            Ok(None) => return false,
            Err(violation) => {
                decoder.reject(violation);
                cell.server.handle_violation(now, link, violation);
                cell.unbind(link);
                return false;
            }
        }
    }
}

fn link_of(verdict: &Verdict) -> Option<Link> {
    match verdict {
        Verdict::Hold(link) | Verdict::Body { link, .. } | Verdict::Upgrade { link, .. } => {
            Some(*link)
        }
        Verdict::Continue | Verdict::Pass | Verdict::Respond(_) => None,
    }
}
