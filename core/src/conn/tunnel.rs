//! The stage of bytes that pass as they are: a WebSocket whose ends are elsewhere.

use bytes::Bytes;

use super::conn::{Clock, Conn};
use super::decode::{Decoder, Item};
use super::mode::Mode;
use super::serve::Serve;
use crate::http::Response;
use crate::http::head::Persistence;

impl Conn {
    /// Answers the request at hand with `response`, a 101, and passes bytes from then on: those that come are
    /// [`Inbound::Bytes`](crate::Inbound::Bytes), and those that leave are [pushed](Self::push_bytes).
    ///
    /// Without a request that waits for its answer, as in a stream that a host upgraded, use
    /// [`tunnel`](Self::tunnel).
    pub fn begin_tunnel(&mut self, response: &Response, clock: Option<Clock>) {
        if let Mode::Serve(Serve::Asked { .. } | Serve::Busy { .. }) = self.mode {
            self.out.push_head(response, Persistence::Keep, clock.map(|clock| clock()));
            self.link = None;
            self.mode = Mode::Tunnel;
        }
    }

    /// Queues bytes to pass. Before a tunnel has begun, and after it ended, they go nowhere.
    pub fn push_bytes(&mut self, bytes: &Bytes) {
        if let Mode::Tunnel = self.mode {
            self.out.push_bytes(bytes);
        }
    }

    /// Whether more bytes should be [pushed](Self::push_bytes): a tunnel has begun, and little waits to be written.
    #[must_use]
    pub fn wants_bytes(&self) -> bool {
        matches!(self.mode, Mode::Tunnel) && self.out.bytes() < self.limits.low_water
    }

    /// Ends a tunnel: nothing more comes to be written, and nothing is read.
    pub fn end_tunnel(&mut self) {
        if let Mode::Tunnel = self.mode {
            self.finish();
        }
    }
}

impl Decoder<'_, '_> {
    /// All bytes that came.
    pub(super) fn pass(&mut self) -> Option<Item> {
        let (at, end) = (self.at, self.input.bytes().len());
        self.at = end;
        (at < end).then_some(Item::Bytes(at..end))
    }
}
