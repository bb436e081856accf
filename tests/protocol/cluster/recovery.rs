//! A client whose connection was lost comes back to any process of a cluster that shares a stream of events.

use std::sync::Arc;
use std::time::Duration;

use sansocket::cluster::bus::{Entry, Format, Payload, Session, Subscription};
use sansocket::cluster::{Disconnect, NodeConfig};
use sansocket::{Args, ArgsRef, Recovery, Scope, Target};

use super::config;
use super::world::{State, World};

/// Processes whose clients may come back to any of them.
fn world(count: u8) -> World {
    world_with(count, config(Format::Streams))
}

fn world_with(count: u8, config: NodeConfig) -> World {
    let mut world = World::empty(config.format);
    world.server.recovery = Some(Recovery::default());
    for _ in 0..count {
        world.add(config.clone());
    }
    world.millis(500);
    world
}

/// What a client knows of itself.
#[derive(Clone, Debug, Default)]
struct Client {
    process: usize,
    number: usize,
    id: String,
    pid: String,
    offset: String,
    /// The events that it has, without their offsets.
    events: Vec<String>,
}

impl Client {
    fn join(world: &mut World, process: usize) -> Self {
        let mut client = Self { process, ..Self::default() };
        client.come(world, "");
        client
    }

    /// Comes with what it has to say; whether it has the private id that it had.
    fn come(&mut self, world: &mut World, auth: &str) -> bool {
        let now = world.now;
        let knock = world.at(self.process).knock(now, auth);
        world.settle();
        self.enter(world, knock)
    }

    fn enter(&mut self, world: &mut World, knock: (usize, sansocket::Link)) -> bool {
        let now = world.now;
        self.number = world.at(self.process).admit(now, knock);
        world.settle();
        self.read(world)
    }

    /// Reads what it was sent; whether it was told of the private id that it had.
    fn read(&mut self, world: &mut World) -> bool {
        let mut recovered = false;
        for frame in world.at(self.process).frames(self.number) {
            if let Some(rest) = frame.strip_prefix("40{\"sid\":\"") {
                let (id, pid) = rest.split_once("\",\"pid\":\"").expect("both ids");
                let pid = pid.strip_suffix("\"}").expect("nothing else");
                recovered = self.pid == pid;
                if recovered {
                    assert_eq!(self.id, id, "it has its id");
                }
                (self.id, self.pid) = (id.into(), pid.into());
            } else {
                let (event, offset) =
                    frame.strip_suffix("\"]").expect(&frame).rsplit_once('"').expect("an offset");
                self.offset = offset.into();
                self.events.push(event.trim_end_matches(',').into());
            }
        }
        recovered
    }

    fn claim(&self) -> String {
        format!("{{\"pid\":\"{}\",\"offset\":\"{}\"}}", self.pid, self.offset)
    }

    fn lose(&self, world: &mut World) {
        let now = world.now;
        world.at(self.process).lose(now, self.number);
        world.settle();
    }

    fn comes_back_to(&mut self, world: &mut World, process: usize) -> bool {
        self.process = process;
        self.come(world, &self.claim())
    }

    fn new_events(&mut self, world: &mut World) -> Vec<String> {
        self.read(world);
        std::mem::take(&mut self.events)
    }
}

fn events(numbers: impl IntoIterator<Item = u32>) -> Vec<String> {
    numbers.into_iter().map(|n| format!("42[\"e\",{n}")).collect()
}

fn emit(world: &mut World, process: usize, rooms: &[&str], n: u32) {
    world.emit(process, rooms, &format!("[{n}]"));
}

