//! Any sequence of comings, goings, rooms and broadcasts over several shards does what the reference
//! says.

use proptest::prelude::*;
use sansocket::{ArgsRef, Counts, Disconnect, Scope, Server, Target};
use std::time::Instant;
use testbed::{Item, Member, Sim, WebSocket};

use super::reference::Model;

const NAMESPACES: [&str; 3] = ["/", "/a", "/b"];
const ROOMS: [&str; 3] = ["x", "y", "z"];
const SHARDS: usize = 3;
const CLIENTS: usize = 7;

#[derive(Clone, Debug)]
enum Op {
    Enter {
        client: usize,
        namespace: usize,
    },
    Exit {
        client: usize,
        namespace: usize,
    },
    Expel {
        client: usize,
        namespace: usize,
    },
    Vanish {
        client: usize,
    },
    Join {
        client: usize,
        namespace: usize,
        room: usize,
    },
    Leave {
        client: usize,
        namespace: usize,
        room: usize,
    },
    Broadcast {
        namespace: usize,
        rooms: Vec<usize>,
        except: Vec<usize>,
        here: bool,
        volatile: bool,
    },
    Others {
        client: usize,
        namespace: usize,
        rooms: Vec<usize>,
        except: Vec<usize>,
    },
    Volatile {
        client: usize,
        namespace: usize,
    },
    JoinAll {
        namespace: usize,
        from: usize,
        to: usize,
    },
    LeaveAll {
        namespace: usize,
        from: usize,
    },
    ExpelAll {
        namespace: usize,
        from: usize,
    },
    Find {
        namespace: usize,
        rooms: Vec<usize>,
    },
    Ask {
        namespace: usize,
        rooms: Vec<usize>,
        silent: usize,
    },
    AskOne {
        client: usize,
        namespace: usize,
        end: End,
    },
    Time,
}

/// What becomes of a question to one client.
#[derive(Clone, Copy, Debug)]
enum End {
    Answered,
    Left,
    TimedOut,
    Vanished,
}

fn op() -> impl Strategy<Value = Op> {
    let client = || 0..CLIENTS;
    let namespace = || 0..NAMESPACES.len();
    let room = || 0..ROOMS.len();
    let rooms = || prop::collection::vec(0..ROOMS.len(), 0..3);
    prop_oneof![
        6 => (client(), namespace()).prop_map(|(client, namespace)| Op::Enter { client, namespace }),
        2 => (client(), namespace()).prop_map(|(client, namespace)| Op::Exit { client, namespace }),
        1 => (client(), namespace()).prop_map(|(client, namespace)| Op::Expel { client, namespace }),
        1 => client().prop_map(|client| Op::Vanish { client }),
        6 => (client(), namespace(), room())
            .prop_map(|(client, namespace, room)| Op::Join { client, namespace, room }),
        2 => (client(), namespace(), room())
            .prop_map(|(client, namespace, room)| Op::Leave { client, namespace, room }),
        6 => (namespace(), rooms(), rooms(), any::<bool>(), any::<bool>()).prop_map(
            |(namespace, rooms, except, here, volatile)| {
                Op::Broadcast { namespace, rooms, except, here, volatile }
            }
        ),
        3 => (client(), namespace(), rooms(), rooms()).prop_map(
            |(client, namespace, rooms, except)| Op::Others { client, namespace, rooms, except }
        ),
        1 => (client(), namespace())
            .prop_map(|(client, namespace)| Op::Volatile { client, namespace }),
        1 => (namespace(), room(), room())
            .prop_map(|(namespace, from, to)| Op::JoinAll { namespace, from, to }),
        1 => (namespace(), room()).prop_map(|(namespace, from)| Op::LeaveAll { namespace, from }),
        1 => (namespace(), room()).prop_map(|(namespace, from)| Op::ExpelAll { namespace, from }),
        2 => (namespace(), rooms()).prop_map(|(namespace, rooms)| Op::Find { namespace, rooms }),
        2 => (namespace(), rooms(), client())
            .prop_map(|(namespace, rooms, silent)| Op::Ask { namespace, rooms, silent }),
        3 => (client(), namespace(), end())
            .prop_map(|(client, namespace, end)| Op::AskOne { client, namespace, end }),
        1 => Just(Op::Time),
    ]
}

