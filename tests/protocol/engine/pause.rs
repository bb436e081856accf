//! A process that is paused blames no peer for what it did not read; and no call that enters a shard past
//! a deadline meets what should be over.

use sansocket::{Counts, Gone, Link};
use std::time::Duration;
use testbed::{Item, Polling, Sim, request};

/// Pings every second, a second to answer.
fn brisk() -> Sim {
    Sim::with(|config| {
        config.ping_interval = Duration::from_secs(1);
        config.ping_timeout = Duration::from_secs(1);
    })
}

/// As in the official suite: pings every 300 ms, 200 ms to answer.
fn quick() -> Sim {
    Sim::with(|config| {
        config.ping_interval = Duration::from_millis(300);
        config.ping_timeout = Duration::from_millis(200);
    })
}

/// Acts on deadlines although something may not have been read, and returns the links to look at.
fn catch_up(sim: &Sim) -> Vec<Link> {
    sim.on(0, |server, now| {
        server.catch_up(now);
        std::iter::from_fn(|| server.poll_overdue()).collect()
    })
}

/// The links had nothing to read.
fn quiet(sim: &Sim, links: &[Link]) {
    sim.on(0, |server, now| links.iter().for_each(|&link| server.handle_quiet(now, link)));
}

/// Polls, and checks that there is no such session.
fn assert_unknown(client: &mut Polling) {
    client.get();
    let answer = client.answer().expect("it is refused at once");
    let unknown = r#"{"code":1,"message":"Session ID unknown"}"#;
    assert_eq!((answer.status, answer.body.as_str()), (400, unknown));
}

#[test]
fn a_pong_on_a_websocket_is_heard_after_a_pause() {
    let mut sim = brisk();
    let mut ws = sim.joined();
    sim.advance_to(1000);
    assert_eq!(ws.recv(), "2");
    sim.pause_to(2600);
    // Timers may run before anything is read.
    sim.advance(0);
    ws.send("3");
    sim.advance_to(3599);
    assert_eq!(ws.all(), []);
    sim.advance_to(3600);
    assert_eq!(ws.recv(), "2");
    assert_eq!(sim.events(), ["connect 1 /"]);
}

#[test]
fn a_client_that_is_excused_has_its_time_once_more() {
    let mut sim = brisk();
    let mut ws = sim.joined();
    sim.advance_to(1000);
    assert_eq!(ws.recv(), "2");
    sim.pause_to(2000);
    let links = catch_up(&sim);
    assert_eq!(links.len(), 1);
    sim.on(0, |server, now| server.handle_excused(now, links[0]));
    sim.advance_to(2999);
    assert_eq!(ws.all(), []);
    sim.advance_to(3000);
    assert_eq!(ws.all(), [Item::Close(1000)]);
}

#[test]
fn a_pong_on_polling_is_heard_after_a_pause() {
    for timers_first in [false, true] {
        let mut sim = brisk();
        let mut client = sim.polling();
        client.join("/");
        sim.advance_to(1000);
        assert_eq!(client.poll(), "2");
        client.get();
        sim.pause_to(2600);
        if timers_first {
            sim.advance(0);
        }
        client.post("3");
        sim.advance_to(3599);
        assert_eq!(client.answer(), None);
        sim.advance_to(3600);
        assert_eq!(client.payload(), "2");
    }
}

#[test]
fn who_stays_silent_after_a_pause_is_dropped_a_timeout_later() {
    let mut sim = brisk();
    let mut ws = sim.joined();
    let mut polling = sim.polling();
    polling.join("/");
    polling.get();
    sim.advance_to(1000);
    assert_eq!((ws.recv().as_str(), polling.payload().as_str()), ("2", "2"));
    polling.get();
    sim.pause_to(2600);
    sim.advance_to(3599);
    assert_eq!(sim.counts().sessions, 2);
    sim.advance_to(3600);
    assert_eq!(ws.all(), [Item::Close(1000)]);
    assert_eq!(polling.payload(), "1");
    assert_eq!(sim.counts(), Counts::default());
}

#[test]
fn who_stays_silent_is_dropped_however_late_each_look_is() {
    let mut sim = brisk();
    let _ws = sim.joined();
    let mut polling = sim.polling();
    polling.join("/");
    for _ in 0..4 {
        sim.pause(1700);
        sim.advance(0);
    }
    assert_eq!(sim.counts(), Counts::default());
}

#[test]
fn a_ping_that_fell_due_in_a_pause_is_sent_at_once_and_may_be_answered_in_full_time() {
    let mut sim = brisk();
    let mut ws = sim.joined();
    sim.pause_to(1500);
    sim.advance(0);
    assert_eq!(ws.recv(), "2");
    sim.advance_to(2499);
    ws.send("3");
    sim.advance_to(3498);
    assert_eq!(ws.all(), []);
    assert_eq!(sim.counts().sessions, 1);
}

