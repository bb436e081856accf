use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::cluster::Output;
use crate::context::RequestContext;
use crate::error::{Misuse, Reason};
use crate::http::head::Places;
use crate::http::{Fields, Method, Request};
use crate::key::Shard;
use crate::link::{Link, Message, Transmit, Verdict};
use crate::server::event::Answer;
use crate::server::{Event, JoinError, Scope, Target};
use crate::socket::ArgsRef;

/// A process of three shards. Its time stands still.
struct Process {
    now: Instant,
    shards: Vec<Server>,
    /// Messages for other nodes.
    sent: Vec<crate::cluster::Message>,
}

/// A client of a process.
struct Peer {
    shard: usize,
    link: Link,
    socket: Socket,
    id: Id,
}

impl Process {
    fn new(seed: u8) -> Self {
        #[expect(clippy::disallowed_methods, reason = "tests need one real instant to start from")]
        let now = Instant::now();
        let shard = |index| Shard { index, count: 3 };
        let server = |index| Server::new(Arc::default(), shard(index), [seed; 32], now);
        Self { now, shards: (0..3).map(server).collect(), sent: Vec::new() }
    }

    fn join(&mut self, shard: usize) -> Peer {
        let peer = self.ask_in(shard);
        assert_eq!(self.shards[shard].admit(self.now, peer.socket), Ok(()));
        self.got(&peer);
        peer
    }

    /// A client comes back, under the id that it had.
    fn come_back(&mut self, shard: usize, id: Id) -> Peer {
        let peer = self.ask_in(shard);
        assert_eq!(self.shards[shard].admit_as(self.now, peer.socket, id), Ok(()));
        self.carry();
        assert_eq!(self.got(&peer), [format!("40{{\"sid\":\"{id}\"}}")]);
        Peer { id, ..peer }
    }

    fn ask_in(&mut self, shard: usize) -> Peer {
        let head = b"host: a\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
            sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
        let fields = Fields::head(head, &Places::UNKNOWN);
        let request = Request::new(Method::Get, "/socket.io/?EIO=4&transport=websocket", fields);
        let server = &mut self.shards[shard];
        let verdict = server.handle_request(self.now, request, RequestContext::default());
        let Verdict::Upgrade { link: Some(link), .. } = verdict else { panic!("{verdict:?}") };
        server.handle_message(self.now, link, Message::Text("40"));
        let Some(Event::Connect { socket, id, .. }) = server.poll_event() else {
            panic!("a client asks to join");
        };
        while server.poll_transmit(link).is_some() {}
        Peer { shard, link, socket, id }
    }

    fn leave(&mut self, peer: &Peer) {
        let server = &mut self.shards[peer.shard];
        server.handle_closed(self.now, peer.link);
        let Some(Event::Disconnect { reason, .. }) = server.poll_event() else {
            panic!("a client leaves");
        };
        assert_eq!(reason, Reason::TransportClose);
        self.carry();
    }

    /// Sends an event to one name from one shard.
    fn send(&mut self, shard: usize, name: &str, scope: Scope) {
        let rooms = [name];
        let to = Target { rooms: &rooms, scope, ..Target::namespace("/") };
        assert_eq!(self.shards[shard].broadcast(&to, "x", ArgsRef::NONE), Ok(()));
        self.carry();
    }

    /// Carries messages between shards, and keeps those for other nodes.
    fn carry(&mut self) {
        for from in 0..self.shards.len() {
            while let Some(Output { to, message }) = self.shards[from].poll_peer() {
                let meant = |shard: usize| match to {
                    Destination::Everyone => shard != from,
                    Destination::Shard(index) => usize::from(index) == shard,
                    Destination::Node => false,
                };
                for shard in (0..self.shards.len()).filter(|&shard| meant(shard)) {
                    self.shards[shard].handle_peer(self.now, &message);
                }
                if to == Destination::Node {
                    self.sent.push(message);
                }
            }
        }
    }

    /// Takes what other nodes sent, which shards report to the node of this process.
    fn hear(&mut self, sent: Vec<crate::cluster::Message>) {
        for mut message in sent {
            if let Body::Broadcast { ask: Some(ask), .. } = &mut message.0 {
                ask.from = crate::cluster::Peer::Node;
            }
            self.shards.iter_mut().for_each(|shard| shard.handle_peer(self.now, &message));
        }
        self.carry();
    }

    fn got(&mut self, peer: &Peer) -> Vec<String> {
        let server = &mut self.shards[peer.shard];
        let text = |transmit| match transmit {
            Transmit::Frame(frame) => String::from_utf8_lossy(frame.payload()).into_owned(),
            Transmit::Close(_) | Transmit::Response(_) => panic!("{transmit:?}"),
        };
        std::iter::from_fn(|| server.poll_transmit(peer.link)).map(text).collect()
    }

    fn join_room(&mut self, peer: &Peer, room: &str) -> Result<bool, JoinError> {
        self.shards[peer.shard].socket(peer.socket).expect("it is here").join(room)
    }
}

const EVENT: &str = "42[\"x\"]";

#[test]
fn an_id_outlives_its_session_and_moves_to_another_shard() {
    let mut process = Process::new(7);
    let first = process.join(0);
    let id = first.id;
    process.leave(&first);
    // Its slot has another client by now, and another id.
    let other = process.join(0);
    assert_eq!((other.socket.index(), other.id == id), (first.socket.index(), false));
    let second = process.come_back(2, id);
    for shard in 0..3 {
        process.send(shard, id.as_str(), Scope::default());
        assert_eq!(process.shards[shard].shard_of(id.as_str()), Some(2));
        assert_eq!(process.got(&second), [EVENT], "from shard {shard}");
        assert_eq!(process.got(&other), [""; 0]);
    }
}

