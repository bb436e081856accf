//! Two clusters of different formats, with a bridge between their buses.

use std::time::Duration;

use sansocket::cluster::bus::{Detail, Format, To};
use sansocket::cluster::{Bridge, NodeStatus, Outcome, Side};
use sansocket::{ArgsRef, Disconnect, EventMessage, Target};
use testbed::Process;

use super::config;
use super::world::{State, World};

/// Pairs of formats, left and right.
const PAIRS: [(Format, Format); 5] = [
    (Format::Python, Format::Classic),
    (Format::Classic, Format::Python),
    (Format::Classic, Format::Native),
    (Format::Native, Format::Streams),
    (Format::Native, Format::Python),
];

/// Those of them in which both sides have questions.
const ASKING: [(Format, Format); 2] =
    [(Format::Classic, Format::Native), (Format::Native, Format::Streams)];

/// Two processes on each side, and the bridge as a third.
struct Pair {
    left: World,
    right: World,
    bridge: Bridge,
    connected: Vec<Side>,
}

const BRIDGE: usize = 2;

impl Pair {
    fn new(formats: (Format, Format)) -> Self {
        let (left, right) = formats;
        let (mut left, mut right) = (World::new(left, 2), World::empty(right));
        // Ids of clients on the two sides must differ.
        for seed in [11, 12] {
            right.add_with_seed(config(formats.1), seed);
        }
        right.millis(500);
        left.now = left.now.max(right.now);
        right.now = left.now;
        assert_eq!([left.add_bridged(), right.add_bridged()], [BRIDGE; 2]);
        let mut pair = Self { left, right, bridge: Bridge::default(), connected: Vec::new() };
        pair.millis(600);
        assert_eq!(pair.connected.len(), 2, "both sides are told");
        pair
    }

    fn side(&mut self, side: Side) -> &mut World {
        match side {
            Side::Left => &mut self.left,
            Side::Right => &mut self.right,
        }
    }

    fn at(&mut self, side: Side, process: usize) -> &mut Process {
        self.side(side).at(process)
    }

    /// Lets happen what takes no time.
    fn settle(&mut self) {
        for _ in 0..8 {
            self.left.settle();
            self.right.settle();
            let now = self.left.now;
            let (left, right) = (self.left.at(BRIDGE), self.right.at(BRIDGE));
            let statuses = self.bridge.carry(now, &mut left.node, &mut right.node);
            let connected =
                |(_, status): &(Side, NodeStatus)| matches!(status, NodeStatus::Connected { .. });
            self.connected.extend(statuses.into_iter().filter(connected).map(|(side, _)| side));
        }
    }

    fn millis(&mut self, millis: u64) {
        for _ in 0..millis / 10 {
            self.left.millis(10);
            self.right.millis(10);
            self.settle();
        }
    }

    fn connect(&mut self, side: Side, process: usize) -> usize {
        let client = self.side(side).connect(process);
        self.settle();
        client
    }

    fn join(&mut self, side: Side, client: usize, room: &str) {
        self.at(side, 1).join(client, room);
        self.settle();
    }

    /// Emits by the first process of the left.
    fn emit(&mut self, rooms: &[&str], except: &[&str], json: &str) {
        self.at(Side::Left, 0).emit(rooms, except, "e", json);
        self.settle();
    }

    fn frames(&mut self, side: Side, client: usize) -> Vec<String> {
        self.at(side, 1).frames(client)
    }

    fn published(&self) -> [usize; 2] {
        [self.left.broker.log.len(), self.right.broker.log.len()]
    }

    /// Asks by the first process of the left for clients, and waits so long for the outcome.
    fn fetch(&mut self, millis: u64) -> Option<Outcome> {
        let now = self.left.now;
        let node = &mut self.at(Side::Left, 0).node;
        let question = node.fetch(now, "/", To::default(), Detail::Clients).expect("it is asked");
        let number = self.at(Side::Left, 0).await_outcome(question);
        self.settle();
        self.millis(millis);
        self.at(Side::Left, 0).outcome(number)
    }

    /// A client of a second process acknowledges the last event with a value.
    fn acknowledge(&mut self, side: Side, client: usize, value: &str) {
        let frames = self.frames(side, client);
        let frame = frames.last().expect("it was asked");
        let number = frame[2..].split('[').next().expect("there is one");
        let (now, text) = (self.left.now, format!("43{number}[{value}]"));
        self.at(side, 1).hear(now, client, &text);
        self.settle();
    }

    fn ask(&mut self, rooms: &[&str]) {
        let now = self.left.now;
        self.at(Side::Left, 0).ask(now, rooms, Duration::from_secs(1));
        self.settle();
    }
}

