//! How a client that comes back on another shard gets what it had.

use std::sync::Arc;

use super::history::Taken;
use crate::cluster::{Body, Destination};
use crate::key::{Id, Socket};
use crate::recovery::lost::Lost;
use crate::recovery::offset::Offset;
use crate::recovery::pid::Pid;
use crate::server::Server;
use crate::server::door::handshake::Handshake;
use crate::socket::scan;
use crate::time::Tick;

/// A client of which the application does not know yet.
#[derive(Debug)]
pub(in crate::server) struct Newcomer {
    pub(in crate::server) socket: Socket,
    pub(in crate::server) id: Id,
    pub(in crate::server) namespace: Arc<str>,
    pub(in crate::server) auth: Option<Box<str>>,
    pub(in crate::server) handshake: Arc<Handshake>,
}

/// A client that asks another shard for what it had.
#[derive(Debug)]
pub(super) struct Sought {
    newcomer: Newcomer,
    pid: Pid,
    /// What it had, when that came earlier than the messages of other shards that belong to it.
    pub(super) former: Option<Box<Lost>>,
}

impl Server {
    /// A client asks to join: tells the application, once it is known whether the client is one that was
    /// lost.
    pub(in crate::server::space) fn arrive(&mut self, now: Tick, newcomer: Newcomer) {
        let claim = newcomer.auth.as_deref().and_then(claim);
        let (Some(history), Some((pid, offset))) = (&mut self.space.history, claim) else {
            return self.greet(newcomer);
        };
        let here = self.shard.index;
        match history.take(now, (pid, &newcomer.namespace), offset, &mut self.outputs) {
            Taken::Lost(lost) => {
                history.note_move(pid, here);
                let slot = newcomer.socket.0.slot;
                history.sought.insert(slot, Sought { newcomer, pid, former: Some(lost) });
                history.late += 1;
                return self.settle(slot);
            }
            Taken::Refused => return self.greet(newcomer),
            Taken::Unknown => {}
        }
        let shard = match pid.home() == here {
            true => history.whereabouts(pid),
            false => Some(pid.home()),
        };
        let Some(shard) = shard.filter(|&shard| shard != here && shard < self.shard.count) else {
            return self.greet(newcomer);
        };
        history.note_move(pid, here);
        let (namespace, by) = (newcomer.namespace.clone(), newcomer.socket);
        history.sought.insert(by.0.slot, Sought { newcomer, pid, former: None });
        let seek = Body::Seek { pid, offset, namespace, by, from: here };
        self.outputs.post(Destination::Shard(shard), seek);
    }

    /// Another shard asks for a lost client.
    pub(in crate::server::space) fn on_seek(
        &mut self,
        now: Tick,
        (pid, offset): (Pid, Offset),
        namespace: &Arc<str>,
        (by, from): (Socket, u16),
    ) {
        let Some(history) = &mut self.space.history else { return };
        let taken = history.take(now, (pid, namespace), offset, &mut self.outputs);
        let went_to = history.whereabouts(pid);
        let former = match taken {
            Taken::Lost(lost) => Some(lost),
            Taken::Refused => None,
            Taken::Unknown => match went_to {
                Some(shard) if shard != from && shard != self.shard.index => {
                    history.note_move(pid, from);
                    let namespace = namespace.clone();
                    let seek = Body::Seek { pid, offset, namespace, by, from };
                    return self.outputs.post(Destination::Shard(shard), seek);
                }
                Some(_) | None => None,
            },
        };
        if former.is_some() {
            history.note_move(pid, from);
        }
        self.outputs.post(Destination::Shard(from), Body::Sought { pid, by, former });
    }

    /// Another shard answers for a client that asked what it had.
    pub(in crate::server::space) fn on_sought(
        &mut self,
        now: Tick,
        (pid, by): (Pid, Socket),
        former: Option<Box<Lost>>,
    ) {
        let Some(history) = &mut self.space.history else { return };
        let slot = by.0.slot;
        let waits = history.sought.get_mut(&slot).filter(|sought| sought.newcomer.socket == by);
        match (waits, former) {
            (None, None) => {}
            // It is lost again.
            (None, Some(lost)) => {
                history.remember(now, pid, Lost { since: now, ..*lost }, &mut self.outputs);
                self.note_deadline();
            }
            (Some(_), None) => {
                if let Some(sought) = history.sought.remove(&slot) {
                    self.greet(sought.newcomer);
                }
            }
            (Some(sought), Some(lost)) => {
                sought.former = Some(lost);
                history.late += 1;
                self.settle(slot);
            }
        }
    }

    /// Lets those clients go on for which all messages came that the shard had seen which they were lost
    /// on.
    pub(in crate::server::space) fn settle_sought(&mut self) {
        let Some(history) = &mut self.space.history else { return };
        if history.late == 0 {
            return;
        }
        let late = history.sought.iter().filter(|(_, sought)| sought.former.is_some());
        let mut late: Vec<u32> = late.map(|(slot, _)| *slot).collect();
        late.sort_unstable();
        late.into_iter().for_each(|slot| self.settle(slot));
    }

    fn settle(&mut self, slot: u32) {
        let Some(history) = &mut self.space.history else { return };
        let former = history.sought.get(&slot).and_then(|sought| sought.former.as_ref());
        if !former.is_some_and(|lost| history.has_all_for(lost)) {
            return;
        }
        if let Some(Sought { newcomer, pid, former: Some(lost) }) = history.sought.remove(&slot) {
            history.late -= 1;
            self.welcome_back(newcomer, pid, *lost);
        }
    }
}

/// The private id and the offset that a client claims to have.
fn claim(auth: &str) -> Option<(Pid, Offset)> {
    let text = |name| scan::member(auth, name).and_then(scan::string);
    Some((Pid::parse(&text("pid")?)?, Offset::parse(&text("offset")?)?))
}
