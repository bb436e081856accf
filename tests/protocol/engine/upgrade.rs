//! The move from polling to WebSocket.

use sansocket::{
    Counts, Fields, Message, Method, Request, RequestContext, Server, Transmit, Verdict,
};
use std::time::Instant;
use testbed::{Item, NO_FIELDS, Sim, request};

const BAD_REQUEST: &str = r#"{"code":3,"message":"Bad request"}"#;

#[test]
fn a_session_moves_to_websocket() {
    let mut sim = Sim::new();
    let mut client = sim.polling();
    client.join("/");
    assert_eq!(sim.socket(1).transport(), Some("polling"));
    client.get();
    let mut ws = client.websocket();
    assert_eq!(client.answer(), None, "the poll is held until the probe is answered");
    ws.send("2probe");
    assert_eq!(ws.recv(), "3probe");
    assert_eq!(client.payload(), "6");
    ws.send("5");
    assert_eq!(sim.socket(1).transport(), Some("websocket"));
    ws.send("42[\"x\"]");
    assert_eq!(sim.events(), ["connect 1 /", "event 1 x []"]);
    sim.socket(1).emit("y", "[]").unwrap();
    assert_eq!(ws.recv(), "42[\"y\"]");
}

#[test]
fn every_poll_is_released_while_the_probe_is_answered() {
    let sim = Sim::new();
    let mut client = sim.polling();
    client.join("/");
    let mut ws = client.websocket();
    ws.send("2probe");
    for _ in 0..3 {
        assert_eq!(client.poll(), "6");
    }
}

#[test]
fn a_poll_and_the_end_of_an_upgrade_sent_at_once_are_taken_alike_in_either_order() {
    for (upgrades, status) in [(true, 400), (false, 200)] {
        let sim = Sim::new();
        let mut client = sim.polling();
        client.join("/");
        let mut ws = client.websocket();
        ws.send("2probe");
        assert_eq!(ws.recv(), "3probe");
        sim.socket(1).emit("waits", "[]").unwrap();
        let target = client.target();
        let polled = sim.on(0, |server, now| {
            // What was sent first lies unread when the poll is taken.
            let verdict = ask(server, now, &target);
            let Verdict::Hold(Some(poll)) = verdict else { panic!("{verdict:?}") };
            assert!(server.poll_transmit(poll).is_none(), "packets wait for the upgrade");
            let looked = server.poll_overdue().expect("the WebSocket is looked at");
            assert_eq!(server.poll_overdue(), None);
            if upgrades {
                server.handle_message(now, looked, Message::Text("5"));
            }
            server.handle_quiet(now, looked);
            server.poll_transmit(poll)
        });
        let Some(Transmit::Response(response)) = polled else { panic!("{polled:?}") };
        assert_eq!(response.status, status);
        assert!(upgrades || *response.body == *b"6", "{response:?}");
        assert_eq!(sim.socket(1).transport(), Some(if upgrades { "websocket" } else { "polling" }));
        if !upgrades {
            ws.send("5");
        }
        assert_eq!(ws.recv(), "42[\"waits\"]");
    }
}

#[test]
fn a_second_poll_while_the_websocket_is_looked_at_ends_the_session() {
    let mut sim = Sim::new();
    let mut client = sim.polling();
    client.join("/");
    let mut ws = client.websocket();
    ws.send("2probe");
    assert_eq!(ws.recv(), "3probe");
    let target = client.target();
    let statuses = sim.on(0, |server, now| {
        let Verdict::Hold(Some(poll)) = ask(server, now, &target) else { panic!("it waits") };
        let Verdict::Respond(second) = ask(server, now, &target) else { panic!("no") };
        let first = server.poll_transmit(poll);
        let Some(Transmit::Response(first)) = first else { panic!("{first:?}") };
        [first.status, second.status]
    });
    assert_eq!(statuses, [200, 400]);
    assert_eq!(ws.all(), [Item::Close(1008)]);
    assert_eq!(sim.events()[1..], ["disconnect 1 Violation(OverlappingPoll)"]);
}

#[test]
fn a_poll_that_waits_for_a_look_in_vain_is_released_when_the_upgrade_is_given_up() {
    let mut sim = Sim::new();
    let mut client = sim.polling();
    client.join("/");
    let mut ws = client.websocket();
    ws.send("2probe");
    assert_eq!(ws.recv(), "3probe");
    let target = client.target();
    let poll = sim.on(0, |server, now| {
        let Verdict::Hold(Some(poll)) = ask(server, now, &target) else { panic!("it waits") };
        server.poll_overdue().expect("nobody looks");
        poll
    });
    sim.advance(10_000);
    assert_eq!(ws.all(), [Item::Close(1000)]);
    let answer = sim.on(0, |server, _| server.poll_transmit(poll));
    let Some(Transmit::Response(response)) = answer else { panic!("{answer:?}") };
    assert_eq!(&*response.body, b"6");
    assert_eq!(sim.counts().sessions, 1);
}

