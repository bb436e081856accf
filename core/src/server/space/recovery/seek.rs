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

/// A client that waits for what it had.
#[derive(Debug)]
pub(super) struct Sought {
    pub(super) newcomer: Newcomer,
    pub(super) pid: Pid,
    pub(super) offset: Offset,
    /// What it had, when that came earlier than the messages of other shards that belong to it.
    pub(super) former: Option<Box<Lost>>,
}

/// Who waits for the answer of another shard.
#[derive(Debug)]
pub(super) enum Asker {
    /// The client in a slot, for which the other shard was asked.
    Client(u32),
    /// A client that came later.
    Later(u32),
    /// Another shard.
    Shard(Seek),
}

/// A question of a shard for a lost client.
#[derive(Debug)]
pub(super) struct Seek {
    pid: Pid,
    offset: Offset,
    namespace: Arc<str>,
    from: u16,
}

impl Server {
    /// A client asks to join: tells the application, once it is known whether the client is one that was
    /// lost.
    pub(in crate::server::space) fn arrive(&mut self, now: Tick, newcomer: Newcomer) {
        if self.space.goes_by_stream() {
            return self.ask_cluster(newcomer);
        }
        match newcomer.auth.as_deref().and_then(claim) {
            Some((pid, offset)) => {
                self.claim(now, Sought { newcomer, pid, offset, former: None });
            }
            None => self.greet(newcomer),
        }
    }

    /// A client claims to be one that was lost.
    fn claim(&mut self, now: Tick, sought: Sought) {
        let Some(history) = &mut self.space.history else { return };
        let Sought { newcomer, pid, offset, .. } = &sought;
        let (pid, offset, here, slot) = (*pid, *offset, self.shard.index, newcomer.socket.0.slot);
        match history.take(now, (pid, &newcomer.namespace), offset, &mut self.outputs) {
            Taken::Lost(lost) => {
                history.sought.insert(slot, Sought { former: Some(lost), ..sought });
                history.late += 1;
                return self.settle(slot);
            }
            Taken::Refused => return self.greet(sought.newcomer),
            Taken::Unknown => {}
        }
        let namespace = newcomer.namespace.clone();
        if let Some(askers) = history.awaited.get_mut(&pid) {
            askers.push(Asker::Later(slot));
            history.sought.insert(slot, sought);
            return;
        }
        let shard = history.went_to(pid).unwrap_or_else(|| pid.home());
        if shard == here || shard >= self.shard.count {
            return self.greet(sought.newcomer);
        }
        history.sought.insert(slot, sought);
        history.awaited.insert(pid, vec![Asker::Client(slot)]);
        self.ask_shard(shard, Seek { pid, offset, namespace, from: here });
    }

    /// Another shard asks for a lost client.
    pub(in crate::server::space) fn on_seek(
        &mut self,
        now: Tick,
        (pid, offset): (Pid, Offset),
        namespace: &Arc<str>,
        from: u16,
    ) {
        let Some(history) = &mut self.space.history else { return };
        let former = match history.take(now, (pid, namespace), offset, &mut self.outputs) {
            Taken::Lost(lost) => {
                history.note_move(pid, from);
                Some(lost)
            }
            Taken::Refused => None,
            Taken::Unknown => {
                let seek = Seek { pid, offset, namespace: namespace.clone(), from };
                return self.pass_on(seek);
            }
        };
        self.outputs.post(Destination::Shard(from), Body::Sought { pid, former });
    }

    /// A client that another shard asks for is not here: it may be on its way here, or have gone on.
    fn pass_on(&mut self, seek: Seek) {
        let Some(history) = &mut self.space.history else { return };
        let Seek { pid, from, .. } = seek;
        if let Some(askers) = history.awaited.get_mut(&pid) {
            return askers.push(Asker::Shard(seek));
        }
        match history.went_to(pid).filter(|&shard| shard != from) {
            Some(shard) => self.ask_shard(shard, seek),
            None => {
                self.outputs.post(Destination::Shard(from), Body::Sought { pid, former: None });
            }
        }
    }

    fn ask_shard(&mut self, shard: u16, seek: Seek) {
        let Seek { pid, offset, namespace, from } = seek;
        self.outputs.post(Destination::Shard(shard), Body::Seek { pid, offset, namespace, from });
    }

    /// Another shard answers what a client had.
    pub(in crate::server::space) fn on_sought(
        &mut self,
        now: Tick,
        pid: Pid,
        former: Option<Box<Lost>>,
    ) {
        let Some(history) = &mut self.space.history else { return };
        let is_known = former.is_some();
        if let Some(lost) = former {
            history.note_arrival(pid);
            history.remember(now, pid, Lost { since: now, ..*lost }, &mut self.outputs);
        }
        // Some may be gone by now, without this shard knowing: each passes the client on to the next.
        for asker in history.awaited.remove(&pid).unwrap_or_default() {
            match asker {
                Asker::Client(slot) if !is_known => self.give_up(slot),
                // Of one that came later nothing is known: the answer may be older than it.
                Asker::Client(slot) | Asker::Later(slot) => self.claim_again(now, slot),
                Asker::Shard(Seek { pid, offset, namespace, from }) => {
                    self.on_seek(now, (pid, offset), &namespace, from);
                }
            }
        }
        self.note_deadline();
    }

    fn claim_again(&mut self, now: Tick, slot: u32) {
        let history = self.space.history.as_mut();
        if let Some(sought) = history.and_then(|history| history.sought.remove(&slot)) {
            self.claim(now, sought);
        }
    }

    /// A client was not lost, or is not known any more.
    fn give_up(&mut self, slot: u32) {
        let history = self.space.history.as_mut();
        if let Some(sought) = history.and_then(|history| history.sought.remove(&slot)) {
            self.greet(sought.newcomer);
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
        if let Some(Sought { newcomer, pid, former: Some(lost), .. }) = history.sought.remove(&slot)
        {
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