fn end() -> impl Strategy<Value = End> {
    prop_oneof![Just(End::Answered), Just(End::Left), Just(End::TimedOut), Just(End::Vanished)]
}

/// The process and its reference, side by side.
struct Pair {
    sim: Sim,
    model: Model,
    clients: Vec<WebSocket>,
    /// Which socket a client is in a namespace.
    sockets: Vec<[usize; NAMESPACES.len()]>,
    connected: usize,
    questions: usize,
}

impl Pair {
    fn new() -> Self {
        let sim = Sim::sharded(SHARDS as u16, |_| {});
        let mut pair = Self {
            sim,
            model: Model::default(),
            clients: Vec::new(),
            sockets: vec![[0; NAMESPACES.len()]; CLIENTS],
            connected: 0,
            questions: 0,
        };
        for client in 0..CLIENTS {
            let ws = pair.open(client);
            pair.clients.push(ws);
        }
        pair
    }

    fn open(&mut self, client: usize) -> WebSocket {
        self.sim.on_shard(client % SHARDS).websocket()
    }

    fn member(&self, namespace: usize, client: usize) -> Option<Member> {
        self.model.rooms(namespace, client)?;
        Some(self.sim.socket(self.sockets[client][namespace]))
    }

    fn run(&mut self, op: &Op) {
        match op {
            &Op::Enter { client, namespace } => self.enter(client, namespace),
            &Op::Exit { client, namespace } => {
                if self.model.exit(namespace, client) {
                    self.clients[client].send(&format!("41{},", NAMESPACES[namespace]));
                }
            }
            &Op::Expel { client, namespace } => self.expel(client, namespace),
            &Op::Vanish { client } => self.vanish(client),
            &Op::Join { client, namespace, room } => {
                self.room(namespace, client, ROOMS[room], true);
            }
            &Op::Leave { client, namespace, room } => {
                self.room(namespace, client, ROOMS[room], false);
            }
            Op::Broadcast { namespace, rooms, except, here, volatile } => {
                let scope = if *here { Scope::Shard } else { Scope::Process };
                self.broadcast(*namespace, &names(rooms), &names(except), (scope, *volatile));
            }
            Op::Others { client, namespace, rooms, except } => {
                self.others(*client, *namespace, &names(rooms), &names(except));
            }
            &Op::Volatile { client, namespace } => {
                if let Some(member) = self.member(namespace, client) {
                    assert_eq!(member.emit_volatile("v"), Ok(true), "nothing waits before it");
                    self.expect(client, &packet("42", namespace, "[\"v\"]"));
                }
            }
            &Op::AskOne { client, namespace, end } => self.ask_one(client, namespace, end),
            &Op::JoinAll { namespace, from, to } => {
                let moved = self.change_all(namespace, from, |server, now, target| {
                    server.join_all(now, target, &[ROOMS[to]]);
                });
                moved.iter().for_each(|&client| self.model.join(namespace, client, ROOMS[to]));
            }
            &Op::LeaveAll { namespace, from } => {
                let moved = self.change_all(namespace, from, |server, now, target| {
                    server.leave_all(now, target, target.rooms);
                });
                moved.iter().for_each(|&client| self.model.leave(namespace, client, ROOMS[from]));
            }
            &Op::ExpelAll { namespace, from } => {
                let moved = self.change_all(namespace, from, |server, now, target| {
                    server.disconnect_all_of(now, target, Disconnect::Namespace);
                });
                for client in moved {
                    self.model.exit(namespace, client);
                    self.expect(client, &disconnect(namespace));
                }
            }
            Op::Find { namespace, rooms } => self.find(*namespace, &names(rooms)),
            Op::Ask { namespace, rooms, silent } => self.ask(*namespace, &names(rooms), *silent),
            Op::Time => self.beat(),
        }
    }

