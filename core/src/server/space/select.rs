//! Which clients a target means.

use crate::key::{Id, Socket};
use crate::server::Target;
use crate::server::space::adopted::Whereabouts;
use crate::server::space::space::Space;

impl Space {
    /// Lists the clients of this shard that a target means, each once, in `self.selected`.
    pub(in crate::server) fn select(&mut self, to: &Target<'_>) {
        self.select_names(to.namespace, to.rooms, to.except, to.skip);
    }

    /// Lists the clients that are in one of `rooms`, or in the namespace when none is named, and in none
    /// of `except`.
    pub(super) fn select_names(
        &mut self,
        namespace: &str,
        rooms: &[impl AsRef<str>],
        except: &[impl AsRef<str>],
        skip: Option<Socket>,
    ) {
        self.selected.clear();
        let Some(place) = self.namespaces.find(namespace) else { return };
        let epoch = self.next_epoch();
        if let Some(client) = skip.and_then(|socket| self.clients.get_mut(socket.0)) {
            client.stamp = epoch;
        }
        for name in except {
            self.stamp(place, name.as_ref(), epoch);
        }
        // What `except` stamped was noted on the way; only what rooms stamp now is meant.
        self.selected.clear();
        if rooms.is_empty() {
            let Some(namespace) = self.namespaces.at(place) else { return };
            for &slot in &namespace.members {
                if self.clients.at(slot).is_some_and(|client| client.stamp != epoch) {
                    self.selected.push(slot);
                }
            }
            return;
        }
        for name in rooms {
            self.stamp(place, name.as_ref(), epoch);
        }
    }

    /// The clients that were selected.
    pub(super) fn selected(&self) -> impl Iterator<Item = Socket> + '_ {
        self.selected.iter().filter_map(|&slot| self.clients.key(slot).map(Socket))
    }

    /// The clients that were selected, in a list of their own.
    pub(in crate::server) fn take_selected(&mut self) -> Vec<Socket> {
        let keys = self.selected().collect();
        let selected = std::mem::take(&mut self.selected);
        self.keep_selected(selected);
        keys
    }

    /// The ids of the clients that a target means.
    pub(in crate::server) fn find_here(&mut self, to: &Target<'_>) -> Vec<Id> {
        self.select(to);
        self.selected_ids()
    }

    /// The ids of the clients that were selected.
    pub(super) fn selected_ids(&mut self) -> Vec<Id> {
        let selected = std::mem::take(&mut self.selected);
        let ids = selected.iter().filter_map(|&slot| self.clients.at(slot)).map(|c| c.id).collect();
        self.keep_selected(selected);
        ids
    }

    /// Keeps the list for the next broadcast, unless it is huge.
    pub(super) fn keep_selected(&mut self, mut selected: Vec<u32>) {
        if selected.capacity() <= 64 * 1024 {
            selected.clear();
            self.selected = selected;
        }
    }

    /// Whether a namespace has a room of that name.
    pub(super) fn has_room(&self, namespace: &str, room: &str) -> bool {
        let namespace = self.namespaces.find(namespace).and_then(|at| self.namespaces.at(at));
        namespace.is_some_and(|namespace| namespace.room_names.contains_key(room))
    }

    /// Stamps the clients a name means and notes those that were not stamped before.
    fn stamp(&mut self, place: u32, name: &str, epoch: u32) {
        match self.whereabouts(name) {
            Whereabouts::Room => {}
            Whereabouts::Client(at) if at.shard == self.shard.index => {
                return self.stamp_client(at.slot, place, name, epoch);
            }
            Whereabouts::Session(_) => {
                let slot = self.sharing(place, name);
                return slot.into_iter().for_each(|slot| self.stamp_slot(slot, place, epoch));
            }
            Whereabouts::Client(_) | Whereabouts::Node => return,
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

    /// Stamps the client that has `name` for its id, if it is in a slot and in that namespace.
    fn stamp_client(&mut self, slot: u32, place: u32, name: &str, epoch: u32) {
        if self.clients.at(slot).is_some_and(|client| client.id.as_str() == name) {
            self.stamp_slot(slot, place, epoch);
        }
    }

    /// Stamps the client in a slot, if it is in that namespace.
    fn stamp_slot(&mut self, slot: u32, place: u32, epoch: u32) {
        if let Some(client) = self.clients.at_mut(slot)
            && client.namespace == place
            && client.is_member()
            && client.stamp != epoch
        {
            client.stamp = epoch;
            self.selected.push(slot);
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
}