#[test]
fn an_excused_look_releases_the_poll_that_waits_for_it() {
    let sim = Sim::new();
    let mut client = sim.polling();
    client.join("/");
    let mut ws = client.websocket();
    ws.send("2probe");
    let target = client.target();
    let released = sim.on(0, |server, now| {
        let Verdict::Hold(Some(poll)) = ask(server, now, &target) else { panic!("it waits") };
        let looked = server.poll_overdue().expect("the WebSocket is looked at");
        server.handle_excused(now, looked);
        server.poll_transmit(poll)
    });
    let Some(Transmit::Response(response)) = released else { panic!("{released:?}") };
    assert_eq!(&*response.body, b"6");
}

/// Polls past the network.
fn ask(server: &mut Server, now: Instant, target: &str) -> Verdict {
    server.handle_request(
        now,
        Request::new(Method::Get, target, Fields::host(&NO_FIELDS)),
        RequestContext::default(),
    )
}

#[test]
fn packets_sent_during_the_upgrade_arrive_once_and_in_order() {
    let sim = Sim::new();
    let mut client = sim.polling();
    client.join("/");
    let emit = |n: usize| sim.socket(1).emit("n", &format!("[{n}]")).unwrap();
    emit(0);
    let mut ws = client.websocket();
    emit(1);
    assert_eq!(client.poll(), "42[\"n\",0]\u{1e}42[\"n\",1]");
    emit(2);
    ws.send("2probe");
    emit(3);
    assert_eq!(ws.recv(), "3probe");
    assert_eq!(client.poll(), "6");
    emit(4);
    assert_eq!(ws.next(), None);
    ws.send("5");
    emit(5);
    let texts = ws.all();
    let expected: Vec<_> = (2..6).map(|n| Item::Text(format!("42[\"n\",{n}]"))).collect();
    assert_eq!(texts, expected);
}

#[test]
fn events_posted_while_probing_are_heard() {
    let mut sim = Sim::new();
    let mut client = sim.polling();
    client.join("/");
    let mut ws = client.websocket();
    client.post("42[\"a\"]");
    ws.send("2probe");
    client.post("42[\"b\"]");
    ws.send("5");
    ws.send("42[\"c\"]");
    assert_eq!(sim.events()[1..], ["event 1 a []", "event 1 b []", "event 1 c []"]);
}

#[test]
fn a_slow_upgrade_costs_only_the_probe() {
    let mut sim = Sim::new();
    let mut client = sim.polling();
    client.join("/");
    let mut ws = client.websocket();
    ws.send("2probe");
    assert_eq!(ws.recv(), "3probe");
    sim.socket(1).emit("kept", "[]").unwrap();
    sim.advance(9_999);
    assert_eq!(ws.next(), None);
    sim.advance(1);
    assert_eq!(ws.next(), Some(Item::Close(1000)));
    assert_eq!(client.poll(), "42[\"kept\"]");
    assert_eq!(sim.events(), ["connect 1 /"]);
    assert_eq!(client.upgrade().next(), None, "another try is welcome");
}

#[test]
fn a_poll_held_through_a_failed_probe_is_still_answered() {
    let mut sim = Sim::new();
    let mut client = sim.polling();
    client.join("/");
    client.get();
    let _ws = client.websocket();
    sim.advance(10_000);
    assert_eq!(client.answer(), None);
    sim.socket(1).emit("x", "[]").unwrap();
    assert_eq!(client.payload(), "42[\"x\"]");
}

#[test]
fn a_probe_that_closes_costs_only_the_probe() {
    for close in [0, 1, 2] {
        let mut sim = Sim::new();
        let mut client = sim.polling();
        client.join("/");
        let mut ws = client.websocket();
        ws.send("2probe");
        match close {
            0 => ws.vanish(),
            1 => ws.send_frame(0x88, &1000u16.to_be_bytes()),
            _ => ws.send_frame(0xf1, b"broken"),
        }
        assert_eq!(client.try_post("42[\"x\"]").unwrap().status, 200);
        assert_eq!(sim.events(), ["connect 1 /", "event 1 x []"]);
        assert_eq!(client.upgrade().next(), None);
    }
}

