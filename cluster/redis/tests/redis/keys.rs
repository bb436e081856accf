//! Values that Redis keeps, and gives out once.

use std::time::Duration;

use sansocket_bus::{Command, EntryId, Format, Keep, Subscription, Take, Taken};
use sansocket_redis::Redis;

use crate::end::{Node, Told, entry};
use crate::server::Server;

const KEY: &str = "sio:session:secret";

fn node(server: &Server) -> Node {
    let stream = Subscription::Stream("socket.io".into());
    Node::ready(Redis::new(&server.url()).unwrap(), Format::Streams, &[stream])
}

fn keep(value: &str, time: Duration) -> Command {
    Command::Keep(Keep { key: KEY.into(), value: value.into(), time })
}

fn take(ticket: u64, after: EntryId) -> Command {
    let (key, stream) = (KEY.into(), "socket.io".into());
    Command::Take(Take { ticket, key, stream, after, entries: 1000, bytes: 1 << 20 })
}

fn taken(node: &Node, ticket: u64) -> Option<Taken> {
    node.until(|told| {
        let Told::Taken(of, taken) = told else { return None };
        (*of == ticket).then(|| taken.clone())
    })
}

/// Adds entries and returns their ids, once they were read.
fn ids(server: &Server, node: &Node, count: usize) -> Vec<EntryId> {
    let begin = count_of(server);
    node.commands((0..count).map(|n| entry("socket.io", &(begin + n).to_string(), 100_000)));
    let last = (begin + count - 1).to_string();
    node.until(|told| (told.data().as_ref() == Some(&last)).then_some(()));
    let ask = redis::cmd("XRANGE").arg("socket.io").arg("-").arg("+").take();
    let all: Vec<(String, Vec<String>)> = ask.query(&mut server.connect()).unwrap();
    all[begin..].iter().map(|(id, _)| EntryId::parse(id).unwrap()).collect()
}

fn count_of(server: &Server) -> usize {
    redis::cmd("XLEN").arg("socket.io").query(&mut server.connect()).unwrap()
}

#[test]
fn a_value_is_given_out_once_with_the_entries_behind_the_one_that_is_known() {
    let server = Server::start();
    let nodes = [node(&server), node(&server)];
    // More than one reply has.
    let ids = ids(&server, &nodes[0], 1200);
    nodes[1].until(|told| (told.data().as_deref() == Some("1199")).then_some(()));
    nodes[0].command(keep("what it had", Duration::from_secs(60)));
    nodes[0].command(take(1, ids[299]));
    let found = taken(&nodes[0], 1).expect("it was kept");
    assert_eq!((&*found.value, found.until), (&b"what it had"[..], ids[1199]));
    let read: Vec<_> = found.entries.iter().map(|entry| entry.id.unwrap()).collect();
    assert_eq!(read, ids[300..]);
    assert_eq!(&*found.entries[0].data, b"300");
    nodes[1].command(take(2, ids[299]));
    assert_eq!(taken(&nodes[1], 2), None);
}

#[test]
fn of_two_that_take_a_value_at_once_one_gets_it() {
    let server = Server::start();
    let nodes = [node(&server), node(&server)];
    let ids = ids(&server, &nodes[0], 1);
    nodes[1].until(|told| told.data());
    for ticket in 0..20 {
        nodes[0].command(keep("x", Duration::from_secs(60)));
        nodes[0].command(Command::Ping);
        nodes[0].until(|told| (*told == Told::Pong).then_some(()));
        nodes.iter().for_each(|node| node.command(take(ticket, ids[0])));
        let got = nodes.iter().filter(|node| taken(node, ticket).is_some()).count();
        assert_eq!(got, 1);
    }
}

#[test]
fn there_is_no_answer_when_the_time_is_up_or_the_stream_was_trimmed_or_there_is_too_much() {
    let server = Server::start();
    let node = node(&server);
    let ids = ids(&server, &node, 1100);
    node.commands([keep("x", Duration::from_millis(1)), Command::Ping]);
    node.until(|told| (*told == Told::Pong).then_some(()));
    let mut connection = server.connect();
    while redis::cmd("EXISTS").arg(KEY).query(&mut connection).unwrap() {
        std::thread::yield_now();
    }
    node.command(take(1, ids[1000]));
    assert_eq!(taken(&node, 1), None);
    let lasting = || keep("x", Duration::from_secs(60));
    node.commands([lasting(), take(2, ids[0])]);
    assert_eq!(taken(&node, 2), None, "more than a thousand entries");
    let unknown = EntryId { number: ids[1000].number + 1_000_000, ..ids[1000] };
    node.commands([lasting(), take(3, unknown)]);
    assert_eq!(taken(&node, 3), None, "an entry that never was");
    let mut trim = redis::cmd("XTRIM");
    trim.arg("socket.io").arg("MAXLEN").arg(10).exec(&mut server.connect()).unwrap();
    node.commands([lasting(), take(4, ids[1000])]);
    assert_eq!(taken(&node, 4), None, "it was trimmed");
    node.commands([lasting(), take(5, ids[1099])]);
    assert_eq!(taken(&node, 5).map(|taken| taken.entries.len()), Some(0));
}

#[test]
fn a_value_that_is_no_text_and_keys_of_another_type_are_survived() {
    let server = Server::start();
    let node = node(&server);
    let ids = ids(&server, &node, 1);
    let mut list = redis::cmd("LPUSH");
    list.arg(KEY).arg("x").exec(&mut server.connect()).unwrap();
    node.command(take(1, ids[0]));
    assert_eq!(taken(&node, 1), None);
    let mut set = redis::cmd("SET");
    set.arg(KEY).arg(&b"\xff\x00"[..]).exec(&mut server.connect()).unwrap();
    node.command(take(2, ids[0]));
    assert_eq!(taken(&node, 2).map(|taken| taken.value), Some(vec![0xff, 0]));
}
