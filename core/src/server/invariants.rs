//! What must hold between calls, checked from all sides: for fuzz targets and models.

use super::{NONE, Server};
use crate::key::Socket;
use crate::link::Link;
use crate::server::sessions::departed::MOST;
use crate::server::sessions::transport::Transport;
use crate::server::space::client::Client;
use crate::server::space::room::NEAR;

impl Server {
    /// Checks that all indexes agree with each other; takes time in proportion to the shard.
    ///
    /// # Panics
    /// When two of them do not.
    #[doc(hidden)]
    pub fn check(&self) {
        self.check_sessions();
        self.check_own_sids();
        self.check_jsonp();
        self.check_own_fields();
        self.check_departed();
        self.check_links();
        self.check_clients();
        self.check_namespaces();
        self.check_questions();
        self.check_bytes();
    }

    /// Whether a session has that id.
    #[doc(hidden)]
    #[must_use]
    pub fn finds(&self, sid: &str) -> bool {
        self.sessions.find(sid).is_some()
    }

    /// Names the transport state of every session, in the order of their slots, without its links.
    #[doc(hidden)]
    #[must_use]
    pub fn transports(&self) -> Vec<String> {
        self.sessions.iter().map(|(_, session)| name(session.transport)).collect()
    }

    /// Describes all that sessions without clients can differ in, but for keys: two shards with equal
    /// descriptions behave alike.
    #[doc(hidden)]
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let sessions = self.sessions.iter();
        let sessions: Vec<_> = sessions
            .map(|(_, session)| {
                let connect_due = self.sessions.strangers.due(session.place);
                let dues = (session.beat, connect_due, session.aside_due);
                let waiting = session.outbox.census(self.sessions.pool());
                (name(session.transport), waiting, dues, session.congested)
            })
            .collect();
        let departed = &self.sessions.departed;
        format!("{sessions:?} {departed:?} {:?} {:?}", self.clock, self.sessions.timers)
    }

    fn check_sessions(&self) {
        let (mut packets, mut joined, mut heads, mut contexts) = (0, 0, 0, 0);
        let mut strangers = Vec::new();
        for (key, session) in self.sessions.iter() {
            let clients = self.space.siblings(session.clients).take(self.space.clients.len() + 1);
            let count = clients
                .inspect(|&Socket(client)| {
                    let client = self.space.clients.get(client).expect("siblings exist");
                    assert_eq!(client.session, key.slot, "a client is in the list of its session");
                })
                .count();
            assert_eq!(
                count,
                usize::from(session.joined),
                "the list is as long as it is said to be"
            );
            let (waiting, bytes) = session.outbox.census(self.sessions.pool());
            assert_eq!(bytes, session.outbox.bytes(), "the backlog is what is in it");
            packets += waiting;
            joined += count;
            heads += session.handshake.bytes_held();
            contexts += session.context_bytes();
            strangers.extend(session.is_stranger().then_some((session.place, key.slot)));
        }
        assert_eq!(packets, self.sessions.pool().used(), "every packet waits for somebody");
        let mut places = self.sessions.strangers.census();
        places.sort_unstable();
        strangers.sort_unstable();
        assert_eq!(strangers, places, "sessions in no namespace have a place");
        assert_eq!(heads, self.sessions.budget.heads, "the requests of all sessions are counted");
        assert_eq!(
            contexts, self.sessions.budget.contexts,
            "the contexts of all sessions are counted"
        );
        assert_eq!(joined, self.space.clients.len(), "every client belongs to a session");
    }

    fn check_own_sids(&self) {
        let own = &self.sessions.own_sids;
        assert_eq!(own.by_hash.len(), own.by_slot.len(), "an id has one session");
        for &slot in own.by_slot.keys() {
            assert!(self.sessions.at(slot).is_some(), "a chosen id ends with its session");
            let text = own.text(slot).expect("a session leads to its id");
            assert_eq!(own.find(text), Some(slot), "an id leads to its session");
        }
    }

    fn check_jsonp(&self) {
        for &slot in self.sessions.jsonp.keys() {
            assert!(self.sessions.at(slot).is_some(), "polls by JSONP end with their session");
        }
    }

    fn check_own_fields(&self) {
        let mut links = self.sessions.own_fields.links();
        assert!(links.all(|link| self.sessions.session_of(link).is_some()), "an answer is owed");
    }

    fn check_departed(&self) {
        assert!(self.sessions.departed.sids().len() <= MOST, "few are remembered");
        let mut sids = self.sessions.departed.sids();
        assert!(sids.all(|sid| !self.finds(sid)), "a session that ended is not found");
    }

    fn check_links(&self) {
        let mut held = 0;
        for (key, session) in self.sessions.iter() {
            for link in session.transport.links().into_iter().flatten() {
                assert_eq!(
                    self.sessions.session_of(link),
                    Some(key.slot),
                    "a link knows its session"
                );
                held += 1;
            }
        }
        let attached = self.sessions.attached();
        assert_eq!(attached.count(), held, "a link that no session knows never ends");
    }

    fn check_clients(&self) {
        let mut far = 0;
        for key in self.space.clients.keys() {
            let Some(client) = self.space.clients.get(key) else { continue };
            let namespace =
                self.space.namespaces.at(client.namespace).expect("its namespace exists");
            if client.position != NONE {
                let member = namespace.members.get(client.position as usize);
                assert_eq!(member, Some(&key.slot), "a member stands where it believes");
            }
            far += client.rooms.len().saturating_sub(NEAR);
            for (note, membership) in client.rooms.iter().enumerate() {
                let room = namespace.rooms.at(membership.room).expect("its room exists");
                let member = &room.members[membership.place as usize];
                assert_eq!((member.client, member.note as usize), (key.slot, note));
                let found =
                    self.space.namespaces.far.find(key.slot, &client.rooms, membership.room);
                assert_eq!(found, Some(member.note), "a client finds its rooms");
            }
        }
        assert_eq!(far, self.space.namespaces.far.len(), "and no others");
        self.space.check_adopted();
        self.space.check_shared();
    }

    fn check_namespaces(&self) {
        let (mut clients, mut all_rooms) = (0, 0);
        for namespace in self.space.namespaces.iter() {
            let place =
                self.space.namespaces.find(&namespace.name).expect("it is found by its name");
            assert!(std::ptr::eq(namespace, self.space.namespaces.at(place).expect("it exists")));
            let here = self.space.clients.keys().filter_map(|key| self.space.clients.get(key));
            let here: Vec<_> = here.filter(|client| client.namespace == place).collect();
            assert_eq!(here.len(), namespace.clients as usize);
            assert!(!here.is_empty(), "an empty namespace is dropped");
            let members = here.iter().filter(|client| client.is_member()).count();
            assert_eq!(members, namespace.members.len());
            assert_eq!(namespace.room_names.len(), namespace.rooms.len());
            let places: usize = here.iter().map(|client| client.rooms.len()).sum();
            let rooms = namespace.room_names.iter().map(|(name, &slot)| {
                let room = namespace.rooms.at(slot).expect("a name leads to its room");
                assert!(*name == room.name && !room.members.is_empty(), "empty rooms are dropped");
                room.members.len()
            });
            assert_eq!(rooms.sum::<usize>(), places, "rooms and clients agree");
            clients += here.len();
            all_rooms += namespace.rooms.len();
        }
        assert_eq!(all_rooms, self.space.namespaces.rooms, "rooms are counted");
        assert_eq!(clients, self.space.clients.len(), "every client is in a namespace");
    }

    fn check_bytes(&self) {
        let sessions = self
            .sessions
            .iter()
            .map(|(_, session)| session.outbox.bytes() + session.partial_bytes());
        let clients = self.space.clients.keys().filter_map(|key| self.space.clients.get(key));
        let clients = clients.map(Client::bytes_recounted);
        let bytes: usize = sessions.chain(clients).sum();
        assert_eq!(bytes, self.bytes_held(), "the total is the sum of what is held");
    }

    fn check_questions(&self) {
        let clients = self.space.clients.keys().filter_map(|key| self.space.clients.get(key));
        let pending: Vec<_> = clients.flat_map(|client| &client.pending).collect();
        self.answers.check(&pending);
    }
}

fn name(transport: Transport) -> String {
    let requests = |get: Option<Link>, post: Option<Link>| match (get, post) {
        (None, None) => "",
        (Some(_), None) => " GET",
        (None, Some(_)) => " POST",
        (Some(_), Some(_)) => " GET POST",
    };
    match transport {
        Transport::Polling { get, post } => format!("Polling{}", requests(get, post)),
        Transport::Probing { get, post, probe, .. } => {
            format!("Probing {probe:?}{}", requests(get, post))
        }
        Transport::WebSocket { .. } => "WebSocket".into(),
        Transport::ClosingPolling { get } => format!("ClosingPolling{}", requests(get, None)),
        Transport::ClosingWebSocket { .. } => "ClosingWebSocket".into(),
    }
}
