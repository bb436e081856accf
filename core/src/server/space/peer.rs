//! Messages from peers and to them: other shards, and other nodes of the cluster.

use std::sync::Arc;
use std::time::Instant;

use crate::cluster::{Body, Destination, Message, Output, Whom};
use crate::key::Place;
use crate::server::outputs::Outputs;
use crate::server::space::adopted::Whereabouts;
use crate::server::space::space::Space;
use crate::server::{Event, Scope, Server, Target};

impl Server {
    /// Takes a message of another shard, as its `poll_peer` returned it, or of the node, as
    /// [`Node::poll_shard`](crate::cluster::Node::poll_shard) returned it.
    pub fn handle_peer(&mut self, now: Instant, message: &Message) {
        let tick = self.enter(now);
        match &message.0 {
            Body::Broadcast { to, packet, volatile, offset, ask: None } => {
                if let Some(offset) = offset {
                    self.record(to.clone(), *offset, packet);
                }
                self.space.select_whom(to);
                self.fan_out(packet, *volatile);
                if offset.is_some() {
                    self.settle_sought();
                }
            }
            Body::Broadcast { to, packet, ask: Some(ask), .. } => {
                self.space.select_whom(to);
                let (clients, missing) = self.ask_selected(tick, packet, *ask);
                let body = Body::Asked { id: ask.id, clients, missing };
                self.outputs.post(ask.from.into(), body);
            }
            Body::Asked { id, clients, missing } => {
                self.answers.on_asked(*id, (*clients, *missing), &mut self.outputs);
            }
            Body::Answered { id, args } => {
                self.answers.on_answered(*id, args.clone(), &mut self.outputs);
            }
            Body::Apply { to, change } => {
                self.space.select_whom(to);
                self.change_selected(now, &to.namespace, change);
            }
            Body::Gone { id, clients } => {
                self.answers.on_gone(*id, *clients, &mut self.outputs);
            }
            Body::Find { to, id, from } => {
                self.space.select_whom(to);
                let ids = self.space.selected_ids();
                self.outputs.post((*from).into(), Body::Found { id: *id, ids });
            }
            Body::Found { id, ids } => self.answers.on_found(*id, ids, &mut self.outputs),
            Body::Adopted { id, place } => self.space.adopted.insert(*id, *place),
            Body::Released { id, place } => drop(self.space.adopted.remove(*id, *place)),
            Body::Seek { pid, offset, namespace, from } => {
                self.on_seek(tick, (*pid, *offset), namespace, *from);
            }
            Body::Sought { pid, former } => self.on_sought(tick, *pid, former.clone()),
            Body::Streamed { to, packet, id, own } => self.on_streamed(to, packet, (*id, *own)),
            Body::Restored { slot, pid, restored } => {
                self.on_restored(tick, (*slot, *pid), restored.as_deref());
            }
            Body::Forgotten { kept } => self.outputs.tell(Event::Forgotten { kept: kept.clone() }),
            // The node alone is told of these.
            Body::Deserted { .. }
            | Body::Populated { .. }
            | Body::Restore { .. }
            | Body::Save(_) => {}
        }
    }

    /// Returns the next message for peers.
    #[must_use]
    pub fn poll_peer(&mut self) -> Option<Output> {
        self.outputs.next_message()
    }
}

impl Space {
    /// Lists the clients of this shard that a target of another one means.
    pub(super) fn select_whom(&mut self, to: &Whom) {
        self.select_names(&to.namespace, &to.rooms, &to.except, None);
    }

    /// Tells the peers that the target reaches, and returns how many will report.
    pub(in crate::server) fn tell_peers(
        &self,
        to: &Target<'_>,
        outputs: &mut Outputs,
        body: impl FnOnce(Arc<Whom>) -> Body,
    ) -> usize {
        let [shards, node] = self.peers_of(to);
        if shards.is_none() && node.is_none() {
            return 0;
        }
        let own = |names: &[&str]| names.iter().map(|&name| name.into()).collect();
        let whom =
            Whom { namespace: to.namespace.into(), rooms: own(to.rooms), except: own(to.except) };
        let body = body(Arc::new(whom));
        let mut reports = 0;
        if let Some(node) = node {
            outputs.post(node, body.clone());
            reports += 1;
        }
        if let Some(shards) = shards {
            outputs.post(shards, body);
            reports += match shards {
                Destination::Everyone => usize::from(self.shard.count - 1),
                Destination::Node | Destination::Shard(_) => 1,
            };
        }
        reports
    }

    /// The peers that take note of an event that is remembered: all shards in scope, wherever its clients
    /// are.
    pub(super) fn peers_of_recorded(&self, to: &Target<'_>) -> [Option<Destination>; 2] {
        match (to.scope, self.peers_of(to)) {
            (Scope::Shard, _) => [None, None],
            (Scope::Cluster | Scope::Process, [_, node]) => {
                [(self.shard.count > 1).then_some(Destination::Everyone), node]
            }
        }
    }

    /// The peers that a target reaches: other shards, and the node.
    fn peers_of(&self, to: &Target<'_>) -> [Option<Destination>; 2] {
        let node = match to.scope {
            Scope::Shard => return [None, None],
            Scope::Process => None,
            Scope::Cluster => self.speaks_to_node().then_some(Destination::Node),
        };
        let others = (self.shard.count > 1).then_some(Destination::Everyone);
        // The shard of a single client is known: the message is for that one alone.
        match to.rooms {
            [one] if others.is_some() || node.is_some() => match self.whereabouts(one) {
                Whereabouts::Client(Place { shard, .. }) | Whereabouts::Session(shard) => {
                    let other = shard != self.shard.index;
                    [other.then_some(Destination::Shard(shard)), None]
                }
                Whereabouts::Node => [None, node],
                Whereabouts::Room => [others, node],
            },
            _ => [others, node],
        }
    }
}
