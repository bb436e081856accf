//! What the servers of a cluster tell each other: who is in which room, and what was said there.
//!
//! Servers of python-socketio have no events for servers and answer no questions; what they emit reaches clients
//! alone. So the servers emit in a namespace of their own, where each has a client that listens to the others. Nothing
//! is taken from clients there. Each server tells all its members, after each change and once a second: what was lost
//! on the way is soon told again, and a server that tells nothing is gone, with its members.

use sansocket_app::client::{Client, Manager};
use sansocket_app::{Io, Socket};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{Chat, Said, name_of, notice_that_left, room_of};

/// The namespace of `members({server, members: [{name, room}]})` and `said({server, room, said})`.
pub(super) const NAMESPACE: &str = "/servers";

/// Time between two lists of members.
const BEAT: Duration = Duration::from_secs(1);

/// Lists in a row that may be missing.
const MISSING: u32 = 4;

/// The members of rooms on other servers.
#[derive(Default)]
pub(super) struct Others(Mutex<BTreeMap<String, Told>>);

/// What a server told.
#[derive(Default)]
struct Told {
    members: Vec<Member>,
    /// Beats of this server since then.
    beats: u32,
}

#[derive(Clone, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
struct Member {
    name: String,
    room: String,
}

#[derive(Deserialize, Serialize)]
struct Members {
    server: String,
    members: Vec<Member>,
}

#[derive(Deserialize, Serialize)]
struct SaidThere {
    server: String,
    room: String,
    said: Said,
}

impl Chat {
    /// Tells other servers who is here and listens to them, as long as the server runs. `url` is where it listens, and
    /// `open` starts a client. Does nothing for a server that is alone.
    ///
    /// # Panics
    /// When the URL is none.
    pub fn join(self: &Arc<Self>, io: &Io, url: &str, open: impl FnOnce(Client) -> Manager) {
        if self.server().is_none() {
            return;
        }
        let mut listener = Client::new(&format!("{url}{NAMESPACE}")).expect("a server has a URL");
        let (chat, here) = (self.clone(), io.clone());
        listener.on("members", move |told: Members| chat.hear_members(&here, told));
        let chat = self.clone();
        listener.on("said", move |told: SaidThere| chat.hear_said(told));
        let listener = open(listener);
        // It goes on trying when the server does not listen yet.
        drop(listener.connect());
        let (chat, here) = (self.clone(), io.clone());
        io.spawn(async move {
            let _listener = listener;
            loop {
                chat.tell_others(&here);
                chat.miss_others(&here);
                here.sleep(BEAT).await;
            }
        });
    }

    /// Tells other servers who is here.
    pub(super) fn tell_others(&self, io: &Io) {
        let Some(server) = self.server() else { return };
        let sockets = io.local().sockets();
        let member =
            |socket: &Socket| Some(Member { name: name_of(socket)?, room: room_of(socket)? });
        let members = sockets.iter().filter_map(member).collect();
        let _ = io.of(NAMESPACE).emit("members", &Members { server: server.to_owned(), members });
    }

    /// Tells other servers what was said here, which is a part of their histories.
    pub(super) fn tell_others_what_was_said(&self, io: &Io, room: String, said: Said) {
        let Some(server) = self.server() else { return };
        let said = SaidThere { server: server.to_owned(), room, said };
        let _ = io.of(NAMESPACE).emit("said", &said);
    }

    fn hear_members(&self, io: &Io, Members { server, members }: Members) {
        if self.server() != Some(&server) {
            for room in self.others.put(server, members) {
                self.tell_members(io, &room);
            }
        }
    }

    fn hear_said(&self, SaidThere { server, room, said }: SaidThere) {
        if self.server() != Some(&server) {
            self.histories.add(&room, said);
        }
    }

    /// Says of the members of servers that are gone that they left.
    fn miss_others(&self, io: &Io) {
        for Member { name, room } in self.others.take_silent() {
            let _ = io.local().to(&room).emit("notice", &notice_that_left(&name));
            self.tell_members(io, &room);
        }
    }
}

impl Others {
    /// The names of the members of a room.
    pub(super) fn users(&self, room: &str) -> Vec<String> {
        let told = self.lock();
        let members = told.values().flat_map(|told| &told.members);
        members.filter(|member| member.room == room).map(|member| member.name.clone()).collect()
    }

    /// The room of each member.
    pub(super) fn rooms(&self) -> Vec<String> {
        let told = self.lock();
        told.values().flat_map(|told| &told.members).map(|member| member.room.clone()).collect()
    }

    /// Takes the members of a server; returns the rooms where these changed.
    fn put(&self, server: String, mut members: Vec<Member>) -> BTreeSet<String> {
        members.sort();
        let mut told = self.lock();
        let told = told.entry(server).or_default();
        let (before, after) = (by_room(&told.members), by_room(&members));
        let rooms = before.keys().chain(after.keys());
        let changed = rooms.filter(|room| before.get(*room) != after.get(*room));
        let changed = changed.map(|room| (*room).to_owned()).collect();
        *told = Told { members, beats: 0 };
        changed
    }

    /// Counts a beat, and takes out the members of servers that missed too many.
    fn take_silent(&self) -> Vec<Member> {
        let mut silent = Vec::new();
        self.lock().retain(|_, told| {
            told.beats += 1;
            let is_there = told.beats <= MISSING;
            if !is_there {
                silent.append(&mut told.members);
            }
            is_there
        });
        silent
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Told>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn by_room(members: &[Member]) -> BTreeMap<&str, Vec<&str>> {
    let mut rooms = BTreeMap::<_, Vec<_>>::new();
    for Member { name, room } in members {
        rooms.entry(room.as_str()).or_default().push(name.as_str());
    }
    rooms
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(name: &str, room: &str) -> Member {
        Member { name: name.into(), room: room.into() }
    }

    #[test]
    fn only_rooms_whose_members_changed_are_told() {
        let others = Others::default();
        let first = vec![member("ann", "tea"), member("bob", "hall")];
        assert!(others.put("n2".into(), first).into_iter().eq(["hall", "tea"]));
        let then = vec![member("bob", "hall"), member("ann", "attic")];
        assert!(others.put("n2".into(), then.clone()).into_iter().eq(["attic", "tea"]));
        assert!(others.put("n2".into(), then).is_empty());
        assert_eq!(others.users("attic"), ["ann"]);
        assert!(others.put("n2".into(), Vec::new()).into_iter().eq(["attic", "hall"]));
    }

    #[test]
    fn a_server_that_tells_nothing_is_gone_with_its_members() {
        let others = Others::default();
        others.put("n2".into(), vec![member("ann", "tea")]);
        others.put("n3".into(), vec![member("bob", "tea")]);
        for _ in 0..MISSING {
            others.put("n3".into(), vec![member("bob", "tea")]);
            assert!(others.take_silent().is_empty());
        }
        let gone = others.take_silent();
        assert!(gone.iter().map(|member| &*member.name).eq(["ann"]));
        assert_eq!(others.users("tea"), ["bob"]);
    }
}
