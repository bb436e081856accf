//! Broadcasts: who a target means, and sending to them with one encoding.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::cluster::{Ask, Body, Change, Destination, Message, Output, Whom};
use crate::error::Misuse;
use crate::key::{Id, Socket};
use crate::server::Server;
use crate::server::event::{Disconnect, Ticket};
use crate::server::space::namespace::check_name;
use crate::socket::ArgsRef;
use crate::socket::encoded::Packet;

/// Who a broadcast reaches: the union of `rooms`, or everybody, minus the union of `except`.
///
/// Names of rooms and ids of clients are equally good in both lists. Every client gets one copy,
/// however many of the rooms it is in.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The namespace.
    pub namespace: &'a str,
    /// Rooms to reach; none means the whole namespace.
    pub rooms: &'a [&'a str],
    /// Rooms to leave out.
    pub except: &'a [&'a str],
    /// One client of this shard to leave out, usually the sender.
    pub skip: Option<Socket>,
    /// How far it goes.
    pub scope: Scope,
    /// Whether clients that cannot take it now are passed over.
    pub volatile: bool,
}

impl<'a> Target<'a> {
    /// Targets everybody in a namespace.
    #[must_use]
    pub fn namespace(namespace: &'a str) -> Self {
        let scope = Scope::Process;
        Self { namespace, rooms: &[], except: &[], skip: None, scope, volatile: false }
    }
}

/// How far a broadcast goes.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Scope {
    /// All shards of this process.
    #[default]
    Process,
    /// This shard.
    Shard,
}

impl Server {
    /// Sends an event to many.
    ///
    /// A client whose backlog is full is disconnected: it would otherwise miss the event silently.
    ///
    /// # Errors
    /// [`Misuse`] when the event cannot be sent at all.
    pub fn broadcast(
        &mut self,
        to: &Target<'_>,
        name: &str,
        args: ArgsRef<'_>,
    ) -> Result<(), Misuse> {
        self.check_event(name, args)?;
        let packet = self.encoder.event(to.namespace, name, args, None);
        let volatile = to.volatile;
        self.tell_peers(to, |to| Body::Broadcast {
            to,
            packet: packet.clone(),
            volatile,
            ask: None,
        });
        self.select(to);
        self.fan_out(&packet, volatile);
        Ok(())
    }

    /// Sends an event to many and collects their acknowledgements: see
    /// [`Answer`](crate::server::Answer) for what comes back.
    ///
    /// # Errors
    /// [`Misuse`] when the event cannot be sent at all.
    pub fn broadcast_with_ack(
        &mut self,
        now: Instant,
        to: &Target<'_>,
        name: &str,
        args: ArgsRef<'_>,
        timeout: Duration,
    ) -> Result<Ticket, Misuse> {
        self.check_event(name, args)?;
        let now = self.enter(now);
        let id = self.next_question();
        let packet = self.encoder.event(to.namespace, name, args, Some(id));
        let ask = Ask { id, from: self.shard.index, timeout };
        self.select(to);
        let (asked, missing) = self.ask_selected(now, &packet, ask);
        let heard = self.tell_peers(to, |to| Body::Broadcast {
            to,
            packet: packet.clone(),
            volatile: false,
            ask: Some(ask),
        });
        self.open_gathering(ask, (asked, missing), heard);
        Ok(Ticket(id))
    }

    /// Asks who matches a target; [`Event::Found`](crate::server::Event) answers.
    pub fn find(&mut self, to: &Target<'_>) -> Ticket {
        let id = self.next_question();
        let from = self.shard.index;
        let heard = self.tell_peers(to, |to| Body::Find { to, id, from });
        let ids = self.find_here(to);
        self.open_search(id, ids, heard);
        Ticket(id)
    }

