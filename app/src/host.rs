//! The way in for hosts that parse HTTP themselves, such as a service in front of an axum router.

use sansocket::{Link, Request, Response, Transmit, Verdict};
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::connection::Connection;
use crate::hub::Hub;
use crate::port::Port;

/// What becomes of a request that a host parsed.
#[derive(Debug)]
pub enum Outcome {
    /// Its body is needed, at most so many bytes; a longer one is a 413. Then call
    /// [`Attachment::body`].
    Body(Attachment, usize),
    /// It is answered later: see [`Attachment::poll_response`].
    Hold(Attachment),
    /// It is not for Socket.IO.
    Pass,
    /// It is answered.
    Respond(Response),
    /// It becomes a WebSocket once this answer was sent: let the connection carry the stream.
    Upgrade(Response, Box<Connection>),
}

/// A request under way. Dropping it tells the session that the client gave up.
pub struct Attachment {
    hub: Arc<Hub>,
    shard: u16,
    link: Link,
    port: Arc<Port>,
}

impl Hub {
    /// Takes a request that a host parsed; its methods [`Other`](sansocket::Method) included.
    #[must_use]
    pub fn handle_request(&self, request: Request<'_>) -> Outcome {
        let port: Arc<Port> = Arc::default();
        let shard = self.shard_of(&request, self.next_home());
        let verdict = self.request(shard, &port, self.runtime().now(), request);
        outcome(self.shared(), (shard, port), verdict)
    }
}

fn outcome(hub: Arc<Hub>, (shard, port): (u16, Arc<Port>), verdict: Verdict) -> Outcome {
    match verdict {
        Verdict::Continue | Verdict::Pass => Outcome::Pass,
        Verdict::Respond(response) => Outcome::Respond(response),
        Verdict::Hold(link) => Outcome::Hold(Attachment { hub, shard, link, port }),
        Verdict::Body { link, limit } => {
            Outcome::Body(Attachment { hub, shard, link, port }, limit)
        }
        Verdict::Upgrade { link, response } => {
            let connection = Connection::upgraded(hub, link, port, shard);
            Outcome::Upgrade(response, Box::new(connection))
        }
    }
}

impl Attachment {
    /// Hands over the whole body; handlers run inside.
    #[must_use]
    pub fn body(self, body: &[u8]) -> Outcome {
        let now = self.hub.runtime().now();
        let link = self.link;
        let verdict = self.hub.turn(self.shard, |cell| {
            let verdict = cell.server.handle_body(now, link, body);
            cell.unbind(link);
            verdict
        });
        outcome(self.hub.clone(), (self.shard, self.port.clone()), verdict)
    }

    /// Waits for the answer of a request that is held.
    pub fn poll_response(&mut self, context: &Context<'_>) -> Poll<Response> {
        loop {
            let pulled = self.hub.with_cell(self.shard, |cell| {
                let transmit = cell.server.poll_transmit(self.link);
                if let Some(Transmit::Response(_)) = transmit {
                    cell.unbind(self.link);
                }
                transmit
            });
            if let Some(Transmit::Response(response)) = pulled {
                return Poll::Ready(response);
            }
            if self.port.poll_rung(context).is_pending() {
                return Poll::Pending;
            }
            self.port.answer();
        }
    }
}

impl Drop for Attachment {
    fn drop(&mut self) {
        // Nothing is left to close once it was answered.
        let now = self.hub.runtime().now();
        self.hub.with_cell(self.shard, |cell| {
            cell.server.handle_closed(now, self.link);
            cell.unbind(self.link);
        });
    }
}

impl fmt::Debug for Attachment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attachment").field("link", &self.link).finish_non_exhaustive()
    }
}