#[test]
fn timers_that_are_a_little_late_do_not_add_up() {
    let mut sim = quick();
    let mut client = sim.polling();
    client.join("/");
    sim.pause_to(340);
    assert_eq!(client.poll(), "2");
    sim.pause_to(499);
    client.get();
    assert_eq!(client.answer(), None);
    sim.advance_to(500);
    assert_eq!(client.payload(), "1");
}

#[test]
fn a_ping_that_leaves_a_little_late_may_be_answered_in_full_time() {
    let mut sim = quick();
    let mut ws = sim.joined();
    let mut client = sim.polling();
    client.join("/");
    client.get();
    sim.pause_to(390);
    sim.advance(0);
    assert_eq!((ws.recv(), client.payload()), ("2".into(), "2".into()));
    sim.advance_to(589);
    ws.send("3");
    client.post("3");
    sim.advance(0);
    assert_eq!(sim.counts().sessions, 2);
}

#[test]
fn whoever_polls_past_the_time_for_a_pong_finds_no_session() {
    let mut sim = quick();
    let mut client = sim.polling();
    client.join("/");
    sim.advance_to(300);
    assert_eq!(client.poll(), "2");
    sim.pause_to(502);
    assert_unknown(&mut client);
    assert_eq!(sim.events(), ["connect 1 /", "disconnect 1 PingTimeout"]);
}

#[test]
fn whoever_enters_past_the_time_for_a_ping_finds_it_sent() {
    let mut sim = quick();
    let mut client = sim.polling();
    client.get();
    sim.pause_to(301);
    let _other = sim.polling();
    assert_eq!(client.payload(), "2");
}

#[test]
fn whoever_polls_past_the_time_to_join_finds_no_session() {
    let mut sim = Sim::with(|config| config.connect_timeout = Duration::from_secs(10));
    let mut client = sim.polling();
    sim.pause_to(10_001);
    assert_unknown(&mut client);
}

#[test]
fn nobody_is_admitted_past_the_time_for_it() {
    let mut sim = Sim::with(|config| config.connect_timeout = Duration::from_secs(10));
    sim.app(|app| app.holds = true);
    let mut ws = sim.websocket();
    ws.send("40");
    sim.pause_to(10_001);
    assert_eq!(sim.socket(1).admit(), Err(Gone));
    assert!(ws.recv().starts_with("44"));
}

#[test]
fn whoever_polls_past_the_time_of_a_closing_session_finds_none() {
    let mut sim = Sim::new();
    let mut client = sim.polling();
    client.join("/");
    sim.socket(1).close_transport();
    sim.pause_to(30_001);
    assert_unknown(&mut client);
}