#[test]
fn nobody_joins_the_room_of_an_id_that_moved() {
    let mut process = Process::new(7);
    let first = process.join(0);
    process.leave(&first);
    let back = process.come_back(1, first.id);
    for shard in 0..3 {
        let other = process.join(shard);
        let joined = process.join_room(&other, back.id.as_str());
        assert_eq!(joined, Err(JoinError::Misuse(Misuse::ForeignRoom)));
    }
    assert_eq!(process.join_room(&back, back.id.as_str()), Ok(false), "it is in its own");
}

#[test]
fn an_id_is_free_again_when_its_second_session_ends() {
    let mut process = Process::new(7);
    let first = process.join(0);
    process.leave(&first);
    let second = process.come_back(1, first.id);
    process.leave(&second);
    process.send(2, first.id.as_str(), Scope::default());
    assert!(process.shards.iter().all(|shard| shard.space.adopted.places.is_empty()));
    let third = process.come_back(0, first.id);
    process.send(2, first.id.as_str(), Scope::default());
    assert_eq!(process.got(&third), [EVENT]);
}

#[test]
fn a_session_that_ends_late_does_not_take_the_id_from_the_next() {
    let mut process = Process::new(7);
    let first = process.join(0);
    process.leave(&first);
    let second = process.come_back(1, first.id);
    let third = process.come_back(2, first.id);
    process.leave(&second);
    process.send(0, first.id.as_str(), Scope::default());
    assert_eq!(process.got(&third), [EVENT]);
}

#[test]
fn a_process_that_is_alone_tells_no_node_anything() {
    let mut process = Process::new(7);
    let client = process.join(0);
    process.send(1, client.id.as_str(), Scope::Cluster);
    process.send(1, "room", Scope::Cluster);
    assert!(process.sent.is_empty());
}

#[test]
fn the_id_of_a_client_on_another_node_is_reached_through_the_node_and_guarded() {
    let (mut here, mut there) = (Process::new(7), Process::new(8));
    for shard in 0..3 {
        here.shards[shard].meet(there.shards[0].node_key());
        there.shards[shard].meet(here.shards[0].node_key());
    }
    let (own, foreign) = (here.join(0), there.join(1));
    assert_eq!(here.shards[0].shard_of(foreign.id.as_str()), None);
    let joined = here.join_room(&own, foreign.id.as_str());
    assert_eq!(joined, Err(JoinError::Misuse(Misuse::ForeignRoom)));

    here.send(0, foreign.id.as_str(), Scope::Process);
    assert!(here.sent.is_empty(), "it is no client of the process");
    here.send(0, foreign.id.as_str(), Scope::Cluster);
    assert_eq!(here.sent.len(), 1);
    there.hear(std::mem::take(&mut here.sent));
    assert_eq!((there.got(&foreign), there.sent.len()), (vec![EVENT.into()], 0));

    here.send(1, own.id.as_str(), Scope::Cluster);
    assert_eq!((here.got(&own), here.sent.len()), (vec![EVENT.into()], 0), "nobody else need hear");
}

#[test]
fn the_node_reports_once_for_all_processes_behind_it() {
    let mut here = Process::new(7);
    for shard in 0..3 {
        here.shards[shard].meet(Process::new(8).shards[0].node_key());
    }
    let (now, to) = (here.now, Target::namespace("/"));
    let asked =
        here.shards[0].broadcast_with_ack(now, &to, "x", ArgsRef::NONE, Duration::from_secs(1));
    let ticket = asked.expect("it is an event");
    here.carry();
    assert!(here.shards[0].poll_event().is_none(), "the node has not reported");
    let report = Body::Asked { id: ticket.0, clients: 0, missing: 2 };
    here.shards[0].handle_peer(now, &crate::cluster::Message(report));
    let Some(Event::Ack { answer: Answer::Done { missing }, .. }) = here.shards[0].poll_event()
    else {
        panic!("all have reported");
    };
    assert_eq!(missing, 2);
}

#[test]
fn shards_report_to_the_node_what_it_asked_them() {
    let (mut here, mut there) = (Process::new(7), Process::new(8));
    here.shards[0].meet(there.shards[0].node_key());
    there.join(1);
    let (now, to) = (here.now, Target::namespace("/"));
    let asked =
        here.shards[0].broadcast_with_ack(now, &to, "x", ArgsRef::NONE, Duration::from_secs(1));
    let ticket = asked.expect("it is an event");
    here.carry();
    there.hear(std::mem::take(&mut here.sent));
    assert_eq!(there.sent.len(), 3, "each shard reports");
    let asked = there.sent.iter().filter_map(|message| match &message.0 {
        Body::Asked { id, clients, .. } => Some((*id, *clients)),
        Body::Adopted { .. }
        | Body::Answered { .. }
        | Body::Apply { .. }
        | Body::Broadcast { .. }
        | Body::Deserted { .. }
        | Body::Find { .. }
        | Body::Forgotten { .. }
        | Body::Found { .. }
        | Body::Gone { .. }
        | Body::Populated { .. }
        | Body::Released { .. }
        | Body::Restore { .. }
        | Body::Restored { .. }
        | Body::Save(_)
        | Body::Seek { .. }
        | Body::Sought { .. }
        | Body::Streamed { .. } => None,
    });
    let asked: Vec<_> = asked.collect();
    assert!(asked.iter().all(|(id, _)| *id == ticket.0));
    assert_eq!(asked.iter().map(|(_, clients)| clients).sum::<u32>(), 1);
}