#[test]
fn a_client_comes_back_to_any_process_with_its_id_its_rooms_and_what_it_missed() {
    let mut world = world(3);
    let mut client = Client::join(&mut world, 0);
    let mut other = Client::join(&mut world, 1);
    world.join(0, client.number, "r");
    emit(&mut world, 0, &[], 1);
    emit(&mut world, 1, &["r"], 2);
    assert_eq!(client.new_events(&mut world), events([1, 2]));
    // The connection is dead, and the server does not know yet.
    emit(&mut world, 0, &[&client.id], 3);
    client.lose(&mut world);
    emit(&mut world, 0, &["r"], 4);
    emit(&mut world, 1, &["s"], 5);
    emit(&mut world, 2, &[], 6);
    let id = client.id.clone();
    world.at(1).emit(&[], &[&id], "e", "[7]");
    world.settle();
    for (process, last) in [(1, 8), (2, 9), (2, 10), (0, 11)] {
        assert!(client.comes_back_to(&mut world, process), "to {process}");
        assert_eq!(world.at(process).rooms(client.number), ["r"]);
        if last == 8 {
            assert_eq!(client.new_events(&mut world), events([3, 4, 6]));
        }
        emit(&mut world, 1, &["r"], last);
        assert_eq!(client.new_events(&mut world), events([last]), "it is here");
        client.lose(&mut world);
    }
    assert_eq!(other.new_events(&mut world), events([1, 6, 7]));
    assert!(world.broker.kept.len() == 1, "one client is lost");
}