#[test]
fn whoever_polls_past_the_time_for_attachments_finds_no_session() {
    let mut sim = Sim::with(|config| config.limits.attachment_time = Duration::from_secs(10));
    let mut client = sim.polling();
    client.join("/");
    client.post(r#"451-["x",{"_placeholder":true,"num":0}]"#);
    sim.pause_to(10_001);
    assert_unknown(&mut client);
    assert_eq!(sim.events()[1..], ["disconnect 1 Violation(AttachmentsLate)"]);
}

#[test]
fn an_answer_past_its_time_is_none() {
    let mut sim = Sim::new();
    let mut ws = sim.joined();
    sim.socket(1).ask("q", 1000).unwrap();
    sim.pause_to(1001);
    ws.send("430[1]");
    assert_eq!(sim.events()[1..], ["answer 1 from 1 timed out"]);
}

#[test]
fn an_answer_that_came_during_a_pause_is_taken() {
    let mut sim = Sim::new();
    let mut ws = sim.joined();
    sim.socket(1).ask("q", 1000).unwrap();
    sim.socket(1).ask("r", 1000).unwrap();
    sim.pause_to(5000);
    sim.advance_to(5999);
    ws.send("430[1]");
    sim.advance_to(6000);
    let events = sim.events();
    assert_eq!(events[1..], ["answer 1 from 1 [1]", "answer 2 from 1 timed out"]);
}

#[test]
fn what_came_during_a_pause_is_in_time_for_every_deadline() {
    let mut sim = Sim::with(|config| {
        config.ping_interval = Duration::from_secs(100);
        config.connect_timeout = Duration::from_secs(10);
        config.limits.attachment_time = Duration::from_secs(10);
    });
    let mut stranger = sim.websocket();
    let mut slow = sim.joined();
    slow.send(r#"451-["x",{"_placeholder":true,"num":0}]"#);
    let mut upgrading = sim.polling();
    upgrading.join("/");
    let mut probe = upgrading.websocket();
    let mut closing = sim.polling();
    closing.join("/");
    sim.socket(3).close_transport();
    sim.pause_to(31_000);
    sim.advance(0);
    assert!(stranger.join("/").starts_with("40"));
    slow.send_binary(&[1]);
    probe.send("2probe");
    probe.send("5");
    assert_eq!(closing.poll(), "1");
    assert_eq!(sim.socket(2).transport(), Some("websocket"));
    assert!(sim.events().contains(&r#"event 1 x [{"_placeholder":true,"num":0}] 0x01"#.into()));
    assert_eq!(sim.counts().sessions, 3);
}

#[test]
fn a_websocket_is_looked_at_before_its_peer_is_taken_for_gone() {
    let mut sim = quick();
    let (mut one, mut two) = (sim.joined(), sim.joined());
    sim.advance_to(300);
    assert_eq!((one.recv(), two.recv()), ("2".into(), "2".into()));
    sim.pause_to(500);
    let links = catch_up(&sim);
    assert_eq!((links.len(), sim.counts().sessions), (2, 2));
    assert_eq!(catch_up(&sim), [], "it is asked for once");
    one.send("3");
    quiet(&sim, &links);
    assert_eq!(two.all(), [Item::Close(1000)]);
    assert_eq!(one.all(), []);
    assert_eq!(sim.events()[2..], ["disconnect 2 PingTimeout"]);
}

#[test]
fn a_stream_that_cannot_be_looked_at_is_asked_for_again() {
    let mut sim = quick();
    let mut ws = sim.joined();
    sim.advance_to(300);
    assert_eq!(ws.recv(), "2");
    sim.pause_to(500);
    let first = catch_up(&sim);
    sim.pause_to(699);
    assert_eq!(catch_up(&sim), []);
    sim.pause_to(700);
    assert_eq!(catch_up(&sim), first);
    assert_eq!(sim.counts().sessions, 1);
    quiet(&sim, &first);
    assert_eq!(ws.all(), [Item::Close(1000)]);
}

#[test]
fn a_post_under_way_is_looked_at_before_its_peer_is_taken_for_gone() {
    for says_pong in [true, false] {
        let mut sim = quick();
        let mut client = sim.polling();
        client.join("/");
        sim.advance_to(300);
        assert_eq!(client.poll(), "2");
        let mut tcp = sim.tcp();
        let post = request("POST", &client.target(), "", "3");
        let (head, body) = post.split_at(post.len() - 1);
        tcp.send(head);
        sim.pause_to(500);
        let links = catch_up(&sim);
        assert_eq!(links.len(), 1);
        if says_pong {
            tcp.send(body);
            assert_eq!(tcp.answer().unwrap().status, 200);
        }
        quiet(&sim, &links);
        assert_eq!(sim.counts().sessions, usize::from(says_pong));
    }
}

#[test]
fn a_probe_and_a_post_are_both_looked_at() {
    let mut sim = quick();
    let mut client = sim.polling();
    client.join("/");
    sim.advance_to(300);
    assert_eq!(client.poll(), "2");
    let mut tcp = sim.tcp();
    let post = request("POST", &client.target(), "", "3");
    tcp.send(&post[..post.len() - 1]);
    let mut ws = client.websocket();
    sim.pause_to(500);
    let post = catch_up(&sim);
    assert_eq!(post.len(), 1);
    quiet(&sim, &post);
    let probe = catch_up(&sim);
    assert_eq!(probe.len(), 1);
    assert_ne!(post, probe);
    ws.send("2probe");
    assert_eq!(ws.recv(), "3probe");
    // A packet that is no PONG extends the time once.
    quiet(&sim, &probe);
    assert_eq!(sim.counts().sessions, 1);
    sim.advance_to(700);
    assert_eq!(sim.counts(), Counts::default());
}

#[test]
fn every_deadline_of_a_stream_is_acted_upon_once_it_was_quiet() {
    let mut sim = Sim::with(|config| {
        config.connect_timeout = Duration::from_secs(10);
        config.limits.attachment_time = Duration::from_secs(10);
    });
    let mut stranger = sim.websocket();
    let mut slow = sim.joined();
    slow.send(r#"451-["x",{"_placeholder":true,"num":0}]"#);
    let mut client = sim.polling();
    client.join("/");
    let mut probe = client.websocket();
    sim.pause_to(10_000);
    let links = catch_up(&sim);
    assert_eq!((links.len(), sim.counts().links), (3, 3));
    quiet(&sim, &links);
    assert_eq!(stranger.all(), [Item::Close(1008)]);
    assert_eq!(slow.all(), [Item::Close(1008)]);
    assert_eq!(probe.all(), [Item::Close(1000)]);
    assert_eq!(sim.counts().sessions, 1);
}

#[test]
fn a_quiet_stream_whose_peer_is_not_overdue_harms_nobody() {
    let mut sim = quick();
    let mut ws = sim.joined();
    sim.advance_to(300);
    assert_eq!(ws.recv(), "2");
    sim.pause_to(500);
    let links = catch_up(&sim);
    ws.send("3");
    for _ in 0..3 {
        quiet(&sim, &links);
    }
    assert_eq!(sim.counts().sessions, 1);
    ws.vanish();
    quiet(&sim, &links);
    assert_eq!(sim.counts(), Counts::default());
}
