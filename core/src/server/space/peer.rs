//! What other shards of the process say.

use std::time::Instant;

use crate::cluster::{Body, Destination, Message, Output, Whom};
use crate::server::{Scope, Server, Target};

impl Server {
    /// Takes a message of another shard, as its `poll_peer` returned it.
    pub fn handle_peer(&mut self, now: Instant, message: &Message) {
        let tick = self.enter(now);
        match &message.0 {
            Body::Broadcast { to, packet, volatile, ask: None } => {
                with_target(to, |to| self.select(to));
                self.fan_out(packet, *volatile);
            }
            Body::Broadcast { to, packet, ask: Some(ask), .. } => {
                with_target(to, |to| self.select(to));
                let (clients, missing) = self.ask_selected(tick, packet, *ask);
                self.reply(ask.from, Body::Asked { id: ask.id, clients, missing });
            }
            Body::Asked { id, clients, missing } => self.on_asked(*id, *clients, *missing),
            Body::Answered { id, args } => self.on_answered(*id, args.clone()),
            Body::Apply { to, change } => {
                with_target(to, |to| self.select(to));
                self.change_selected(now, &to.namespace, change);
            }
            Body::Find { to, id, from } => {
                let ids = with_target(to, |to| self.find_here(to));
                self.reply(*from, Body::Found { id: *id, ids });
            }
            Body::Found { id, ids } => self.on_found(*id, ids),
        }
    }

    /// Returns the next thing other shards must hear.
    #[must_use]
    pub fn poll_peer(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn reply(&mut self, shard: u16, body: Body) {
        self.outputs.push_back(Output { to: Destination::Shard(shard), message: Message(body) });
    }
}

/// Lends an owned target for the time of a call.
fn with_target<R>(whom: &Whom, act: impl FnOnce(&Target<'_>) -> R) -> R {
    let rooms: Vec<&str> = whom.rooms.iter().map(|room| &**room).collect();
    let except: Vec<&str> = whom.except.iter().map(|room| &**room).collect();
    act(&Target {
        rooms: &rooms,
        except: &except,
        scope: Scope::Shard,
        ..Target::namespace(&whom.namespace)
    })
}
