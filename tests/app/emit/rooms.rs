//! The recipients of an event, and clients moved between rooms together.

use crate::emit::stack::{Client, Stack, poll};
use sansocket_app::{ArgsRef, Broadcast, EmitError, JoinError, Misuse, Refused, Rooms, Socket};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// The clients that got the event `x`, exactly once and nothing else.
fn got(clients: &mut [Client]) -> Vec<usize> {
    let mut numbers = Vec::new();
    for (n, client) in clients.iter_mut().enumerate() {
        for message in client.all() {
            assert_eq!(message, r#"42["x"]"#);
            numbers.push(n);
        }
    }
    numbers
}

fn reached(to: &Broadcast, clients: &mut [Client]) -> Vec<usize> {
    to.emit("x", &()).unwrap();
    let reached = got(clients);
    assert_eq!(to.clone().local().count(), reached.len());
    let mut ids: Vec<String> =
        to.clone().local().sockets().iter().map(|s| s.id().to_owned()).collect();
    let found = poll(&mut to.fetch_sockets()).expect("one process answers at once").unwrap();
    let mut found: Vec<String> = found.into_iter().map(|socket| socket.id().to_owned()).collect();
    ids.sort();
    found.sort();
    assert_eq!(ids, found);
    assert_eq!(ids.len(), reached.len());
    reached
}

/// Clients 0 to 4; 0, 1 and 2 are in `a`, 2 and 3 in `b`.
fn scene(stack: &Stack) -> ([Client; 5], [Socket; 5]) {
    let (clients, sockets) = stack.party();
    stack.io.to([sockets[0].id(), sockets[1].id(), sockets[2].id()]).join("a").unwrap();
    stack.io.to(vec![sockets[2].id(), sockets[3].id()]).join("b").unwrap();
    (clients, sockets)
}

#[test]
fn rooms_are_named_by_anything_like_a_string_and_lists_of_them() {
    fn names(rooms: impl Rooms) -> Vec<String> {
        let mut names = Vec::new();
        rooms.each(&mut |name| names.push(name.to_owned()));
        names
    }
    let stack = Stack::new();
    let ([_client], [socket]) = stack.party();
    let owned = "a".to_owned();
    for one in [names("a"), names(&owned), names(owned), names(Cow::Borrowed("a"))] {
        assert_eq!(one, ["a"]);
    }
    let list = vec!["a".to_owned(), "b".to_owned()];
    for two in [names(["a", "b"]), names(["a", "b"].as_slice()), names(&list), names(list)] {
        assert_eq!(two, ["a", "b"]);
    }
    let found = poll(&mut stack.io.fetch_sockets()).unwrap().unwrap();
    assert_eq!(names(found.sockets[0].id()), [socket.id()]);
}

#[test]
fn a_socket_reaches_rooms_without_itself_or_with_itself() {
    let stack = Stack::new();
    let (mut clients, sockets) = scene(&stack);
    let clients = &mut clients;
    assert_eq!(reached(&sockets[0].to("a"), clients), [1, 2]);
    assert_eq!(reached(&sockets[0].to(["a", "b"]), clients), [1, 2, 3]);
    assert_eq!(reached(&sockets[0].within("a"), clients), [0, 1, 2]);
    assert_eq!(reached(&sockets[0].within("b"), clients), [2, 3]);
    assert_eq!(reached(&sockets[0].broadcast(), clients), [1, 2, 3, 4]);
    assert_eq!(reached(&sockets[0].except("b"), clients), [1, 4]);
    assert_eq!(reached(&sockets[1].nsp().everyone(), clients), [0, 1, 2, 3, 4]);
    assert_eq!(reached(&sockets[1].nsp().to("a"), clients), [0, 1, 2]);
}

#[test]
fn the_server_reaches_everybody_rooms_and_all_but_some() {
    let stack = Stack::new();
    let (mut clients, sockets) = scene(&stack);
    let (io, clients) = (&stack.io, &mut clients);
    assert_eq!(reached(&io.everyone(), clients), [0, 1, 2, 3, 4]);
    assert_eq!(reached(&io.to("a").to("b"), clients), [0, 1, 2, 3]);
    assert_eq!(reached(&io.to(["a", "b", "a"]), clients), [0, 1, 2, 3]);
    assert_eq!(reached(&io.to("a").except("b"), clients), [0, 1]);
    io.to("a").local().emit("x", &()).unwrap();
    assert_eq!(got(clients), [0, 1, 2]);
    assert_eq!(reached(&io.to("nobody"), clients), [0; 0]);
    assert_eq!(reached(&io.except(["a", sockets[4].id()]), clients), [3]);
    assert_eq!(reached(&io.to([sockets[3].id(), sockets[4].id()]), clients), [3, 4]);
    assert_eq!(reached(&io.of("/other").everyone(), clients), [0; 0]);
}

#[test]
fn clients_are_skipped_by_their_ids() {
    let stack = Stack::new();
    let (mut clients, sockets) = scene(&stack);
    let skipped = [sockets[1].id(), sockets[4].id()];
    assert_eq!(reached(&stack.io.except(skipped), &mut clients), [0, 2, 3]);
    assert_eq!(reached(&stack.io.to("a").except(sockets[2].id()), &mut clients), [0, 1]);
    assert_eq!(reached(&sockets[0].to("a").except(skipped), &mut clients), [2]);
}

#[test]
fn a_list_without_rooms_reaches_nobody() {
    let stack = Stack::new();
    let (mut clients, sockets) = scene(&stack);
    let none: [&str; 0] = [];
    assert_eq!(reached(&stack.io.to(none), &mut clients), [0; 0]);
    assert_eq!(reached(&sockets[0].to(Vec::<String>::new()), &mut clients), [0; 0]);
    assert_eq!(reached(&stack.io.to(none).to("b"), &mut clients), [2, 3]);
    assert_eq!(reached(&stack.io.except(none), &mut clients), [0, 1, 2, 3, 4]);
    stack.io.to(none).disconnect().unwrap();
    stack.io.to(none).join("c").unwrap();
    assert_eq!(stack.io.local().count(), 5);
    assert_eq!(stack.io.to("c").local().count(), 0);
    let misuse = Err(EmitError::Refused(Refused::Misuse(Misuse::ReservedEvent)));
    assert_eq!(stack.io.to(none).emit("disconnect", &()), misuse);
}

#[test]
fn send_is_the_event_message_and_send_json_the_event_json() {
    let stack = Stack::new();
    let ([mut client, mut other], [socket, _]) = stack.party();
    other.join("/other");
    socket.send("hello").unwrap();
    socket.send_json(&vec![1, 2]).unwrap();
    socket.within(socket.id()).send(&("a", 1)).unwrap();
    stack.io.except("room").send_json(&true).unwrap();
    stack.io.send(&()).unwrap();
    assert_eq!(
        client.all(),
        [
            r#"42["message","hello"]"#,
            r#"42["json",[1,2]]"#,
            r#"42["message","a",1]"#,
            r#"42["json",true]"#,
            r#"42["message"]"#
        ]
    );
    stack.io.of("/other").send("there").unwrap();
    assert_eq!(other.all()[2..], [r#"42/other,["message","there"]"#]);
}

#[test]
fn volatile_events_pass_over_who_is_not_ready() {
    let stack = Stack::new();
    let ([mut slow, mut quick], [socket, _]) = stack.party();
    socket.emit("first", &()).unwrap();
    stack.io.volatile().emit("x", &()).unwrap();
    stack.io.except("room").volatile().emit("y", ArgsRef::NONE).unwrap();
    assert_eq!(slow.all(), [r#"42["first"]"#]);
    assert_eq!(quick.all(), [r#"42["x"]"#], "the second found the first still waiting");
}

#[test]
fn several_rooms_are_joined_and_left_at_once() {
    let stack = Stack::new();
    let ([_client, _other], [socket, other]) = stack.party();
    assert_eq!(socket.join(["a", "b"]), Ok(true));
    assert_eq!(socket.join(["b", "c"]), Ok(true));
    assert_eq!(socket.join(["a", "b"]), Ok(false));
    assert_eq!(socket.rooms(), ["a", "b", "c"]);
    assert!(socket.leave(["c", "d"]));
    assert!(!socket.leave(["c", "d"]));
    let foreign = Err(JoinError::Misuse(Misuse::ForeignRoom));
    assert_eq!(socket.join(["e", other.id(), "f"]), foreign);
    assert_eq!(socket.rooms(), ["a", "b", "e"]);
}

#[test]
fn many_join_and_leave_several_rooms() {
    let stack = Stack::new();
    let (_clients, sockets) = scene(&stack);
    stack.io.to("a").join(["c", "d"]).unwrap();
    assert_eq!(sockets[0].rooms(), ["a", "c", "d"]);
    sockets[0].to("a").leave(["a", "c"]).unwrap();
    assert_eq!(sockets[0].rooms(), ["a", "c", "d"]);
    assert_eq!(sockets[1].rooms(), ["d"]);
    stack.io.everyone().join("e").unwrap();
    assert_eq!(stack.io.to("e").local().count(), 5);
}

#[test]
fn rooms_are_listed_with_their_sizes() {
    let stack = Stack::new();
    let (mut clients, _sockets) = scene(&stack);
    let other = clients[4].join("/other");
    stack.io.of("/other").to(other).join("a").unwrap();
    assert_eq!(stack.io.local().rooms(), BTreeMap::from([("a".into(), 3), ("b".into(), 2)]));
    assert_eq!(stack.io.of("/other").local().rooms(), BTreeMap::from([("a".into(), 1)]));
    assert_eq!(stack.io.of("/nowhere").local().rooms(), BTreeMap::new());
}

#[test]
fn a_closed_room_is_left_by_everybody() {
    let stack = Stack::new();
    let (mut clients, sockets) = scene(&stack);
    stack.io.close_room("a").unwrap();
    assert_eq!(reached(&stack.io.to("a"), &mut clients), [0; 0]);
    assert_eq!(stack.io.local().rooms(), BTreeMap::from([("b".into(), 2)]));
    sockets[0].join("c").unwrap();
    stack.io.close_room(["b", "c"]).unwrap();
    assert_eq!(stack.io.local().rooms(), BTreeMap::new());
}

#[test]
fn the_room_of_a_client_cannot_be_closed() {
    let stack = Stack::new();
    let (mut clients, sockets) = scene(&stack);
    stack.io.close_room(sockets[0].id()).unwrap();
    assert_eq!(reached(&stack.io.to(sockets[0].id()), &mut clients), [0]);
    assert_eq!(sockets[0].rooms(), ["a"]);
}

#[test]
fn a_client_is_found_by_its_id_in_its_namespace() {
    let stack = Stack::new();
    let (mut clients, sockets) = scene(&stack);
    for socket in &sockets {
        assert_eq!(stack.io.local().socket(socket.id()).as_ref(), Some(socket));
        assert_eq!(stack.io.of("/other").local().socket(socket.id()), None);
    }
    let there = clients[0].join("/other");
    assert_eq!(stack.io.local().socket(&there), None);
    assert_eq!(stack.io.of("/other").local().socket(&there).unwrap().id(), there);
    assert_eq!(stack.io.local().socket("a"), None);
    assert_eq!(stack.io.local().socket("AAAAAAAAAAAAAAAAAAAA"), None);
    sockets[0].disconnect();
    assert_eq!(stack.io.local().socket(sockets[0].id()), None);
    assert_eq!(stack.io.of("/other").local().socket(&there).unwrap().id(), there);
}

#[test]
fn many_are_disconnected_from_the_namespace_or_altogether() {
    let stack = Stack::new();
    let (mut clients, sockets) = scene(&stack);
    clients[0].join("/other");
    clients[3].join("/other");
    stack.io.to("a").disconnect().unwrap();
    for client in &mut clients[..3] {
        assert_eq!(client.all(), ["41"]);
        assert!(!client.is_closed());
    }
    assert_eq!(stack.io.of("/other").local().count(), 2);
    assert!(!sockets[2].is_connected());
    stack.io.to("b").disconnect_and_close().unwrap();
    let mut farewell = clients[3].all();
    farewell.sort();
    assert_eq!(farewell, ["41", "41/other,"]);
    assert!(clients[3].is_closed());
    assert_eq!(stack.io.of("/other").local().count(), 1);
    assert_eq!(reached(&stack.io.everyone(), &mut clients), [4]);
}
