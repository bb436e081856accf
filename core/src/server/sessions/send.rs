//! Sending to sessions, and what becomes of those that read too slowly.

use crate::config::SlowClient;
use crate::error::{Reason, Refused};
use crate::key;
use crate::link::Message;
use crate::server::outputs::Outputs;
use crate::server::sessions::session::Goodbye;
use crate::server::sessions::sessions::Sessions;
use crate::server::space::space::Space;
use crate::server::{Event, Server};
use crate::socket::encoded::Packet;
use crate::socket::encoder::Draft;

impl Sessions {
    /// Queues a packet that the protocol itself owes the peer.
    #[inline]
    pub(super) fn push(&mut self, slot: u32, packet: Packet) {
        let Some(session) = self.table.at_mut(slot) else { return };
        if let Some(link) = session.queue(&mut self.pool, &mut self.forms, packet) {
            self.mark_ready(link);
        }
    }

    /// Queues a packet within the session's budget.
    #[inline]
    pub(in crate::server) fn send(&mut self, slot: u32, packet: Packet) -> Result<(), Refused> {
        let session = self.table.at_mut(slot).ok_or(Refused::Gone)?;
        session.check_room(self.config.limits.max_backlog)?;
        if let Some(link) = session.queue(&mut self.pool, &mut self.forms, packet) {
            self.mark_ready(link);
        }
        Ok(())
    }

    /// Queues a packet for one session alone within the session's budget.
    #[inline(always)]
    pub(in crate::server) fn send_draft(
        &mut self,
        slot: u32,
        draft: Draft<'_>,
    ) -> Result<(), Refused> {
        let session = self.table.at_mut(slot).ok_or(Refused::Gone)?;
        session.check_room(self.config.limits.max_backlog)?;
        if let Some(link) = session.queue_draft(&mut self.pool, &mut self.forms, draft) {
            self.mark_ready(link);
        }
        Ok(())
    }

    /// The form of a packet that a session can carry, when it is never to be compressed.
    #[cold]
    pub(in crate::server) fn fit(&mut self, slot: u32, packet: &Packet) -> Packet {
        match self.table.at(slot) {
            Some(session) if packet.is_plain() => session.fit(&mut self.forms, packet.clone()),
            Some(_) | None => packet.clone(),
        }
    }

    /// Queues a packet if it can leave now; says whether it was.
    pub(in crate::server) fn send_volatile(&mut self, slot: u32, packet: Packet) -> bool {
        let writable = self.at(slot).is_some_and(|session| {
            session.outbox.is_empty() && session.transport.carrier().is_some()
        });
        writable && !self.is_short() && self.send(slot, packet).is_ok()
    }

    /// Tells the application when a congested session has room again.
    pub(super) fn note_drain(&mut self, slot: u32, space: &Space, outputs: &mut Outputs) {
        let max = self.config.limits.max_backlog;
        let Some(session) = self.at_mut(slot) else { return };
        if session.congested && session.outbox.bytes() <= max / 2 {
            session.congested = false;
            for socket in space.present(session.clients) {
                outputs.tell(Event::Drain { socket });
            }
        }
    }
}

impl Server {
    /// Sends one message on a bare Engine.IO session.
    ///
    /// # Errors
    /// [`Refused::Gone`] when the session ended, [`Refused::Backlog`] when it reads too slowly, unless
    /// [`Config::slow`](crate::Config::slow) says otherwise.
    pub fn send(&mut self, session: key::Session, message: Message<'_>) -> Result<(), Refused> {
        let slot = self.sessions.slot_of(session).ok_or(Refused::Gone)?;
        let packet = match message {
            Message::Binary(bytes) => Packet::engine_binary(bytes),
            Message::Text(text) => Packet::engine(format!("4{text}").as_bytes()),
        };
        self.send_event(slot, packet)
    }

    /// Queues an event, or treats it as [`Config::slow`](crate::Config::slow) says.
    #[inline]
    pub(in crate::server) fn send_event(
        &mut self,
        slot: u32,
        packet: Packet,
    ) -> Result<(), Refused> {
        match self.sessions.send(slot, packet) {
            Err(Refused::Backlog { bytes }) => self.on_slow(slot, bytes),
            sent => sent,
        }
    }

    /// Queues an event that goes to many; says whether it was.
    #[inline]
    pub(in crate::server) fn send_shared(&mut self, slot: u32, packet: Packet) -> bool {
        match self.sessions.send(slot, packet) {
            Ok(()) => true,
            Err(refused) => {
                self.on_left_out(slot, refused);
                false
            }
        }
    }

    /// Queues a packet that is never sent again: a peer too slow for it is cut off.
    pub(in crate::server) fn send_or_end(&mut self, slot: u32, packet: Packet) {
        if let Err(Refused::Backlog { .. }) = self.sessions.send(slot, packet) {
            self.end(slot, Reason::SlowConsumer, Goodbye::SERVER);
        }
    }

    /// An event to many was not queued for one of them: decides about that session.
    #[cold]
    fn on_left_out(&mut self, slot: u32, refused: Refused) {
        if let Refused::Backlog { .. } = refused
            && matches!(self.config.slow, SlowClient::Disconnect | SlowClient::Refuse)
        {
            self.end(slot, Reason::SlowConsumer, Goodbye::SERVER);
        }
    }

    /// An event to one client does not fit: decides about the event and the session.
    #[cold]
    pub(in crate::server) fn on_slow(&mut self, slot: u32, bytes: usize) -> Result<(), Refused> {
        match self.config.slow {
            SlowClient::Disconnect => {
                self.end(slot, Reason::SlowConsumer, Goodbye::SERVER);
                Err(Refused::Gone)
            }
            SlowClient::Drop => Ok(()),
            SlowClient::Refuse | SlowClient::Skip => Err(Refused::Backlog { bytes }),
        }
    }
}
