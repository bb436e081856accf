//! What shards and nodes tell each other.

use std::sync::Arc;
use std::time::Instant;

use crate::cluster::{Body, Destination, Message, Output, Whom};
use crate::server::outputs::Outputs;
use crate::server::space::space::Space;
use crate::server::{Scope, Server, Target};

impl Server {
    /// Takes a message of another shard, as its `poll_peer` returned it.
    pub fn handle_peer(&mut self, now: Instant, message: &Message) {
        let tick = self.enter(now);
        match &message.0 {
            Body::Broadcast { to, packet, volatile, ask: None } => {
                self.space.select_whom(to);
                self.fan_out(packet, *volatile);
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
            Body::Find { to, id, from } => {
                self.space.select_whom(to);
                let ids = self.space.selected_ids();
                self.outputs.post((*from).into(), Body::Found { id: *id, ids });
            }
            Body::Found { id, ids } => self.answers.on_found(*id, ids, &mut self.outputs),
        }
    }

    /// Returns the next thing other shards must hear.
    #[must_use]
    pub fn poll_peer(&mut self) -> Option<Output> {
        self.outputs.next_message()
    }
}

impl Space {
    /// Lists the clients of this shard that a target of another one means.
    fn select_whom(&mut self, to: &Whom) {
        self.select_names(&to.namespace, &to.rooms, &to.except, None);
    }

    /// Tells the other shards, as far as the target reaches, and returns how many will report.
    pub(in crate::server) fn tell_peers(
        &self,
        to: &Target<'_>,
        outputs: &mut Outputs,
        body: impl FnOnce(Arc<Whom>) -> Body,
    ) -> usize {
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
        outputs.post(destination, body(Arc::new(whom)));
        match destination {
            Destination::Everyone => usize::from(self.shard.count - 1),
            Destination::Node | Destination::Shard(_) => 1,
        }
    }
}
