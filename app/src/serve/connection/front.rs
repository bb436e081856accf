//! The part of a connection that only requests need, and the way of requests that are not for Socket.IO.

use sansocket::{Awaits, Caller, Decoder, Request, RequestContext, Transmit, Verdict, Violation};
use std::net::SocketAddr;
use std::sync::Arc;

use super::Connection;
use crate::hub::hub::Hub;
use crate::serve::date;
use crate::serve::exchange::{Answered, Exchange};
use crate::serve::webtransport::Connect;
use crate::shards::port::Port;
use crate::web::tunnel::{ClientEnd, Passing, Room};

/// What only requests need.
#[derive(Debug)]
pub(super) struct Front {
    peer: Option<SocketAddr>,
    /// The plain HTTP request at hand, or the tunnel that it became.
    exchange: Option<Exchange>,
    /// The request that a WebTransport stream belongs to.
    connect: Option<Connect>,
}

impl Front {
    pub(super) fn new(peer: Option<SocketAddr>) -> Self {
        Self { peer, exchange: None, connect: None }
    }

    pub(super) fn webtransport(connect: Connect) -> Self {
        Self { peer: None, exchange: None, connect: Some(connect) }
    }

    pub(super) fn tunnel(exchange: Exchange) -> Self {
        Self { peer: None, exchange: Some(exchange), connect: None }
    }

    /// The request that the stream belongs to, if it is one of WebTransport.
    pub(super) fn connect(&self) -> Option<&Connect> {
        self.connect.as_ref()
    }

    /// The address of the other end, if it has one.
    pub(super) fn peer(&self) -> Option<SocketAddr> {
        self.peer
    }

    /// Begins to answer a plain HTTP request.
    #[cold]
    pub(super) fn begin(&mut self, hub: &Hub, request: &Request<'_>, caller: Caller) -> Verdict {
        let (verdict, exchange) = Exchange::begin(hub, request, caller);
        self.exchange = exchange;
        verdict
    }

    /// Begins to have another node answer a request.
    #[cold]
    pub(super) fn forward(
        &mut self,
        hub: &Hub,
        port: &Arc<Port>,
        request: &Request<'_>,
        to: (Caller, SocketAddr),
    ) -> Verdict {
        let (verdict, exchange) = Exchange::forward(hub, port, request, to);
        self.exchange = exchange;
        verdict
    }

    /// Whether another node answers the request at hand.
    pub(super) fn forwards(&self) -> bool {
        self.exchange.as_ref().is_some_and(Exchange::is_forwarded)
    }

    /// The end of the tunnel that leads to another node, if there is one.
    pub(super) fn end(&self) -> Option<&ClientEnd> {
        self.exchange.as_ref().and_then(Exchange::tunnel)
    }

    /// Hands bytes to the node at the other end of the tunnel, and says whether more may come.
    pub(super) fn pass(&self, bytes: &[u8]) -> Room {
        self.end().map_or(Room::Left, |end| end.push(bytes))
    }

    /// Hands the body of a plain HTTP request to the application.
    #[cold]
    pub(super) fn ask(&mut self, hub: &Hub, port: &Arc<Port>, body: &[u8]) -> Verdict {
        match &mut self.exchange {
            Some(exchange) => exchange.ask(hub, port, body),
            None => Verdict::Pass,
        }
    }
}

impl Connection {
    /// Moves more of a file to the stream's gather list.
    #[cold]
    pub(super) fn send_file(&mut self) {
        let Some(front) = &mut self.front else { return };
        while self.conn.wants_body() {
            match front.exchange.as_mut().and_then(Exchange::piece) {
                Some(piece) => self.conn.push_body(&piece),
                None => self.conn.abort(),
            }
        }
        if self.conn.awaits() != Awaits::Room {
            front.exchange = None;
            self.go_on();
        }
    }

    /// Takes the answer to a plain HTTP request, and says whether it was there.
    pub(super) fn take_answer(&mut self) -> bool {
        let Some(front) = &mut self.front else { return false };
        match front.exchange.as_mut().and_then(|exchange| exchange.answer(&self.hub)) {
            None => return false,
            Some(Answered::Whole(response)) => {
                front.exchange = None;
                self.conn.push_dated(Transmit::Response(response), Some(date::now));
            }
            Some(Answered::Tunnel(response)) => {
                self.conn.begin_tunnel(&response, Some(date::now));
            }
        }
        true
    }

    /// Moves what came through a tunnel to the stream's gather list, and says whether more may have come.
    pub(super) fn pull_tunnel(&mut self) -> bool {
        let Some(end) = self.front.as_ref().and_then(|front| front.end()) else { return false };
        while self.conn.wants_bytes() {
            match end.take() {
                Passing::Bytes(bytes) => self.conn.push_bytes(&bytes),
                Passing::Nothing => return false,
                Passing::End => self.conn.end_tunnel(),
            }
        }
        !self.conn.is_flushed()
    }

    /// Whether the stream leads to another node.
    pub(super) fn is_tunnel(&self) -> bool {
        self.front.as_ref().is_some_and(|front| front.end().is_some())
    }

    /// Whether the other end of a tunnel has to take bytes before more are read.
    pub(super) fn is_stuffed(&self) -> bool {
        let end = self.front.as_ref().and_then(|front| front.end());
        end.is_some_and(|end| end.room() == Room::Full)
    }
}

/// Refuses a request that breaks a rule of HTTP.
#[cold]
pub(super) fn refuse(
    hub: &Hub,
    front: &mut Option<Box<Front>>,
    decoder: &mut Decoder<'_, '_>,
    violation: Violation,
) {
    let exchange = front.as_mut().and_then(|front| front.exchange.take());
    match exchange.and_then(|exchange| exchange.refuse(hub, violation)) {
        Some(response) => decoder.reject_as(violation, &response),
        // Outside of a turn: a function of the application may judge the page that asked.
        None => decoder.reject_with(violation, |response, request| {
            hub.app().config.dress(response, request, &RequestContext::default())
        }),
    }
}