#[test]
fn anything_but_the_next_step_ends_the_probe() {
    for steps in [
        &["5"][..],
        &["2"],
        &["2probex"],
        &["3probe"],
        &["42[\"x\"]"],
        &["hello"],
        &[""],
        &["1"],
        &["2probe", "2probe"],
        &["2probe", "3probe"],
        &["2probe", "42[\"x\"]"],
    ] {
        let mut sim = Sim::new();
        let mut client = sim.polling();
        client.join("/");
        let mut ws = client.websocket();
        for step in steps {
            ws.send(step);
        }
        assert_eq!(ws.all().last(), Some(&Item::Close(1000)), "{steps:?}");
        client.post("42[\"on polling\"]");
        assert_eq!(sim.events(), ["connect 1 /", "event 1 on polling []"], "{steps:?}");
        assert_eq!(sim.counts().links, 0);
    }
}

#[test]
fn a_binary_message_ends_the_probe() {
    let sim = Sim::new();
    let mut client = sim.polling();
    let mut ws = client.websocket();
    ws.send_binary(b"2probe");
    assert_eq!(ws.all(), [Item::Close(1000)]);
    client.post("40");
}

#[test]
fn a_second_websocket_is_accepted_and_closed_and_changes_nothing() {
    let mut sim = Sim::new();
    let mut client = sim.polling();
    client.join("/");
    let mut ws = client.websocket();
    let mut second = client.websocket();
    assert_eq!(second.all(), [Item::Close(1000)]);
    ws.send("2probe");
    assert_eq!(ws.recv(), "3probe");
    ws.send("5");
    let mut third = client.websocket();
    assert_eq!(third.all(), [Item::Close(1000)]);
    third.send("2probe");
    third.vanish();
    ws.send("42[\"x\"]");
    assert_eq!(sim.events(), ["connect 1 /", "event 1 x []"]);
}

#[test]
fn a_session_that_began_on_websocket_takes_no_second_one() {
    let mut sim = Sim::new();
    let mut ws = sim.websocket_unread();
    let Some(Item::Text(_)) = ws.next() else { panic!("no OPEN packet") };
    ws.join("/");
    assert_eq!(sim.events(), ["connect 1 /"]);
}

#[test]
fn polls_and_posts_after_the_upgrade_are_refused() {
    let mut sim = Sim::new();
    let mut client = sim.polling();
    client.join("/");
    let mut ws = client.upgrade();
    for method in ["GET", "POST"] {
        client.posts.send(request(
            method,
            &client.target(),
            "",
            if method == "GET" { "" } else { "3" },
        ));
        let answer = client.posts.answer().unwrap();
        assert_eq!((answer.status, &*answer.body), (400, BAD_REQUEST), "{method}");
    }
    ws.send("42[\"x\"]");
    assert_eq!(sim.events(), ["connect 1 /", "event 1 x []"]);
}

#[test]
fn a_post_in_progress_at_the_upgrade_is_refused() {
    let mut sim = Sim::new();
    let mut client = sim.polling();
    client.join("/");
    let mut ws = client.websocket();
    ws.send("2probe");
    let whole = request("POST", &client.target(), "", "42[\"lost\"]");
    client.posts.send(&whole[..whole.len() - 3]);
    ws.send("5");
    assert_eq!(client.posts.answer().unwrap().status, 400);
    client.posts.send(&whole[whole.len() - 3..]);
    assert_eq!(sim.events(), ["connect 1 /"]);
    assert_eq!(client.posts.answer(), None);
}

#[test]
fn an_outstanding_ping_is_due_at_the_same_time_after_the_upgrade() {
    let mut sim = Sim::new();
    let mut client = sim.polling();
    client.join("/");
    sim.advance_to(25_000);
    assert_eq!(client.poll(), "2");
    sim.advance_to(30_000);
    let mut ws = client.upgrade();
    // The packets of the upgrade were a sign of life, once.
    sim.advance_to(49_999);
    ws.send("42[\"x\"]");
    assert_eq!(sim.events(), ["connect 1 /", "event 1 x []"]);
    sim.advance_to(50_000);
    assert_eq!(sim.events(), ["disconnect 1 PingTimeout"]);
    assert_eq!(ws.all(), [Item::Close(1000)]);
}

#[test]
fn the_next_ping_comes_on_the_websocket_when_it_would_have_come() {
    let mut sim = Sim::new();
    let mut client = sim.polling();
    client.join("/");
    sim.advance_to(24_000);
    let mut ws = client.upgrade();
    sim.advance_to(24_999);
    assert_eq!(ws.next(), None);
    sim.advance_to(25_000);
    assert_eq!(ws.recv(), "2");
}

#[test]
fn a_session_that_ends_takes_its_probe_along() {
    let sim = Sim::new();
    let mut client = sim.polling();
    client.join("/");
    let mut ws = client.websocket();
    client.post("1");
    assert_eq!(ws.all(), [Item::Close(1000)]);
    assert_eq!(sim.counts(), Counts::default());
}
