//! Messages of shards for other processes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::acks::Acks;
use super::node::Node;
use super::outbox::Keep;
use super::post::Outgoing;
use super::questions::Kind;
use crate::cluster::bus::{Ask, Body, Flags, Format, Report, To, closes};
use crate::cluster::{self, Change, Destination, Message, Output, Peer, Whom};
use crate::recovery::offset::{self, Offset};
use crate::socket::Args;
use crate::socket::encoded::Packet;

impl Node {
    pub(super) fn on_shard(&mut self, now: Instant, message: &cluster::Body) {
        match message {
            cluster::Body::Broadcast { to, packet, volatile, offset, ask: None } => {
                self.send_broadcast(now, to, packet, (*volatile, *offset));
            }
            cluster::Body::Broadcast { to, packet, ask: Some(ask), .. } => {
                self.send_ask(now, to, packet, *ask);
            }
            cluster::Body::Apply { to, change } => self.send_change(now, to, change),
            cluster::Body::Asked { id, clients, .. } => self.on_asked(now, *id, *clients),
            cluster::Body::Answered { id, args } => self.on_answered(now, *id, args.clone()),
            cluster::Body::Populated { namespace, room } => {
                self.on_populated(now, namespace, room.as_deref());
            }
            cluster::Body::Deserted { namespace, room } => {
                self.on_deserted(now, namespace, room.as_deref());
            }
            cluster::Body::Save(saved) => self.on_save(now, saved),
            cluster::Body::Restore { pid, after, namespace, shard, slot } => {
                self.on_restore(now, (*pid, *after), namespace, (*shard, *slot));
            }
            // These are between shards, or for them.
            cluster::Body::Adopted { .. }
            | cluster::Body::Find { .. }
            | cluster::Body::Forgotten { .. }
            | cluster::Body::Found { .. }
            | cluster::Body::Gone { .. }
            | cluster::Body::Released { .. }
            | cluster::Body::Restored { .. }
            | cluster::Body::Seek { .. }
            | cluster::Body::Sought { .. }
            | cluster::Body::Streamed { .. } => {}
        }
    }

    fn on_populated(&mut self, now: Instant, namespace: &str, room: Option<&str>) {
        let Some(room) = room else {
            if self.spaces.enter(namespace) {
                self.subscribe(now, namespace);
            }
            return;
        };
        self.reader.names.room(namespace, room).into_iter().for_each(|room| self.wishes.want(room));
    }

    pub(super) fn desert(&mut self, now: Instant, namespace: &str, room: Option<&str>) {
        let Some(room) = room else {
            if self.spaces.leave(namespace) {
                self.unsubscribe(now, namespace);
            }
            return;
        };
        self.reader
            .names
            .room(namespace, room)
            .into_iter()
            .for_each(|room| self.wishes.give_up(room));
    }

    fn send_broadcast(
        &mut self,
        now: Instant,
        to: &Whom,
        packet: &Packet,
        (volatile, own): (bool, Option<Offset>),
    ) {
        let (to, namespace) = (to.to(), &*to.namespace);
        let event = self.packets.read(packet);
        let is_sayable = self.config.format.check_broadcast(&to).is_ok();
        let Some(event) = event.filter(|_| is_sayable) else {
            self.counts.refused += 1;
            return;
        };
        let flags = Flags { volatile, uncompressed: packet.is_plain() };
        if self.goes_by_stream() && !volatile {
            return self.send_by_stream(now, (namespace, to), (event, flags), own);
        }
        // The offset means something to clients of this process alone.
        let event = own.and_then(|own| offset::strip(&event, own)).unwrap_or(event);
        let body = Body::Broadcast { to, event, flags, ask: None };
        let keep = if volatile { Keep::Volatile } else { Keep::Firm };
        let sent = self.publish(now, Outgoing::new(namespace, body), keep);
        sent.unwrap_or_else(|error| self.note_refusal(now, error));
    }

