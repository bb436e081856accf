//! How sessions open, and move to WebSocket.

use std::sync::Arc;

use crate::config::Layer;
use crate::config::origin::Access;
use crate::context::RequestContext;
use crate::deflate::agreed::Agreed;
use crate::engine::heartbeat::Heartbeat;
use crate::engine::outbox::Outbox;
use crate::engine::terms::{Revision, Terms};
use crate::http::Request;
use crate::key::{self, Id, Secret};
use crate::link::{Link, Transmit};
use crate::server::door::handshake::Handshake;
use crate::server::door::refusal::Refusal;
use crate::server::outputs::Outputs;
use crate::server::sessions::deadline::Due;
use crate::server::sessions::session::Session;
use crate::server::sessions::sessions::Sessions;
use crate::server::sessions::strangers::Source;
use crate::server::sessions::transport::{OnProbe, Transport};
use crate::server::{Event, NONE};
use crate::socket::encoded::Packet;
use crate::time::Tick;
use crate::ws::CloseCode;

impl Sessions {
    /// Opens a session on polling and returns its slot.
    pub(in crate::server) fn open(
        &mut self,
        now: Tick,
        (request, context): (&Request<'_>, &RequestContext<'_>),
        (access, terms): (Access<'_>, Terms),
        outputs: &mut Outputs,
    ) -> u32 {
        let source = Source::of(context.caller.peer);
        let secret = Secret(self.rng.bytes());
        let keep = &self.config.keep_headers;
        let handshake = Arc::new(Handshake::of((request, context), keep, &mut self.scratch));
        self.budget.heads += handshake.bytes_held();
        let mut origin = None;
        access.remember(&mut origin);
        let (timers, strangers) = (&mut self.timers, &mut self.strangers);
        let (layer, monitored) = (self.config.layer, self.config.monitor_clients);
        let key = self.table.insert(|key| Session {
            secret,
            terms,
            contexts: 0,
            joined: 0,
            introduced: false,
            congested: false,
            transport: Transport::Polling { get: None, post: None },
            outbox: Outbox::new(),
            beat: match terms.revision {
                Revision::V3(_) if !monitored => Heartbeat::listen(Tick::NEVER),
                Revision::V3(_) => Heartbeat::listen(timers.arm(Due::Silence, now, key.slot)),
                Revision::V4 => Heartbeat::start(timers.arm(Due::Ping, now, key.slot)),
            },
            aside_due: Tick::NEVER,
            clients: NONE,
            place: match layer {
                Layer::SocketIo => {
                    strangers.enter(source, key.slot, timers.arm(Due::Connect, now, key.slot))
                }
                Layer::EngineIo => NONE,
            },
            partial: None,
            origin,
            handshake: handshake.clone(),
        });
        if layer == Layer::EngineIo {
            outputs.tell(Event::Opened { session: key::Session(key), handshake });
        }
        self.compact_timers();
        key.slot
    }

    /// Takes note of what is agreed on for the WebSocket of a session.
    pub(in crate::server) fn agree(&mut self, slot: u32, agreed: Option<&Agreed>) {
        let Some(session) = self.table.at_mut(slot) else { return };
        self.budget.contexts -= session.context_bytes();
        session.agree(agreed);
        self.budget.contexts += session.context_bytes();
    }

    /// Lets the clients of a fresh session share an id.
    pub(in crate::server) fn share_id(&mut self, slot: u32, id: Id) {
        if let Some(session) = self.at_mut(slot) {
            session.secret = Secret(id.to_bytes());
        }
    }

    /// Makes a fresh session start on WebSocket.
    pub(in crate::server) fn open_websocket(&mut self, slot: u32) -> Link {
        let ws = self.attach(slot);
        if let Some(session) = self.at_mut(slot) {
            session.transport = Transport::WebSocket { ws };
        }
        let open = self.open_packet(slot);
        self.push(slot, Packet::engine(open.as_bytes()));
        ws
    }

    /// The OPEN packet of a session.
    pub(in crate::server) fn open_packet(&self, slot: u32) -> String {
        let Some(session) = self.at(slot) else { return String::new() };
        let transports = self.config.transports;
        let upgrades = transports.upgrades && !session.transport.is_websocket();
        self.open.packet(|out| self.put_sid(slot, session, out), upgrades)
    }

    /// The session need not join a namespace any more.
    pub(in crate::server) fn introduce(&mut self, slot: u32) {
        if let Some(session) = self.table.at_mut(slot)
            && session.is_stranger()
        {
            self.strangers.leave(std::mem::replace(&mut session.place, NONE));
        }
    }

    /// Tries a WebSocket for a polling session. A second one is accepted and closed at once, since
    /// clients expect that.
    pub(in crate::server) fn probe(&mut self, now: Tick, slot: u32) -> Link {
        let link = self.attach(slot);
        if let Some(session) = self.table.at_mut(slot) {
            let (transport, outcome) = session.transport.on_websocket(link);
            session.transport = transport;
            match outcome {
                OnProbe::Started => {
                    session.aside_due = self.timers.arm(Due::Upgrade, now, slot);
                }
                OnProbe::Spare => self.farewell(link, Transmit::Close(CloseCode::NORMAL)),
            }
        }
        self.compact_timers();
        link
    }

    /// Ends a probe; the session goes on polling.
    pub(super) fn give_up_probe(&mut self, slot: u32) {
        let Some(session) = self.table.at_mut(slot) else { return };
        let (transport, ws) = session.transport.on_probe_failed();
        let Some(ws) = ws else { return };
        session.transport = transport;
        session.aside_due = Tick::NEVER;
        self.farewell(ws, Transmit::Close(CloseCode::NORMAL));
        self.resume_delivery(slot);
    }

    /// Lets what waited for the end of a probe leave.
    pub(super) fn resume_delivery(&mut self, slot: u32) {
        let Some(session) = self.table.at(slot) else { return };
        if let Some(link) = session.transport.carrier().filter(|_| !session.outbox.is_empty()) {
            self.mark_ready(link);
        }
    }

    /// Moves a session to its WebSocket; says whether it was the time for it.
    pub(super) fn upgrade(&mut self, slot: u32) -> bool {
        let Some(session) = self.table.at_mut(slot) else { return false };
        let Some((transport, [poll, post])) = session.transport.on_upgrade() else { return false };
        session.transport = transport;
        session.aside_due = Tick::NEVER;
        session.unmark(&mut self.pool, &mut self.forms);
        let origin = session.origin.clone();
        if let Some(poll) = poll {
            self.turn_away(poll, Refusal::SessionTransport, origin.as_deref());
        }
        if let Some(post) = post {
            self.turn_away(post, Refusal::Ended, origin.as_deref());
        }
        self.resume_delivery(slot);
        true
    }
}
