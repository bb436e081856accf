//! Asking clients, one or many.

use crate::emit::stack::{Bell, Stack, poll, poll_with};
use sansocket_app::args::DecodeError;
use sansocket_app::{AckError, Args, Bytes, EmitError, Misuse, Refused};
use std::sync::Arc;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// The number a question asks to be answered under.
fn number(question: &str) -> &str {
    let digits = question.strip_prefix("42").expect("it is an event");
    &digits[..digits.find('[').expect("events have arguments")]
}

fn json(args: Option<Option<Args>>) -> String {
    args.expect("it is there").expect("it is not the end").json().to_owned()
}

#[test]
fn a_call_is_answered_with_what_was_asked_for() {
    let stack = Stack::new();
    let ([mut client], [socket]) = stack.party();
    let mut answer = |args: &str| {
        let number = number(&client.recv()).to_owned();
        client.send(&format!("43{number}{args}"));
    };
    let mut none = socket.call::<()>("q", &());
    assert_eq!(poll(&mut none), None);
    answer("[]");
    assert_eq!(poll(&mut none), Some(Ok(())));

    let mut one = socket.call::<u8>("q", &1);
    answer("[7,8]");
    assert_eq!(poll(&mut one), Some(Ok(7)));

    let mut several = socket.call::<(String, u8)>("q", &(1, 2));
    answer(r#"["a",7]"#);
    assert_eq!(poll(&mut several), Some(Ok(("a".into(), 7))));

    let mut maybe = socket.call::<Option<u8>>("q", &());
    answer("[]");
    assert_eq!(poll(&mut maybe), Some(Ok(None)));

    let mut list = socket.call::<Vec<u8>>("q", &());
    answer("[[1,2]]");
    assert_eq!(poll(&mut list), Some(Ok(vec![1, 2])));

    let mut raw = socket.emit_with_ack("q", &(), SECOND);
    answer("[ 1 ]");
    assert_eq!(poll(&mut raw).unwrap().unwrap().json(), "[ 1 ]");
}

#[test]
fn an_answer_that_does_not_fit_is_an_error() {
    let stack = Stack::new();
    let ([mut client], [socket]) = stack.party();
    let mut call = socket.call::<u8>("q", &());
    let question = client.recv();
    client.send(&format!("43{}[]", number(&question)));
    assert_eq!(poll(&mut call), Some(Err(AckError::Decode(DecodeError::Missing { index: 0 }))));
}

#[test]
fn a_call_carries_binary_both_ways() {
    let stack = Stack::new();
    let ([mut client], [socket]) = stack.party();
    let mut call = socket.call::<Bytes>("q", &());
    let question = client.recv();
    client.send(&format!("461-{}[{{\"_placeholder\":true,\"num\":0}}]", number(&question)));
    assert_eq!(poll(&mut call), None);
    client.send_binary(b"xyz");
    assert_eq!(poll(&mut call), Some(Ok(Bytes::from_static(b"xyz"))));
}

#[test]
fn a_call_waits_for_a_minute_or_as_long_as_told() {
    let stack = Stack::new();
    let ([mut client], [socket]) = stack.party();
    let (mut long, mut short) =
        (socket.call::<()>("q", &()), socket.call_within::<()>("q", &(), 5 * SECOND));
    let mut pass = |seconds| {
        for _ in 0..seconds {
            stack.pass(SECOND);
            if client.all().contains(&"2".to_owned()) {
                client.send("3");
            }
        }
    };
    pass(4);
    assert_eq!(poll(&mut short), None);
    pass(2);
    assert_eq!(poll(&mut short), Some(Err(AckError::TimedOut)));
    pass(53);
    assert_eq!(poll(&mut long), None);
    pass(2);
    assert_eq!(poll(&mut long), Some(Err(AckError::TimedOut)));
}

#[test]
fn a_call_says_why_it_failed() {
    let stack = Stack::new();
    let ([_client], [socket]) = stack.party();
    let mut reserved = socket.call::<()>("connect", &());
    let misuse = EmitError::Refused(Refused::Misuse(Misuse::ReservedEvent));
    assert_eq!(poll(&mut reserved), Some(Err(AckError::Emit(misuse))));
    let mut left = socket.call::<()>("q", &());
    socket.disconnect();
    assert_eq!(poll(&mut left), Some(Err(AckError::Disconnected)));
    let mut gone = socket.call::<()>("q", &());
    assert_eq!(poll(&mut gone), Some(Err(AckError::Emit(Refused::Gone.into()))));
}

#[test]
fn open_questions_are_answered_in_any_order() {
    let stack = Stack::new();
    let ([mut client], [socket]) = stack.party();
    let orders: [fn(usize) -> usize; 4] =
        [|n| n, |n| 999 - n, |n| n * 7 % 1000, |n| (n * 501 + 999) % 1000];
    for order in orders {
        // Two that stay open meanwhile, before and behind all others.
        let mut before = socket.call::<usize>("q", &());
        let mut calls: Vec<_> = (0..1000).map(|_| socket.call::<usize>("q", &())).collect();
        let mut behind = socket.call::<usize>("q", &());
        let asked = client.all();
        let asked: Vec<_> = asked.iter().map(|question| number(question)).collect();
        let [first, middle @ .., last] = asked.as_slice() else { panic!("nothing was asked") };
        for n in (0..1000).map(order) {
            assert_eq!(poll(&mut calls[n]), None);
            client.send(&format!("43{}[{n}]", middle[n]));
            assert_eq!(poll(&mut calls[n]), Some(Ok(n)));
        }
        for (call, id) in [(&mut behind, last), (&mut before, first)] {
            assert_eq!(poll(call), None);
            client.send(&format!("43{id}[1]"));
            assert_eq!(poll(call), Some(Ok(1)));
        }
    }
}

#[test]
fn the_answers_of_many_come_together() {
    let stack = Stack::new();
    let (mut clients, _) = stack.party::<3>();
    let mut gathering = stack.io.emit_with_ack("q", &(), SECOND);
    let bell = Arc::new(Bell::default());
    assert!(poll_with(&mut gathering, &bell).is_none());
    for (n, client) in clients.iter_mut().enumerate().take(2) {
        let question = client.recv();
        client.send(&format!("43{}[{n}]", number(&question)));
    }
    assert_eq!(bell.rings(), 0, "only the end is worth a look");
    stack.pass(2 * SECOND);
    assert_eq!(bell.rings(), 1);
    let gathered = poll_with(&mut gathering, &bell).unwrap().unwrap();
    assert_eq!(gathered.decode::<u8>(), Ok(vec![0, 1]));
    assert_eq!(gathered.missing, 1);
}

#[test]
fn the_answers_of_many_come_one_by_one() {
    let stack = Stack::new();
    let (mut clients, _) = stack.party::<3>();
    let mut replies = stack.io.except("room").emit_with_ack("q", &(), SECOND).stream().unwrap();
    let bell = Arc::new(Bell::default());
    for n in [2, 0, 1] {
        assert!(poll_with(&mut replies.next(), &bell).is_none());
        assert_eq!(replies.missing(), None);
        let (before, question) = (bell.rings(), clients[n].recv());
        clients[n].send(&format!("43{}[{n}]", number(&question)));
        assert_eq!(bell.rings(), before + 1);
        assert_eq!(json(poll_with(&mut replies.next(), &bell)), format!("[{n}]"));
    }
    assert_eq!(poll(&mut replies.next()), Some(None));
    assert_eq!(poll(&mut replies.next()), Some(None));
    assert_eq!(replies.missing(), Some(0));
}

#[test]
fn a_stream_of_answers_ends_when_time_is_up() {
    let stack = Stack::new();
    let ([mut first, _second], [_, leaving]) = stack.party();
    let mut replies = stack.io.emit_with_ack("q", &(), SECOND).stream().unwrap();
    let question = first.recv();
    first.send(&format!("43{}[1]", number(&question)));
    let bell = Arc::new(Bell::default());
    assert_eq!(json(poll(&mut replies.next())), "[1]");
    assert!(poll_with(&mut replies.next(), &bell).is_none());
    stack.pass(2 * SECOND);
    assert_eq!(bell.rings(), 1);
    assert_eq!(poll(&mut replies.next()), Some(None));
    assert_eq!(replies.missing(), Some(1));

    let mut replies =
        leaving.within(leaving.id()).emit_with_ack("q", &(), SECOND).stream().unwrap();
    assert!(poll_with(&mut replies.next(), &bell).is_none());
    leaving.disconnect();
    assert_eq!(poll(&mut replies.next()), Some(None), "a client that left cannot answer");
    assert_eq!(replies.missing(), Some(1));
}

#[test]
fn a_question_to_nobody_ends_at_once() {
    let stack = Stack::new();
    let ([_client], _) = stack.party();
    let gathered = poll(&mut stack.io.to("empty").emit_with_ack("q", &(), SECOND)).unwrap();
    assert_eq!(gathered.unwrap().acks, []);
    let none: [&str; 0] = [];
    let gathered = poll(&mut stack.io.to(none).emit_with_ack("q", &(), SECOND)).unwrap();
    assert_eq!(gathered.unwrap().missing, 0);
}

#[test]
fn a_question_to_many_that_cannot_be_sent_says_so() {
    let stack = Stack::new();
    let misuse = EmitError::Refused(Refused::Misuse(Misuse::ReservedEvent));
    let failed = || stack.io.emit_with_ack("connect", &(), SECOND);
    assert_eq!(failed().stream().unwrap_err(), misuse);
    assert_eq!(poll(&mut failed()).unwrap().unwrap_err(), misuse);
}