    /// Asks the clients of other processes on behalf of a shard, which is told in the end how many there are.
    fn send_ask(&mut self, now: Instant, to: &Whom, packet: &Packet, ask: cluster::Ask) {
        let Peer::Shard(shard) = ask.from else { return };
        let namespace = &*to.namespace;
        let to = to.to();
        let event = self.packets.read(packet);
        let is_sayable = self.config.format.check_ask(&to).is_ok();
        let Some(event) = event.filter(|_| is_sayable) else {
            self.counts.refused += 1;
            return self.tell_unasked(shard, ask.id);
        };
        let n = self.questions.number();
        let flags = Flags { volatile: false, uncompressed: packet.is_plain() };
        let wish = Ask { request: self.request(n), timeout: Some(ask.timeout) };
        let body = Body::Broadcast { to, event, flags, ask: Some(wish) };
        if let Err(error) = self.send_question(now, namespace, body, n) {
            self.note_refusal(now, error);
            return self.tell_unasked(shard, ask.id);
        }
        let end = now.checked_add(ask.timeout).unwrap_or(now);
        let mut acks = Acks::new(shard, ask.id, end);
        let timeout = self.config.timeout.min(ask.timeout);
        if self.config.format == Format::Python {
            // Nobody counts: one client is meant.
            acks.count(None, 1);
            self.shard_outputs.extend(acks.tell(0));
        }
        self.questions.open(now, n, (namespace.into(), Kind::Acks(acks)), timeout);
        self.count_for(now, namespace, n);
    }

    /// Tells a shard that other processes were not asked.
    fn tell_unasked(&mut self, shard: u16, id: u64) {
        let message = Message(cluster::Body::Asked { id, clients: 0, missing: 1 });
        self.shard_outputs.push_back(Output { to: Destination::Shard(shard), message });
    }

    fn send_change(&mut self, now: Instant, to: &Whom, change: &Change) {
        let format = self.config.format;
        let body = body(to.to(), change);
        if format.check_change(&body).is_err() {
            self.counts.refused += 1;
            return;
        }
        let bodies = match format {
            Format::Python => python(to, change),
            Format::Classic | Format::Native | Format::Sharded | Format::Streams => vec![body],
        };
        for body in bodies {
            let sent = self.publish(now, Outgoing::new(&to.namespace, body), Keep::Firm);
            sent.unwrap_or_else(|error| self.note_refusal(now, error));
        }
    }

    /// A shard asked so many clients on behalf of another process.
    fn on_asked(&mut self, now: Instant, id: u64, clients: u32) {
        let Some((to, clients)) = self.relays.asked(id, clients) else { return };
        if self.config.format != Format::Python {
            self.send_answer(now, to, Report::Clients(clients));
        }
    }

    /// A client answered a question of another process, or left without.
    fn on_answered(&mut self, now: Instant, id: u64, args: Option<Args>) {
        let Some(to) = self.relays.answered(id) else { return };
        if let Some(args) = args {
            let room = to.room.clone();
            self.send_answer(now, to, Report::Acknowledged { room, args });
        }
    }
}

impl Whom {
    fn to(&self) -> To {
        To { rooms: self.rooms.clone(), except: self.except.clone() }
    }
}

fn owned(rooms: &[Arc<str>]) -> Vec<Box<str>> {
    rooms.iter().map(|room| Box::from(&**room)).collect()
}

fn body(to: To, change: &Change) -> Body {
    match change {
        Change::Join(rooms) => Body::Join { to, rooms: owned(rooms) },
        Change::Leave(rooms) => Body::Leave { to, rooms: owned(rooms) },
        Change::Disconnect(how) => Body::Disconnect { to, how: *how },
    }
}

/// A change in the words of python-socketio, which has them for one room at a time.
fn python(to: &Whom, change: &Change) -> Vec<Body> {
    match change {
        Change::Join(rooms) => {
            let join = |room| Body::Join { to: to.to(), rooms: vec![room] };
            owned(rooms).into_iter().map(join).collect()
        }
        Change::Leave(rooms) if closes(&to.to(), &owned(rooms)) => {
            owned(rooms).into_iter().map(|room| Body::Close { room }).collect()
        }
        Change::Leave(rooms) => {
            let leave = |room| Body::Leave { to: to.to(), rooms: vec![room] };
            owned(rooms).into_iter().map(leave).collect()
        }
        Change::Disconnect(_) => vec![body(to.to(), change)],
    }
}

/// How long clients may take to acknowledge what another process asked, when that does not say.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);
