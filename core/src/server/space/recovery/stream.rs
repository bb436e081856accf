//! Recovery in a cluster whose processes share a stream of events: a client may come back to any of them.
//!
//! An event that is to be remembered goes to the node, and comes back to all shards as an entry of the stream, in the
//! order that the stream has for all processes. So the id of the last entry that a client has says what it missed.
//!
//! Only a client that is disconnected before an event came back gets it at once, and will not be there then.

use std::sync::Arc;

use super::history::release;
use super::log::Names;
use super::seek::{Newcomer, Sought};
use crate::cluster::bus::EntryId;
use crate::cluster::{Body, Destination, Restored, Whom};
use crate::error::{Gone, Refused};
use crate::key::Socket;
use crate::recovery::lost::{Brought, Lost, Then};
use crate::recovery::offset::{Offset, Origin, Reach};
use crate::recovery::pid::Pid;
use crate::server::space::space::Space;
use crate::server::{Server, Target};
use crate::socket::ArgsRef;
use crate::socket::encoded::Packet;
use crate::socket::scan;
use crate::time::Tick;

impl Space {
    /// Whether events that are to be remembered go by the stream of the cluster.
    pub(super) fn goes_by_stream(&self) -> bool {
        self.history.as_ref().is_some_and(|history| history.course.is_some())
    }
}

impl Server {
    /// Leaves a broadcast to the node: the stream brings it back.
    pub(super) fn broadcast_by_stream(&mut self, to: &Target<'_>, name: &str, args: ArgsRef<'_>) {
        let packet = to.packed(self.space.encoder.event(to.namespace, name, args, None));
        let own = |names: &[&str]| names.iter().map(|&name| name.into()).collect();
        let mut whom =
            Whom { namespace: to.namespace.into(), rooms: own(to.rooms), except: own(to.except) };
        let skip = to.skip.and_then(|socket| self.space.clients.get(socket.0));
        whom.except.extend(skip.map(|client| client.id.as_str().into()));
        self.post_to_stream(whom, packet);
    }

    /// Leaves an event for one client to the node, in some form.
    pub(super) fn send_by_stream(
        &mut self,
        socket: Socket,
        name: &str,
        args: ArgsRef<'_>,
        form: fn(Packet) -> Packet,
    ) -> Result<(), Refused> {
        let space = &mut self.space;
        let client = space.clients.get(socket.0).ok_or(Gone)?;
        let namespace = space.namespaces.at(client.namespace).ok_or(Gone)?;
        let packet = form(space.encoder.event(&namespace.name, name, args, None).packet());
        let rooms = vec![client.id.as_str().into()];
        let whom = Whom { namespace: (&*namespace.name).into(), rooms, except: Vec::new() };
        self.post_to_stream(whom, packet);
        Ok(())
    }

    fn post_to_stream(&mut self, to: Whom, packet: Packet) {
        let Some(history) = &mut self.space.history else { return };
        let to = Arc::new(to);
        let offset = history.next_offset(Reach::All);
        if let Some(course) = &mut history.course {
            course.send(offset, to.clone(), packet.clone());
        }
        let offset = Some(offset);
        let body = Body::Broadcast { to, packet, volatile: false, offset, ask: None };
        self.outputs.post(Destination::Node, body);
    }

    /// A client is about to be disconnected: it gets what was sent before that.
    pub(in crate::server::space) fn hurry(&mut self, socket: Socket) {
        if !self.space.goes_by_stream() {
            return;
        }
        let rooms: Vec<_> = self.space.rooms_of(socket).cloned().collect();
        let space = &self.space;
        let course = space.history.as_ref().and_then(|history| history.course.as_ref());
        let (Some(course), Some(client)) = (course, space.clients.get(socket.0)) else { return };
        let Some(namespace) = space.namespaces.at(client.namespace) else { return };
        let names = Names::new(&namespace.name, &client.id, &rooms);
        let (session, packets) = (client.session, course.underway_for(&names));
        for packet in packets {
            let packet = self.sessions.fit(session, &packet);
            self.send_or_end(session, packet);
        }
    }

    /// An event of the stream came, or one that the broker does not take.
    pub(in crate::server::space) fn on_streamed(
        &mut self,
        to: &Arc<Whom>,
        packet: &Packet,
        (id, own): (Option<EntryId>, Option<Offset>),
    ) {
        let course = self.space.history.as_mut().and_then(|history| history.course.as_mut());
        if let Some(course) = course {
            own.into_iter().for_each(|own| course.note_return(own));
            id.into_iter().for_each(|id| course.note_entry(id));
        }
        match (id, &mut self.space.history) {
            (Some(id), _) => self.record(to.clone(), name_of(id), packet),
            (None, Some(history)) => history.miss(to),
            (None, None) => {}
        }
        self.space.select_whom(to);
        self.fan_out(packet, false);
    }

    /// A client asks to join: the node is asked for what it had, when it claims to be one that was lost.
    pub(super) fn ask_cluster(&mut self, newcomer: Newcomer) {
        let claim = newcomer.auth.as_deref().and_then(claim);
        let (Some((pid, after)), Some(history)) = (claim, &mut self.space.history) else {
            return self.greet(newcomer);
        };
        let (shard, slot) = (self.shard.index, newcomer.socket.0.slot);
        let namespace = newcomer.namespace.clone();
        let sought = Sought { newcomer, pid, offset: name_of(after), former: None };
        history.sought.insert(slot, sought);
        let body = Body::Restore { pid, after, namespace, shard, slot };
        self.outputs.post(Destination::Node, body);
    }

    /// The node answers what a client had.
    pub(in crate::server::space) fn on_restored(
        &mut self,
        now: Tick,
        (slot, pid): (u32, Pid),
        restored: Option<&Restored>,
    ) {
        let Some(history) = &mut self.space.history else { return };
        let is_awaited = history.sought.get(&slot).is_some_and(|sought| sought.pid == pid);
        let sought = if is_awaited { history.sought.remove(&slot) } else { None };
        match (sought, restored) {
            (Some(sought), Some(restored)) => self.restore(now, sought, restored.clone()),
            (Some(sought), None) => self.greet(sought.newcomer),
            // It is gone, and may come again.
            (None, Some(restored)) => {
                let saved = Box::new(restored.saved.clone());
                self.outputs.post(Destination::Node, Body::Save(saved));
            }
            (None, None) => {}
        }
    }

    fn restore(&mut self, now: Tick, sought: Sought, restored: Restored) {
        let Sought { newcomer, pid, offset, .. } = sought;
        let Restored { saved, missed, until } = restored;
        let missed: Vec<_> = missed.into_iter().map(|(id, packet)| (name_of(id), packet)).collect();
        let then = Then::Beyond(vec![(Origin::STREAM, name_of(until).number + 1)]);
        let brought = Brought { offset, missed, then };
        if brought.cost() > self.config.limits.max_backlog {
            release(saved.kept, &mut self.outputs);
            return self.greet(newcomer);
        }
        let lost = Lost {
            since: now,
            id: saved.id,
            namespace: saved.namespace,
            rooms: saved.rooms,
            kept: saved.kept,
            data: saved.data,
            brought: Some(brought),
        };
        self.welcome_back(newcomer, pid, lost);
    }
}

fn name_of(id: EntryId) -> Offset {
    Offset::of_entry(id.millis, id.number)
}

/// The private id and the entry that a client claims to have.
fn claim(auth: &str) -> Option<(Pid, EntryId)> {
    let text = |name| scan::member(auth, name).and_then(scan::string);
    Some((Pid::parse(&text("pid")?)?, EntryId::parse(&text("offset")?)?))
}