#[test]
fn events_reach_all_rooms_and_ids_of_the_other_bus_once() {
    for formats in PAIRS {
        let mut pair = Pair::new(formats);
        let here = pair.connect(Side::Left, 1);
        let [a, b] = [0; 2].map(|_| pair.connect(Side::Right, 1));
        pair.join(Side::Right, a, "r");
        let id = pair.at(Side::Right, 1).id(a);
        pair.emit(&[], &[], "[1]");
        pair.emit(&["r"], &[], "[2]");
        pair.emit(&[&id], &[], "[3]");
        pair.emit(&[], &[&id], "[4]");
        let all = |numbers: &[u8]| -> Vec<String> {
            numbers.iter().map(|n| format!("42[\"e\",{n}]")).collect()
        };
        assert_eq!(pair.frames(Side::Right, a), all(&[1, 2, 3]), "{formats:?}");
        assert_eq!(pair.frames(Side::Right, b), all(&[1, 4]), "{formats:?}");
        assert_eq!(pair.frames(Side::Left, here), all(&[1, 4]), "{formats:?}");
    }
}

#[test]
fn events_with_attachments_pass() {
    for formats in PAIRS {
        let mut pair = Pair::new(formats);
        let client = pair.connect(Side::Right, 1);
        let attachments = [sansocket::Bytes::from_static(&[0, 255])];
        let args = ArgsRef::from_valid(r#"[{"_placeholder":true,"num":0}]"#, &attachments);
        let sent = pair.at(Side::Left, 0).shards[0].broadcast(&Target::namespace("/"), "b", args);
        sent.expect("it is sent");
        pair.settle();
        let text = r#"451-["b",{"_placeholder":true,"num":0}]"#;
        assert_eq!(pair.frames(Side::Right, client), [text, "b[0, 255]"], "{formats:?}");
    }
}

#[test]
fn nothing_goes_round() {
    for formats in PAIRS {
        let mut pair = Pair::new(formats);
        pair.connect(Side::Left, 1);
        pair.connect(Side::Right, 1);
        let [left, right] = pair.published();
        pair.emit(&[], &[], "[1]");
        assert_eq!(pair.published(), [left + 1, right + 1], "{formats:?}");
    }
}

#[test]
fn clients_of_the_other_bus_join_leave_and_are_disconnected_by_their_ids() {
    for formats in PAIRS {
        let mut pair = Pair::new(formats);
        let client = pair.connect(Side::Right, 1);
        let id = pair.at(Side::Right, 1).id(client);
        let now = pair.left.now;
        let to = Target { rooms: &[&id], ..Target::namespace("/") };
        pair.at(Side::Left, 0).shards[0].join_all(now, &to, &["r", "s"]);
        pair.settle();
        assert_eq!(pair.at(Side::Right, 1).rooms(client), ["r", "s"], "{formats:?}");
        pair.at(Side::Left, 0).shards[0].leave_all(now, &to, &["s"]);
        pair.settle();
        assert_eq!(pair.at(Side::Right, 1).rooms(client), ["r"], "{formats:?}");
        pair.at(Side::Left, 0).shards[0].disconnect_all_of(now, &to, Disconnect::Namespace);
        pair.settle();
        assert_eq!(pair.frames(Side::Right, client), ["41"], "{formats:?}");
    }
}

#[test]
fn one_client_of_the_other_bus_acknowledges() {
    for formats in PAIRS {
        let mut pair = Pair::new(formats);
        let client = pair.connect(Side::Right, 1);
        let id = pair.at(Side::Right, 1).id(client);
        pair.ask(&[&id]);
        pair.acknowledge(Side::Right, client, "7");
        let acks = pair.at(Side::Left, 0).acks();
        assert_eq!(acks, (vec!["[7]".to_owned()], Some(0)), "{formats:?}");
    }
}

#[test]
fn a_client_of_the_same_bus_acknowledges_as_without_a_bridge() {
    for formats in PAIRS {
        let mut pair = Pair::new(formats);
        let client = pair.connect(Side::Left, 1);
        let id = pair.at(Side::Left, 1).id(client);
        pair.ask(&[&id]);
        pair.acknowledge(Side::Left, client, "7");
        let acks = pair.at(Side::Left, 0).acks();
        assert_eq!(acks, (vec!["[7]".to_owned()], Some(0)), "{formats:?}");
    }
}

#[test]
fn acknowledgements_of_both_buses_are_collected() {
    for formats in ASKING {
        let mut pair = Pair::new(formats);
        let (here, there) = (pair.connect(Side::Left, 1), pair.connect(Side::Right, 1));
        pair.ask(&[]);
        pair.acknowledge(Side::Left, here, "1");
        assert_eq!(pair.at(Side::Left, 0).acks(), (vec!["[1]".to_owned()], None), "{formats:?}");
        pair.acknowledge(Side::Right, there, "2");
        let acks = pair.at(Side::Left, 0).acks();
        assert_eq!(acks, (vec!["[2]".to_owned()], Some(0)), "{formats:?}");
    }
}

#[test]
fn clients_of_both_buses_are_found() {
    for formats in ASKING {
        let mut pair = Pair::new(formats);
        pair.connect(Side::Left, 1);
        let there = pair.connect(Side::Right, 0);
        let id = pair.at(Side::Right, 0).id(there);
        pair.at(Side::Right, 0).join(there, "r");
        let outcome = pair.fetch(0).expect("all answered");
        assert_eq!((outcome.found.len(), outcome.missing), (2, 0), "{formats:?}");
        let found = outcome.found.iter().find(|found| *found.id == *id).expect("it is found");
        assert_eq!((found.data.json(), &*found.rooms), ("[7]", &[Box::from("r")][..]));
        assert_eq!(&*found.handshake.headers, "{}", "header fields stay where they are");
    }
}

#[test]
fn a_process_of_the_other_bus_that_hangs_does_not_make_the_bridge_missing() {
    for formats in ASKING {
        let mut pair = Pair::new(formats);
        pair.connect(Side::Right, 0);
        pair.at(Side::Right, 1).hangs = true;
        let outcome = pair.fetch(1500).expect("the bridge answers earlier than time is up");
        assert_eq!((outcome.found.len(), outcome.missing), (1, 0), "{formats:?}");
    }
}

#[test]
fn processes_of_both_buses_hear_events_for_processes() {
    for formats in ASKING {
        let mut pair = Pair::new(formats);
        for side in [Side::Left, Side::Right] {
            for process in [0, 1] {
                pair.at(side, process).reply = Some("[5]");
            }
        }
        let now = pair.left.now;
        let event = || EventMessage::from_args("reload", ArgsRef::NONE);
        let node = &mut pair.at(Side::Left, 0).node;
        node.server_emit(now, "/", event()).expect("it is sent");
        let question = node.server_ask(now, "/", event()).expect("it is asked");
        let number = pair.at(Side::Left, 0).await_outcome(question);
        pair.settle();
        let outcome = pair.at(Side::Left, 0).outcome(number).expect("all answered");
        assert_eq!((outcome.replies.len(), outcome.missing), (2, 0), "{formats:?}: one for each");
        assert!(outcome.replies.iter().all(|reply| reply.json() == "[5]"), "{formats:?}");
        assert_eq!(pair.at(Side::Right, 1).server_events, ["reload[]", "reload[]"], "{formats:?}");
    }
}

#[test]
fn questions_that_the_other_format_lacks_are_answered_at_once() {
    for formats in [(Format::Classic, Format::Python), (Format::Native, Format::Python)] {
        let mut pair = Pair::new(formats);
        let client = pair.connect(Side::Left, 1);
        pair.connect(Side::Right, 1);
        let outcome = pair.fetch(0).expect("nobody waits");
        assert_eq!((outcome.found.len(), outcome.missing), (1, 0), "{formats:?}");
        pair.ask(&[]);
        pair.acknowledge(Side::Left, client, "1");
        let acks = pair.at(Side::Left, 0).acks();
        assert_eq!(acks, (vec!["[1]".to_owned()], Some(0)), "{formats:?}");
    }
}

#[test]
fn nobody_waits_for_a_bus_that_is_away() {
    for formats in PAIRS {
        let mut pair = Pair::new(formats);
        let client = pair.connect(Side::Left, 1);
        pair.right.broker.crash();
        pair.settle();
        if formats.0 != Format::Python {
            let outcome = pair.fetch(0).expect("nobody waits");
            assert_eq!((outcome.found.len(), outcome.missing), (1, 0), "{formats:?}");
            pair.ask(&[]);
            pair.acknowledge(Side::Left, client, "1");
            assert_eq!(pair.at(Side::Left, 0).acks().1, Some(0), "{formats:?}");
        }
    }
}

#[test]
fn what_is_emitted_while_the_other_bus_is_away_for_a_moment_arrives_later() {
    for formats in PAIRS {
        let mut pair = Pair::new(formats);
        let client = pair.connect(Side::Right, 1);
        pair.right.broker.shut_out(BRIDGE);
        pair.settle();
        pair.emit(&[], &[], "[1]");
        assert!(pair.frames(Side::Right, client).is_empty());
        pair.right.broker.shut_out = None;
        pair.millis(2000);
        assert_eq!(pair.right.broker.state, State::Up);
        assert_eq!(pair.frames(Side::Right, client), ["42[\"e\",1]"], "{formats:?}");
    }
}
