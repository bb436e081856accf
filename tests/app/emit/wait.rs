//! Waiting on threads.

use crate::emit::stack::Stack;
use sansocket_app::AckError;
use std::thread;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_thread_waits_for_one_answer() {
    let stack = Stack::new();
    let ([mut client], [socket]) = stack.party();
    thread::scope(|scope| {
        let (asked, reply) = (socket.call::<u8>("q", &()), socket.emit_with_ack("q", &(), SECOND));
        let waiting = scope.spawn(|| (asked.wait(), reply.wait()));
        assert_eq!(client.all().len(), 2);
        client.send("430[7]");
        stack.pass(2 * SECOND);
        let (answer, late) = waiting.join().unwrap();
        assert_eq!(answer, Ok(7));
        assert_eq!(late.unwrap_err(), AckError::TimedOut);
    });
}

#[test]
fn a_thread_waits_for_the_answers_of_many() {
    let stack = Stack::new();
    let (mut clients, _) = stack.party::<3>();
    let (together, one_by_one) =
        (stack.io.emit_with_ack("q", &(), SECOND), stack.io.emit_with_ack("q", &(), SECOND));
    thread::scope(|scope| {
        let gathering = scope.spawn(|| together.wait().unwrap());
        let streaming = scope.spawn(|| {
            let (mut replies, mut seen) = (one_by_one.stream().unwrap(), Vec::new());
            while let Some(args) = replies.next().wait() {
                seen.push(args.json().to_owned());
            }
            (seen, replies.missing())
        });
        for client in &mut clients[..2] {
            for question in client.all() {
                let number = question.trim_matches(|c: char| !c.is_ascii_digit());
                client.send(&format!("43{}[1]", &number[2..]));
            }
        }
        stack.pass(2 * SECOND);
        let gathered = gathering.join().unwrap();
        assert_eq!((gathered.acks.len(), gathered.missing), (2, 1));
        assert_eq!(streaming.join().unwrap(), (vec!["[1]".into(), "[1]".into()], Some(1)));
    });
}

#[test]
fn a_thread_waits_for_who_is_there() {
    let stack = Stack::new();
    let (_clients, sockets) = stack.party::<3>();
    let found = stack.io.fetch_sockets().wait().unwrap();
    let mut ids: Vec<String> = found.into_iter().map(|socket| socket.id().to_owned()).collect();
    let mut expected = sockets.map(|socket| socket.id().to_owned());
    ids.sort();
    expected.sort();
    assert_eq!(ids, expected);
}