    /// Changes all members of a room, from the last shard, and returns the expected members.
    fn change_all(
        &self,
        namespace: usize,
        from: usize,
        change: impl FnOnce(&mut Server, Instant, &Target<'_>),
    ) -> Vec<usize> {
        let rooms = [ROOMS[from]];
        let target = Target { rooms: &rooms, ..Target::namespace(NAMESPACES[namespace]) };
        self.sim.on(SHARDS - 1, |server, now| change(server, now, &target));
        self.model.target(namespace, &rooms, &[])
    }

    /// A client takes or leaves a room.
    fn room(&mut self, namespace: usize, client: usize, room: &str, joins: bool) {
        let Some(member) = self.member(namespace, client) else { return };
        let known = member.rooms().iter().any(|joined| joined == room);
        if joins {
            assert_eq!(member.join(room), Ok(!known));
            self.model.join(namespace, client, room);
        } else {
            assert_eq!(member.leave(room), known);
            self.model.leave(namespace, client, room);
        }
    }

    fn enter(&mut self, client: usize, namespace: usize) {
        if self.model.enter(namespace, client) {
            let reply = self.clients[client].join(NAMESPACES[namespace]);
            assert_eq!(reply, packet("40", namespace, "{\"sid\":\"…\"}"));
            self.connected += 1;
            self.sockets[client][namespace] = self.connected;
        }
    }

    fn expel(&mut self, client: usize, namespace: usize) {
        if let Some(member) = self.member(namespace, client) {
            member.disconnect(Disconnect::Namespace);
            self.model.exit(namespace, client);
            self.expect(client, &disconnect(namespace));
        }
    }

    /// Time passes up to the next heartbeat.
    fn beat(&mut self) {
        self.sim.advance(25_000);
        for client in 0..CLIENTS {
            self.expect(client, "2");
            self.clients[client].send("3");
        }
    }

    fn vanish(&mut self, client: usize) {
        self.clients[client].vanish();
        self.model.vanish(client);
        self.clients[client] = self.open(client);
    }

    fn broadcast(
        &mut self,
        namespace: usize,
        rooms: &[&str],
        except: &[&str],
        (scope, volatile): (Scope, bool),
    ) {
        let to =
            Target { rooms, except, scope, volatile, ..Target::namespace(NAMESPACES[namespace]) };
        self.sim.broadcast(&to, "e", "[]");
        for client in self.model.target(namespace, rooms, except) {
            if scope == Scope::Process || client % SHARDS == 0 {
                self.expect(client, &packet("42", namespace, "[\"e\"]"));
            }
        }
    }

    /// A client sends to others, from its own shard.
    fn others(&mut self, client: usize, namespace: usize, rooms: &[&str], except: &[&str]) {
        let Some(member) = self.member(namespace, client) else { return };
        self.sim.on(client % SHARDS, |server, _| {
            let socket = server.socket(member.socket).expect("it is there");
            let to = Target { rooms, except, ..socket.others(NAMESPACES[namespace]) };
            server.broadcast(&to, "o", ArgsRef::NONE).expect("it can be sent");
        });
        for other in self.model.target(namespace, rooms, except) {
            if other != client {
                self.expect(other, &packet("42", namespace, "[\"o\"]"));
            }
        }
    }

    fn ask_one(&mut self, client: usize, namespace: usize, end: End) {
        let Some(member) = self.member(namespace, client) else { return };
        let number = self.sockets[client][namespace];
        self.sim.events();
        self.questions += 1;
        member.ask("q", 1).expect("it owes nothing");
        let question = self.clients[client].recv();
        let id = question.strip_prefix(&packet("42", namespace, "")).expect("an event");
        let answer = packet("43", namespace, &id.replace("[\"q\"]", "[1]"));
        let outcome = match end {
            End::Answered => {
                self.clients[client].send(&answer);
                "[1]"
            }
            End::Left => {
                self.clients[client].send(&packet("41", namespace, ""));
                self.model.exit(namespace, client);
                "disconnected"
            }
            End::TimedOut => {
                self.sim.advance(1);
                "timed out"
            }
            End::Vanished => {
                self.vanish(client);
                "disconnected"
            }
        };
        // An answer that comes twice, or late, is ignored.
        if let End::Answered | End::TimedOut = end {
            self.clients[client].send(&answer);
            self.sim.advance(1);
        }
        let heard = self.sim.events();
        let answers: Vec<_> = heard.iter().filter(|line| line.starts_with("answer")).collect();
        assert_eq!(answers, [&format!("answer {} from {number} {outcome}", self.questions)]);
    }

    fn find(&mut self, namespace: usize, rooms: &[&str]) {
        self.sim.events();
        self.questions += 1;
        self.sim.find(&Target { rooms, ..Target::namespace(NAMESPACES[namespace]) });
        let found = self.model.target(namespace, rooms, &[]);
        let mut found: Vec<_> = found.iter().map(|&n| self.sockets[n][namespace]).collect();
        found.sort_unstable();
        assert_eq!(self.sim.events(), [format!("answer {} found {found:?}", self.questions)]);
    }

    fn ask(&mut self, namespace: usize, rooms: &[&str], silent: usize) {
        self.sim.events();
        self.questions += 1;
        let to = Target { rooms, ..Target::namespace(NAMESPACES[namespace]) };
        self.sim.ask_all(&to, "q", 1);
        let asked = self.model.target(namespace, rooms, &[]);
        for &client in &asked {
            let question = self.clients[client].recv();
            let id = question.strip_prefix(&packet("42", namespace, "")).expect("an event");
            let id = id.strip_suffix("[\"q\"]").expect("the question");
            if client != silent {
                let answer = packet("43", namespace, &format!("{id}[{client}]"));
                self.clients[client].send(&answer);
            }
        }
        self.sim.advance(1);
        let missing = usize::from(asked.contains(&silent));
        let events = self.sim.events();
        assert_eq!(events.len(), asked.len() - missing + 1);
        let done = format!("answer {} done, {missing} missing", self.questions);
        assert_eq!(events.last(), Some(&done));
    }

    fn expect(&mut self, client: usize, text: &str) {
        assert_eq!(self.clients[client].next(), Some(Item::Text(text.into())));
    }

    /// What can be compared after every step.
    fn check(&mut self) {
        for client in 0..CLIENTS {
            assert_eq!(self.clients[client].next(), None, "client {client}");
            for namespace in 0..NAMESPACES.len() {
                if let Some(member) = self.member(namespace, client) {
                    assert_eq!(Some(member.rooms()), self.model.rooms(namespace, client));
                }
            }
        }
        let counts = self.sim.counts();
        assert_eq!(counts.sockets, self.model.socket_count());
        assert_eq!(counts.rooms, self.model.room_count(|client| client % SHARDS));
        assert_eq!((counts.questions, counts.bytes), (0, 0));
    }
}

fn names(rooms: &[usize]) -> Vec<&'static str> {
    rooms.iter().map(|&room| ROOMS[room]).collect()
}

fn packet(kind: &str, namespace: usize, rest: &str) -> String {
    match NAMESPACES[namespace] {
        "/" => format!("{kind}{rest}"),
        name => format!("{kind}{name},{rest}"),
    }
}

fn disconnect(namespace: usize) -> String {
    packet("41", namespace, "")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_sequence_does_what_the_reference_says(ops in prop::collection::vec(op(), 1..80)) {
        let mut pair = Pair::new();
        for client in 0..CLIENTS {
            // No client is cut off for having joined nothing yet.
            pair.enter(client, 0);
        }
        for op in &ops {
            if let Op::Time = op
                && (0..CLIENTS).any(|client| pair.model.of(client).is_empty())
            {
                continue;
            }
            pair.run(op);
            pair.check();
        }
        pair.clients.iter_mut().for_each(WebSocket::vanish);
        prop_assert_eq!(pair.sim.counts(), Counts::default());
    }
}
