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
    newcomer: Newcomer,
    pub(super) pid: Pid,
    offset: Offset,
    /// What it had, when that came earlier than the messages of other shards that belong to it.
    pub(super) former: Option<Box<Lost>>,
}

/// Who gets the answer of another shard.
#[derive(Debug)]
pub(super) enum Asker {
    /// The client that asked is gone.
    Nobody,
    /// The client in a slot.
    Client(u32),
    /// Another shard.
    Shard(Box<Seek>),
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
                history.note_move(pid, here);
                history.sought.insert(slot, Sought { former: Some(lost), ..sought });
                history.late += 1;
                return self.settle(slot);
            }
            Taken::Refused => return self.greet(sought.newcomer),
            Taken::Unknown => {}
        }
        let namespace = newcomer.namespace.clone();
        if let Some(former) = history.replace_asker(pid, Asker::Client(slot)) {
            history.sought.insert(slot, sought);
            return self.turn_away_asker(former);
        }
        let shard = match pid.home() == here {
            true => history.whereabouts(pid),
            false => Some(pid.home()),
        };
        let Some(shard) = shard.filter(|&shard| shard != here && shard < self.shard.count) else {
            return self.greet(sought.newcomer);
        };
        history.note_move(pid, here);
        history.sought.insert(slot, sought);
        history.awaited.insert(pid, Asker::Client(slot));
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
        if history.awaited.contains_key(&pid) {
            let former = history.replace_asker(pid, Asker::Shard(Box::new(seek)));
            return former.into_iter().for_each(|former| self.turn_away_asker(former));
        }
        match history.whereabouts(pid).filter(|&at| at != from && at != self.shard.index) {
            Some(shard) => {
                history.note_move(pid, from);
                self.ask_shard(shard, seek);
            }
            None => {
                self.outputs.post(Destination::Shard(from), Body::Sought { pid, former: None });
            }
        }
    }

    fn ask_shard(&mut self, shard: u16, seek: Seek) {
        let Seek { pid, offset, namespace, from } = seek;
        self.outputs.post(Destination::Shard(shard), Body::Seek { pid, offset, namespace, from });
    }

    /// Another one asks for the same lost client: whoever asked before gets nothing.
    fn turn_away_asker(&mut self, former: Asker) {
        match former {
            Asker::Nobody => {}
            Asker::Client(slot) => {
                let history = self.space.history.as_mut();
                if let Some(sought) = history.and_then(|history| history.sought.remove(&slot)) {
                    self.greet(sought.newcomer);
                }
            }
            Asker::Shard(seek) => {
                let body = Body::Sought { pid: seek.pid, former: None };
                self.outputs.post(Destination::Shard(seek.from), body);
            }
        }
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
            history.remember(now, pid, Lost { since: now, ..*lost }, &mut self.outputs);
        }
        match history.awaited.remove(&pid) {
            Some(Asker::Client(slot)) => match history.sought.remove(&slot) {
                Some(sought) if is_known => self.claim(now, sought),
                Some(sought) => self.greet(sought.newcomer),
                None => {}
            },
            Some(Asker::Shard(seek)) => {
                let Seek { pid, offset, namespace, from } = *seek;
                self.on_seek(now, (pid, offset), &namespace, from);
            }
            Some(Asker::Nobody) | None => {}
        }
        self.note_deadline();
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
