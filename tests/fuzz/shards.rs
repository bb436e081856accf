//! Two shards whose messages take their time: each client gets its own events, once and in
//! the order of their sender, and questions to both are answered.

use arbitrary::{Result, Unstructured};
use sansocket::cluster::Message;
use sansocket::{Answer, ArgsRef, Counts, Event, Link, Shard, Socket, Target};
use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use super::host::Host;

pub(super) fn run(data: &[u8]) {
    let mut pair = Pair::new();
    let mut input = Unstructured::new(data);
    for _ in 0..150 {
        if input.is_empty() || pair.step(&mut input).is_err() {
            break;
        }
        pair.check();
    }
    pair.end();
}

const ROOMS: [&str; 3] = ["r0", "r1", "r2"];

struct Pair {
    hosts: [Host; 2],
    clients: [Client; 4],
    /// What each shard has to hear, and what that means.
    mail: [VecDeque<(Message, Meaning)>; 2],
    sent: usize,
    /// Questions asked and not concluded.
    open: usize,
    /// Clients asked that have not been heard to answer.
    asked: usize,
}

struct Client {
    shard: usize,
    link: Link,
    socket: Socket,
    rooms: BTreeSet<&'static str>,
    expected: VecDeque<String>,
}

/// What a message between shards does where it is heard.
#[derive(Clone, Debug)]
enum Meaning {
    Broadcast { rooms: Vec<&'static str>, except: Vec<&'static str>, text: String },
    Join { rooms: Vec<&'static str>, except: Vec<&'static str>, room: &'static str },
    Leave { rooms: Vec<&'static str>, except: Vec<&'static str>, room: &'static str },
    Ask { rooms: Vec<&'static str>, except: Vec<&'static str> },
    Nothing,
}

impl Pair {
    fn new() -> Self {
        let mut hosts = [0, 1].map(|index| Host::shard(Shard { index, count: 2 }, |_| {}));
        let clients = [0, 1, 0, 1].map(|shard| {
            let link = hosts[shard].websocket();
            let socket = hosts[shard].join(link, "/");
            let (rooms, expected) = (BTreeSet::new(), VecDeque::new());
            Client { shard, link, socket, rooms, expected }
        });
        Self {
            hosts,
            clients,
            mail: [VecDeque::new(), VecDeque::new()],
            sent: 0,
            open: 0,
            asked: 0,
        }
    }

    fn step(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        let client = input.int_in_range(0..=3)?;
        let shard = self.clients[client].shard;
        let room = *input.choose(&ROOMS)?;
        match input.int_in_range(0..=8)? {
            0 | 1 => {
                let Client { socket, rooms, .. } = &mut self.clients[client];
                let mut socket = self.hosts[shard].server.socket(*socket).expect("it is there");
                assert_eq!(socket.join(room), Ok(rooms.insert(room)));
            }
            2 => {
                let Client { socket, rooms, .. } = &mut self.clients[client];
                let mut socket = self.hosts[shard].server.socket(*socket).expect("it is there");
                assert_eq!(socket.leave(room), rooms.remove(room));
            }
            3..=5 => {
                let (rooms, except) = (some(input)?, some(input)?);
                self.tell(shard, rooms, except, input, room)?;
            }
            6 | 7 => {
                self.deliver(shard);
            }
            _ => self.answer(client),
        }
        Ok(())
    }

    /// One shard tells both.
    fn tell(
        &mut self,
        shard: usize,
        rooms: Vec<&'static str>,
        except: Vec<&'static str>,
        input: &mut Unstructured<'_>,
        room: &'static str,
    ) -> Result<()> {
        let kind = input.int_in_range(0..=4)?;
        let Host { server, now } = &mut self.hosts[shard];
        let to = Target { rooms: &rooms, except: &except, ..Target::namespace("/") };
        let meaning = match kind {
            0 | 1 => {
                self.sent += 1;
                let json = format!("[{}]", self.sent);
                server.broadcast(&to, "b", ArgsRef::from_valid(&json, &[])).expect("it is sent");
                let text = format!("42[\"b\",{}]", self.sent);
                Meaning::Broadcast { rooms, except, text }
            }
            2 => {
                server.join_all(*now, &to, &[room]);
                Meaning::Join { rooms, except, room }
            }
            3 => {
                server.leave_all(*now, &to, &[room]);
                Meaning::Leave { rooms, except, room }
            }
            _ => {
                let timeout = Duration::from_secs(1);
                let ticket = server.broadcast_with_ack(*now, &to, "q", ArgsRef::NONE, timeout);
                ticket.expect("it is sent");
                self.open += 1;
                Meaning::Ask { rooms, except }
            }
        };
        self.happen(shard, &meaning);
        self.collect(shard, &meaning);
        Ok(())
    }

    /// Puts what a shard says into the other's mail.
    fn collect(&mut self, shard: usize, meaning: &Meaning) {
        while let Some(output) = self.hosts[shard].server.poll_peer() {
            self.mail[1 - shard].push_back((output.message, meaning.clone()));
        }
    }

    /// A shard handles the next message.
    fn deliver(&mut self, shard: usize) -> bool {
        let Some((message, meaning)) = self.mail[shard].pop_front() else { return false };
        let Host { server, now } = &mut self.hosts[shard];
        server.handle_peer(*now, &message);
        self.happen(shard, &meaning);
        self.collect(shard, &Meaning::Nothing);
        true
    }

    /// What a message means for the clients of a shard, by the reference.
    fn happen(&mut self, shard: usize, meaning: &Meaning) {
        let (rooms, except) = match meaning {
            Meaning::Broadcast { rooms, except, .. }
            | Meaning::Join { rooms, except, .. }
            | Meaning::Leave { rooms, except, .. }
            | Meaning::Ask { rooms, except } => (rooms, except),
            Meaning::Nothing => return,
        };
        for client in self.clients.iter_mut().filter(|client| client.shard == shard) {
            let within = |names: &[&str]| names.iter().any(|name| client.rooms.contains(name));
            if !(rooms.is_empty() || within(rooms)) || within(except) {
                continue;
            }
            match meaning {
                Meaning::Broadcast { text, .. } => client.expected.push_back(text.clone()),
                Meaning::Join { room, .. } => drop(client.rooms.insert(room)),
                Meaning::Leave { room, .. } => drop(client.rooms.remove(room)),
                Meaning::Ask { .. } => {
                    client.expected.push_back("question".into());
                    self.asked += 1;
                }
                Meaning::Nothing => {}
            }
        }
    }

    /// A client reads, and answers all questions it finds.
    fn answer(&mut self, client: usize) {
        let Client { shard, link, expected, .. } = &mut self.clients[client];
        let host = &mut self.hosts[*shard];
        for frame in host.frames(*link) {
            let id = frame.strip_prefix("42").and_then(|rest| rest.strip_suffix("[\"q\"]"));
            let heard = if id.is_some() { "question" } else { &frame };
            assert_eq!(expected.pop_front().as_deref(), Some(heard));
            if let Some(id) = id {
                host.text(*link, &format!("43{id}[]"));
            }
        }
        assert_eq!(expected.pop_front(), None, "something did not come");
        let shard = *shard;
        self.collect(shard, &Meaning::Nothing);
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "all the rest is a lost answer")]
    fn check(&mut self) {
        for host in &mut self.hosts {
            host.server.check();
            for event in host.events() {
                let Event::Ack { answer, .. } = event else { panic!("{event:?}") };
                match answer {
                    Answer::Args(_) => self.asked -= 1,
                    // All clients stay, and time stands still.
                    Answer::Done { missing: 0 } => self.open -= 1,
                    answer => panic!("{answer:?}"),
                }
            }
        }
        for Client { shard, socket, rooms, .. } in &self.clients {
            let client = self.hosts[*shard].server.socket(*socket).expect("it is there");
            let mut found: Vec<_> = client.rooms().map(str::to_owned).collect();
            found.sort_unstable();
            assert!(found.iter().eq(rooms.iter()), "{found:?} instead of {rooms:?}");
        }
    }

    /// All mail arrives, all clients read, and all questions are answered.
    fn end(&mut self) {
        loop {
            while self.deliver(0) || self.deliver(1) {}
            (0..4).for_each(|client| self.answer(client));
            if self.mail.iter().all(VecDeque::is_empty) {
                break;
            }
        }
        self.check();
        assert_eq!(self.asked, 0, "an answer is lost");
        assert_eq!(self.open, 0, "a question that all answered is concluded");
        for Client { shard, link, .. } in &self.clients {
            let Host { server, now } = &mut self.hosts[*shard];
            server.handle_closed(*now, *link);
        }
        for host in &mut self.hosts {
            host.events();
            host.advance(Duration::from_secs(60));
            assert_eq!(host.server.counts(), Counts::default());
        }
    }
}

fn some(input: &mut Unstructured<'_>) -> Result<Vec<&'static str>> {
    let bits: u8 = input.int_in_range(0..=7)?;
    // An empty list means all clients, so it should be as likely as a full one.
    Ok(ROOMS.into_iter().enumerate().filter(|(n, _)| bits >> n & 1 == 1).map(|(_, r)| r).collect())
}