#[test]
fn what_the_application_attached_comes_along_and_what_it_kept_in_its_own_process() {
    let mut world = world(2);
    let mut client = Client::join(&mut world, 0);
    let kept: Arc<dyn std::any::Any + Send + Sync> = Arc::new("kept");
    let mut socket = world.at(0).socket(client.number);
    assert!(socket.keep(kept.clone()));
    socket.attach(Args::from_json(r#"[{"user":7}]"#, Vec::new()).expect("an array"));
    emit(&mut world, 0, &[], 1);
    client.read(&mut world);
    client.lose(&mut world);
    assert!(client.comes_back_to(&mut world, 0));
    let socket = world.at(0).socket(client.number);
    assert!(socket.recovered() && Arc::ptr_eq(&socket.kept().expect("it was"), &kept));
    client.lose(&mut world);
    assert!(client.comes_back_to(&mut world, 1));
    let mut socket = world.at(1).socket(client.number);
    assert!(socket.recovered() && socket.kept().is_none());
    assert_eq!(socket.attached().expect("it was").json(), r#"[{"user":7}]"#);
    // It is lost there, too, with what that process attached; and what the first one kept is too old.
    socket.attach(Args::from_json("[8]", Vec::new()).expect("an array"));
    client.lose(&mut world);
    assert!(client.comes_back_to(&mut world, 0));
    let socket = world.at(0).socket(client.number);
    assert!(socket.kept().is_none());
    assert_eq!(socket.attached().expect("it was").json(), "[8]");
    assert_eq!(world.at(0).forgotten, 0);
    world.advance(Duration::from_secs(121));
    assert_eq!(world.at(0).forgotten, 1);
}

#[test]
fn events_that_come_while_a_client_comes_back_reach_it_once() {
    let mut world = world(2);
    let mut client = Client::join(&mut world, 0);
    emit(&mut world, 0, &[], 1);
    client.read(&mut world);
    client.lose(&mut world);
    emit(&mut world, 0, &[], 2);
    client.process = 1;
    let now = world.now;
    let knock = world.at(1).knock(now, &client.claim());
    // Before the broker answers, and before the application decides.
    emit(&mut world, 0, &[], 3);
    emit(&mut world, 1, &[&client.id.clone()], 4);
    assert!(world.at(1).has_arrived());
    emit(&mut world, 1, &[], 5);
    assert!(client.enter(&mut world, knock));
    emit(&mut world, 0, &[], 6);
    assert_eq!(client.new_events(&mut world), events(1..=6));
}

/// F13.
#[test]
fn f13_a_session_is_given_out_once() {
    let mut world = world(2);
    let mut client = Client::join(&mut world, 0);
    emit(&mut world, 0, &[], 1);
    client.read(&mut world);
    client.lose(&mut world);
    let now = world.now;
    let claim = client.claim();
    let knocks = [0, 1].map(|process| (process, world.at(process).knock(now, &claim)));
    world.settle();
    let recovered = knocks.map(|(process, knock)| {
        let mut twin = Client { process, ..client.clone() };
        twin.enter(&mut world, knock)
    });
    assert_eq!(recovered.iter().filter(|recovered| **recovered).count(), 1);
    assert!(!client.comes_back_to(&mut world, 0), "it is not lost any more");
}

#[test]
fn a_client_is_new_when_its_process_died_or_its_time_is_up_or_its_events_are_gone() {
    let mut world = world(3);
    let mut clients = [0, 1, 1, 1].map(|process| Client::join(&mut world, process));
    emit(&mut world, 0, &[], 1);
    for client in &mut clients {
        client.read(&mut world);
    }
    let [mut orphan, mut late, mut trimmed, mut wrong] = clients;
    world.kill(0);
    assert!(!orphan.comes_back_to(&mut world, 2), "nobody knew that it was lost");
    for client in [&late, &trimmed, &wrong] {
        client.lose(&mut world);
    }
    emit(&mut world, 1, &[], 2);
    wrong.offset = "999-1".into();
    assert!(!wrong.comes_back_to(&mut world, 2), "there is no such entry");
    assert!(!world.broker.kept.keys().any(|key| key.ends_with(&wrong.pid)));
    world.broker.entries.remove(0);
    assert!(!trimmed.comes_back_to(&mut world, 2), "what it missed may be gone");
    world.advance(Duration::from_secs(120));
    assert!(!late.comes_back_to(&mut world, 2));
    emit(&mut world, 1, &[], 3);
    assert_eq!(late.new_events(&mut world), events([1, 3]));
}

#[test]
fn a_client_of_javascript_comes_back() {
    let mut world = world(2);
    let mut client = Client {
        process: 1,
        id: "iNWZ_0tqDpFcAAAAAAAB".into(),
        pid: "7d6zWb0Q2fNHAAAAAAAA".into(),
        ..Client::default()
    };
    let rooms = [&*client.id, "r"].map(Box::from).to_vec();
    let (id, pid) = ((&*client.id).into(), (&*client.pid).into());
    let data = Args::from_json(r#"[{"user":"u1"}]"#, Vec::new()).expect("an array");
    let session = Session { id, pid, rooms, data, namespace: None, mark: None };
    let now = world.now;
    let entry = |data: &str| {
        let field = |text: &str| text.as_bytes().to_vec().into();
        let entry = Entry {
            id: None,
            uid: field("94ae000000000000"),
            nsp: field("/"),
            kind: field("3"),
            data: field(data),
        };
        Payload::Entry(entry)
    };
    let packet =
        |n| format!(r#"{{"packet":{{"type":2,"data":["e",{n}]}},"opts":{{"rooms":["r"]}}}}"#);
    world.broker.publish(now, "socket.io", entry(&packet(1)));
    world.broker.publish(now, "socket.io", entry(&packet(2)));
    let until = now + Duration::from_secs(120);
    let key = format!("sio:session:{}", client.pid);
    world.broker.kept.insert(key, (session.encode(), until));
    world.settle();
    client.offset = "1000-1".into();
    assert!(client.comes_back_to(&mut world, 1));
    assert_eq!(client.new_events(&mut world), events([2]));
    assert_eq!(world.at(1).rooms(client.number), ["r"]);
    let socket = world.at(1).socket(client.number);
    assert_eq!(socket.attached().expect("it was").json(), r#"[{"user":"u1"}]"#);
    emit(&mut world, 0, &[&client.id.clone()], 3);
    assert_eq!(client.new_events(&mut world), events([3]));
    client.lose(&mut world);
    assert!(client.comes_back_to(&mut world, 0), "with a private id of JavaScript");
}

/// F13.
#[test]
fn f13_what_the_broker_gives_out_is_trusted_as_little_as_a_client() {
    let mut world = world(2);
    let mut client = Client::join(&mut world, 0);
    emit(&mut world, 0, &[], 1);
    client.read(&mut world);
    let genuine = |client: &Client| Session {
        id: (&*client.id).into(),
        pid: (&*client.pid).into(),
        rooms: Vec::new(),
        data: Args::from_json("[]", Vec::new()).expect("an array"),
        namespace: None,
        mark: None,
    };
    type Change = fn(&mut Session);
    let changes: [Change; 4] = [
        |session| session.id = "short".into(),
        |session| session.pid = "7d6zWb0Q2fNHAAAAAAAA".into(),
        |session| session.namespace = Some("/admin".into()),
        |session| session.rooms = (0..20_000).map(|n| n.to_string().into()).collect(),
    ];
    let mut values: Vec<Vec<u8>> =
        [&b""[..], b"?", b"gA==", b"\xff\xfe", b"1f"].map(<[u8]>::to_vec).to_vec();
    for change in changes {
        let mut session = genuine(&client);
        change(&mut session);
        values.push(session.encode());
    }
    let until = world.now + Duration::from_secs(120);
    for (n, value) in (1..).zip(values) {
        let mut twin = Client { process: 1, ..client.clone() };
        let key = format!("sio:session:{}", client.pid);
        world.broker.kept.insert(key, (value, until));
        assert!(!twin.comes_back_to(&mut world, 1), "{n}");
        assert_eq!(world.at(1).counts().invalid, n);
    }
}

#[test]
fn k01_events_reach_clients_of_their_process_while_the_broker_is_away() {
    for state in [State::Down, State::Frozen] {
        let mut world = world(2);
        let mut client = Client::join(&mut world, 0);
        emit(&mut world, 0, &[], 1);
        match state {
            State::Down => world.broker.crash(),
            State::Frozen | State::Up => world.broker.state = state,
        }
        world.settle();
        emit(&mut world, 0, &[], 2);
        world.at(0).socket(client.number).emit("e", ArgsRef::from_valid("[3]", &[])).expect("sent");
        world.millis(250);
        assert_eq!(client.new_events(&mut world), events(1..=3), "{state:?}");
        // Nothing waits for an answer that others wait for in vain.
        emit(&mut world, 0, &[], 4);
        assert_eq!(client.new_events(&mut world), events([4]), "{state:?}");
        world.broker.state = State::Up;
        world.advance(Duration::from_secs(20));
        emit(&mut world, 1, &[], 5);
        emit(&mut world, 0, &[], 6);
        world.millis(1);
        assert_eq!(client.new_events(&mut world), events([5, 6]), "once each: {state:?}");
        client.lose(&mut world);
        // While it was frozen, nothing got lost that was added to the stream.
        let recovered = client.comes_back_to(&mut world, 1);
        assert_eq!(recovered, state == State::Frozen, "{state:?}");
    }
}

#[test]
fn k09_a_client_that_comes_back_before_a_late_entry_misses_nothing_or_is_new() {
    let mut world = world(1);
    let mut recovered = [0, 0];
    for n in 0..40 {
        let mut client = Client::join(&mut world, 0);
        emit(&mut world, 0, &[], 100);
        client.read(&mut world);
        client.events.clear();
        client.lose(&mut world);
        world.broker.faults.delay = 1000;
        emit(&mut world, 0, &[], n);
        world.broker.faults.delay = 0;
        world.millis(300);
        let is_back = client.comes_back_to(&mut world, 0);
        world.millis(1000);
        let missed = client.new_events(&mut world);
        assert!(!is_back || missed == events([n]), "{n}: {missed:?}");
        recovered[usize::from(is_back)] += 1;
        client.lose(&mut world);
    }
    assert!(recovered.iter().all(|&count| count > 0), "both happen: {recovered:?}");
}

#[test]
fn k09_a_client_that_waits_to_be_admitted_starts_anew_when_it_would_miss_an_event() {
    let mut world = world(1);
    for (room, is_admitted) in [("r", false), ("s", true)] {
        let mut client = Client::join(&mut world, 0);
        world.join(0, client.number, "r");
        emit(&mut world, 0, &[], 1);
        client.read(&mut world);
        client.lose(&mut world);
        let (now, claim) = (world.now, client.claim());
        let knock = world.at(0).knock(now, &claim);
        world.millis(10);
        assert!(world.at(0).has_arrived(), "the application decides");
        // It is sent before it comes back, and will have no name.
        world.broker.faults.delay = 1000;
        emit(&mut world, 0, &[room], 2);
        world.broker.faults.delay = 0;
        world.millis(300);
        let now = world.now;
        assert_eq!(world.at(0).try_admit(now, knock).is_some(), is_admitted, "{room}");
        world.millis(1000);
    }
}

#[test]
fn k09_all_processes_send_in_the_order_of_the_stream() {
    let mut world = world(2);
    world.broker.faults.delay = 40;
    let mut clients = [0, 0, 1].map(|process| Client::join(&mut world, process));
    for n in 0..40 {
        let now = world.now;
        let process = usize::try_from(n % 2).expect("small");
        world.at(process).emit(&[], &[], "e", &format!("[{n}]"));
        world.at(process).run(now);
        world.millis(7);
    }
    world.millis(1000);
    let [a, b, c] = clients.each_mut().map(|client| client.new_events(&mut world));
    assert_eq!(a.len(), 40);
    assert_eq!((&a, &b), (&c, &c));
}

#[test]
fn what_is_for_one_process_goes_by_no_stream_and_moves_no_client() {
    let mut world = world(2);
    let mut client = Client::join(&mut world, 0);
    emit(&mut world, 1, &[], 1);
    client.read(&mut world);
    let offset = client.offset.clone();
    let entries = world.broker.entries.len();
    let to = Target { scope: Scope::Process, ..Target::namespace("/") };
    let sent = world.at(0).shards[1].broadcast(&to, "e", ArgsRef::from_valid("[2]", &[]));
    sent.expect("it is sent");
    world.settle();
    assert_eq!(client.new_events(&mut world), events([1, 2]));
    assert_eq!((client.offset.clone(), world.broker.entries.len()), (offset, entries));
    client.lose(&mut world);
    assert!(client.comes_back_to(&mut world, 1));
}

#[test]
fn a_client_that_left_by_its_own_wish_does_not_come_back() {
    let mut world = world(2);
    let mut client = Client::join(&mut world, 0);
    emit(&mut world, 0, &[], 1);
    client.read(&mut world);
    let now = world.now;
    world.at(0).socket(client.number).disconnect(now, Disconnect::Namespace);
    world.settle();
    assert!(world.broker.kept.is_empty());
    assert!(!client.comes_back_to(&mut world, 1));
}

#[test]
fn k09_a_client_gets_what_was_sent_before_it_was_disconnected() {
    let mut world = world(1);
    let mut client = Client::join(&mut world, 0);
    world.join(0, client.number, "r");
    world.broker.faults.delay = 20;
    let now = world.now;
    let mut socket = world.at(0).socket(client.number);
    socket.emit("e", ArgsRef::from_valid("[1]", &[])).expect("sent");
    world.at(0).emit(&["r"], &[], "e", "[2]");
    world.at(0).emit(&["s"], &[], "e", "[3]");
    world.at(0).socket(client.number).disconnect(now, Disconnect::Namespace);
    world.millis(100);
    let frames = world.at(0).frames(client.number);
    assert_eq!(frames, ["42[\"e\",1]", "42[\"e\",2]", "41"]);
    assert!(!client.comes_back_to(&mut world, 0));
}

#[test]
fn with_several_streams_a_client_comes_back_to_its_process_alone() {
    let mut settings = config(Format::Streams);
    settings.streams = 3;
    let mut world = world_with(2, settings);
    let mut client = Client::join(&mut world, 0);
    let mut other = Client::join(&mut world, 1);
    emit(&mut world, 0, &[], 1);
    emit(&mut world, 1, &[], 2);
    assert_eq!(client.new_events(&mut world), events([1, 2]));
    assert_eq!(other.new_events(&mut world), events([1, 2]));
    client.lose(&mut world);
    emit(&mut world, 1, &[], 3);
    assert!(client.comes_back_to(&mut world, 0));
    assert_eq!(client.new_events(&mut world), events([3]));
    client.lose(&mut world);
    assert!(!client.comes_back_to(&mut world, 1));
    assert!(world.broker.kept.is_empty(), "no process keeps anything there");
}

/// Where no stream has the events, each process names those of others for its own clients.
#[test]
fn without_a_stream_a_client_comes_back_to_its_process_with_what_others_sent() {
    for format in [Format::Python, Format::Classic, Format::Sharded, Format::Native] {
        let mut world = world_with(2, config(format));
        let mut client = Client::join(&mut world, 0);
        let mut other = Client::join(&mut world, 1);
        world.join(0, client.number, "r");
        emit(&mut world, 1, &[], 1);
        assert_eq!(client.new_events(&mut world), events([1]), "{format}: one name behind it");
        assert_eq!(other.new_events(&mut world), events([1]));
        // The connection is dead, and the server does not know yet.
        emit(&mut world, 1, &["r"], 2);
        client.lose(&mut world);
        emit(&mut world, 0, &["r"], 3);
        emit(&mut world, 1, &["r"], 4);
        emit(&mut world, 1, &["s"], 5);
        for last in [6, 7] {
            assert!(client.comes_back_to(&mut world, 0), "{format}: on any shard");
            if last == 6 {
                assert_eq!(client.new_events(&mut world), events([2, 3, 4]), "{format}");
            }
            emit(&mut world, 1, &[], last);
            assert_eq!(client.new_events(&mut world), events([last]), "{format}");
            client.lose(&mut world);
        }
        assert!(!client.comes_back_to(&mut world, 1), "{format}");
    }
}

/// For two minutes, and as long as the application may take to admit it.
#[test]
fn a_room_is_listened_to_while_a_client_that_was_in_it_may_come_back() {
    let mut world = world_with(2, config(Format::Sharded));
    let clients = [Client::join(&mut world, 0), Client::join(&mut world, 0)];
    let room = Subscription::Exact("socket.io#/#r#".into());
    let is_listened_to = |world: &World| world.broker.subscriptions(0).contains(&room);
    for client in &clients {
        world.join(0, client.number, "r");
    }
    clients[0].lose(&mut world);
    world.millis(10_000);
    clients[1].lose(&mut world);
    world.millis(164_000);
    assert!(is_listened_to(&world), "whichever shard left it last");
    world.millis(2000);
    assert!(!is_listened_to(&world));
}

/// However often others come and go.
#[test]
fn rooms_that_are_left_again_and_again_do_not_end_that_of_a_client_that_was_lost() {
    let mut world = World::empty(Format::Sharded);
    let mut recovery = Recovery::default();
    recovery.bytes = 2000;
    world.server.recovery = Some(recovery);
    world.add(config(Format::Sharded));
    world.millis(500);
    let [lost, busy] = [(); 2].map(|()| Client::join(&mut world, 0));
    world.join(0, lost.number, "r");
    lost.lose(&mut world);
    for _ in 0..100 {
        world.join(0, busy.number, "s");
        world.at(0).leave(busy.number, "s");
        world.settle();
    }
    let room = |name| Subscription::Exact(format!("socket.io#/#{name}#"));
    assert!(world.broker.subscriptions(0).contains(&room("r")));
    for n in 0..100 {
        let name = format!("s{n}");
        world.join(0, busy.number, &name);
        world.at(0).leave(busy.number, &name);
        world.settle();
    }
    let held = world.broker.subscriptions(0);
    assert!(held.contains(&room("s99")) && !held.contains(&room("s0")), "they are bounded");
}