    /// Returns the clients of this shard that a target means.
    pub fn members(&mut self, to: &Target<'_>) -> impl Iterator<Item = Socket> + '_ {
        self.select(to);
        self.selected.iter().filter_map(|&slot| self.clients.key(slot).map(Socket))
    }

    /// Makes all clients of a target join `rooms`.
    pub fn join_all(&mut self, now: Instant, to: &Target<'_>, rooms: &[&str]) {
        // Beyond the limit nobody could be in all of them.
        let rooms = each_once(rooms).take(self.config.limits.rooms).map(Arc::from);
        self.change_all(now, to, Change::Join(rooms.collect()));
    }

    /// Makes all clients of a target leave `rooms`.
    pub fn leave_all(&mut self, now: Instant, to: &Target<'_>, rooms: &[&str]) {
        self.change_all(now, to, Change::Leave(each_once(rooms).map(Arc::from).collect()));
    }

    /// Disconnects all clients of a target.
    pub fn disconnect_all_of(&mut self, now: Instant, to: &Target<'_>, from: Disconnect) {
        self.change_all(now, to, Change::Disconnect(from));
    }

    fn change_all(&mut self, now: Instant, to: &Target<'_>, change: Change) {
        self.enter(now);
        self.tell_peers(to, |to| Body::Apply { to, change: change.clone() });
        self.select(to);
        self.change_selected(now, to.namespace, &change);
    }

    /// Applies a change to the clients that were selected.
    pub(in crate::server) fn change_selected(
        &mut self,
        now: Instant,
        namespace: &str,
        change: &Change,
    ) {
        let sockets = self.take_selected();
        match change {
            // A client at its limit of rooms stays out; there is nobody to tell.
            Change::Join(rooms) => {
                for room in rooms {
                    for &socket in &sockets {
                        let _ = self.join_room(socket, room);
                    }
                }
            }
            Change::Leave(rooms) => {
                for room in rooms {
                    // A name that is no room is looked up once.
                    let here = if self.has_room(namespace, room) { &sockets[..] } else { &[] };
                    for &socket in here {
                        self.leave_room(socket, room);
                    }
                }
            }
            &Change::Disconnect(from) => {
                for socket in sockets {
                    if let Some(mut socket) = self.socket(socket) {
                        socket.disconnect(now, from);
                    }
                }
            }
        }
    }

    fn has_room(&self, namespace: &str, room: &str) -> bool {
        let namespace = self.namespaces.find(namespace).and_then(|at| self.namespaces.at(at));
        namespace.is_some_and(|namespace| namespace.room_names.contains_key(room))
    }

    /// Sends to the clients that were selected.
    pub(in crate::server) fn fan_out(&mut self, packet: &Packet, volatile: bool) {
        let selected = std::mem::take(&mut self.selected);
        for &slot in &selected {
            let Some(session) = self.clients.at(slot).map(|client| client.session) else {
                continue;
            };
            if volatile {
                self.send_volatile(session, packet.clone());
            } else {
                self.send_shared(session, packet.clone());
            }
        }
        self.keep_selected(selected);
    }

    /// The clients that were selected, as keys.
    pub(in crate::server) fn take_selected(&mut self) -> Vec<Socket> {
        let selected = std::mem::take(&mut self.selected);
        let keys = selected.iter().filter_map(|&slot| self.clients.key(slot).map(Socket)).collect();
        self.keep_selected(selected);
        keys
    }

    pub(in crate::server) fn find_here(&mut self, to: &Target<'_>) -> Vec<Id> {
        self.select(to);
        let selected = std::mem::take(&mut self.selected);
        let ids = selected.iter().filter_map(|&slot| self.clients.at(slot)).map(|c| c.id).collect();
        self.keep_selected(selected);
        ids
    }

    /// Lists the clients of this shard that a target means, each once, in `self.selected`.
    pub(in crate::server) fn select(&mut self, to: &Target<'_>) {
        self.selected.clear();
        let Some(place) = self.namespaces.find(to.namespace) else { return };
        let epoch = self.next_epoch();
        if let Some(client) = to.skip.and_then(|socket| self.clients.get_mut(socket.0)) {
            client.stamp = epoch;
        }
        for name in to.except {
            self.stamp(place, name, epoch);
        }
        // What `except` stamped was noted on the way; only what rooms stamp now is meant.
        self.selected.clear();
        if to.rooms.is_empty() {
            let Some(namespace) = self.namespaces.at(place) else { return };
            for &slot in &namespace.members {
                if self.clients.at(slot).is_some_and(|client| client.stamp != epoch) {
                    self.selected.push(slot);
                }
            }
            return;
        }
        for name in to.rooms {
            self.stamp(place, name, epoch);
        }
    }

    /// Stamps the clients a name means and notes those that were not stamped before.
    fn stamp(&mut self, place: u32, name: &str, epoch: u32) {
        if let Some((shard, slot)) = self.mint.locate(name) {
            if let Some(client) = self.clients.at_mut(slot)
                && shard == self.shard.index
                && client.id.as_str() == name
                && client.namespace == place
                && client.is_member()
                && client.stamp != epoch
            {
                client.stamp = epoch;
                self.selected.push(slot);
            }
            return;
        }
        let Some(namespace) = self.namespaces.at_mut(place) else { return };
        for member in namespace.consider(name, epoch) {
            if let Some(client) = self.clients.at_mut(member.client)
                && client.stamp != epoch
                && client.is_member()
            {
                client.stamp = epoch;
                self.selected.push(member.client);
            }
        }
    }

    fn next_epoch(&mut self) -> u32 {
        self.epoch = self.epoch.wrapping_add(1);
        if self.epoch == 0 {
            // Once in four thousand million broadcasts the stamps start over.
            self.clients.values_mut().for_each(|client| client.stamp = 0);
            for namespace in self.namespaces.iter_mut() {
                namespace.rooms.values_mut().for_each(|room| room.stamp = 0);
            }
            self.epoch = 1;
        }
        self.epoch
    }

    /// Tells the other shards, as far as the target reaches, and returns how many will hear it.
    fn tell_peers(&mut self, to: &Target<'_>, body: impl FnOnce(Arc<Whom>) -> Body) -> u16 {
        if to.scope == Scope::Shard || self.shard.count == 1 {
            return 0;
        }
        let destination = match to.rooms {
            // One client of a known shard: nobody else need hear it.
            [one] => match self.mint.locate(one) {
                Some((shard, _)) if shard == self.shard.index => return 0,
                Some((shard, _)) if shard < self.shard.count => Destination::Shard(shard),
                Some(_) | None => Destination::Everyone,
            },
            _ => Destination::Everyone,
        };
        let own = |names: &[&str]| names.iter().map(|&name| name.into()).collect();
        let whom =
            Whom { namespace: to.namespace.into(), rooms: own(to.rooms), except: own(to.except) };
        self.outputs.push_back(Output { to: destination, message: Message(body(Arc::new(whom))) });
        match destination {
            Destination::Everyone => self.shard.count - 1,
            Destination::Shard(_) => 1,
        }
    }

    pub(in crate::server) fn check_event(
        &self,
        name: &str,
        args: ArgsRef<'_>,
    ) -> Result<(), Misuse> {
        check_name(name)?;
        if args.attachments().len() > self.config.limits.attachments as usize {
            return Err(Misuse::TooManyAttachments);
        }
        Ok(())
    }

    /// Keeps the list for the next broadcast, unless it is huge.
    fn keep_selected(&mut self, mut selected: Vec<u32>) {
        if selected.capacity() <= 64 * 1024 {
            selected.clear();
            self.selected = selected;
        }
    }
}

/// The names of a list, each where it comes first.
fn each_once<'a>(names: &'a [&'a str]) -> impl Iterator<Item = &'a str> {
    let mut seen = BTreeSet::new();
    names.iter().copied().filter(move |name| seen.insert(*name))
}
