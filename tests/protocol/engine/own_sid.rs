//! Session ids that the host chooses.

use sansocket::Cookie;
use testbed::{Answer, Sim, handshake, request, upgrade};

fn open(sim: &mut Sim, sid: &str) -> Answer {
    let mut tcp = sim.own_sid(Some(sid)).tcp();
    tcp.send(handshake());
    tcp.answer().expect("it is answered")
}

#[test]
fn a_chosen_id_names_the_session_verbatim() {
    for shards in [1, 5] {
        let mut sim = Sim::sharded(shards, |config| config.cookie = Some(Cookie::default()));
        let answer = open(&mut sim, "user-17_a.b~c");
        assert!(answer.body.starts_with(r#"0{"sid":"user-17_a.b~c","upgrades":["websocket"],"#));
        let cookie = answer.header("set-cookie").expect("a cookie");
        assert!(cookie.starts_with("io=user-17_a.b~c;"), "{cookie}");
        sim.own_sid(None);
        let target = "/socket.io/?EIO=4&transport=polling&sid=user-17_a.b~c";
        let mut tcp = sim.tcp();
        tcp.send(request("POST", target, "", "40"));
        assert_eq!(tcp.answer().expect("it is answered").body, "ok");
        tcp.send(request("GET", target, "", ""));
        assert!(tcp.answer().expect("it is answered").body.starts_with("40{\"sid\":"));
        let mut ws = sim.tcp();
        ws.send(upgrade(&target.replace("polling", "websocket")));
        assert_eq!(ws.answer().expect("it is answered").status, 101);
        assert_eq!(sim.events(), ["connect 1 /"]);
    }
}

#[test]
fn a_chosen_id_works_on_websocket_and_beside_ids_of_ours() {
    let mut sim = Sim::sharded(3, |_| {});
    let mut first = sim.polling();
    let mut ws = sim.own_sid(Some("mine")).websocket_unread();
    let raw = String::from_utf8_lossy(&ws.tcp.take()).into_owned();
    assert!(raw.contains(r#"0{"sid":"mine","#), "{raw}");
    let mut last = sim.own_sid(None).polling();
    for client in [&mut first, &mut last] {
        client.join("/");
    }
    ws.join("/");
    assert_eq!(sim.events().len(), 3);
}

#[test]
fn an_id_is_taken_once_at_a_time() {
    let mut sim = Sim::new();
    assert_eq!(open(&mut sim, "mine").status, 200);
    let again = open(&mut sim, "mine");
    assert_eq!((again.status, &*again.body), (400, r#"{"code":3,"message":"Bad request"}"#));
    assert!(again.hint.expect("a hint").contains("in use"));
    assert_eq!(open(&mut sim, "Mine").status, 200);
    let mut tcp = sim.own_sid(None).tcp();
    tcp.send(request("POST", "/socket.io/?EIO=4&transport=polling&sid=mine", "", "1"));
    assert_eq!(tcp.answer().expect("it is answered").body, "ok");
    assert_eq!(open(&mut sim, "mine").status, 200, "it is free again");
    assert_eq!(sim.counts().sessions, 2);
}

#[test]
fn an_id_of_ours_cannot_be_chosen_while_it_is_in_use() {
    let mut sim = Sim::new();
    let taken = sim.polling().sid;
    assert_eq!(open(&mut sim, &taken).status, 400);
    let free = taken.replace(|letter: char| letter.is_ascii_lowercase(), "A");
    assert_eq!(open(&mut sim, &free).status, 200, "in the format of ours it works as well");
    sim.own_sid(None);
    for sid in [taken, free] {
        let mut tcp = sim.tcp();
        tcp.send(request(
            "POST",
            &format!("/socket.io/?EIO=4&transport=polling&sid={sid}"),
            "",
            "40",
        ));
        assert_eq!(tcp.answer().expect("it is answered").body, "ok");
    }
}

#[test]
fn ids_that_cannot_travel_are_refused() {
    let mut sim = Sim::new();
    let long = "a".repeat(257);
    for sid in ["", "a b", "a&b", "a\"b", "a/b", "a%20", "é", "a=b", &long] {
        let answer = open(&mut sim, sid);
        assert_eq!((answer.status, &*answer.body), (400, r#"{"code":3,"message":"Bad request"}"#));
        assert!(answer.hint.expect("a hint").contains("letters"), "{sid}");
    }
    assert_eq!(sim.counts().sessions, 0);
    assert_eq!(open(&mut sim, &long[1..]).status, 200);
}

#[test]
fn a_wrong_id_is_unknown() {
    let mut sim = Sim::new();
    assert_eq!(open(&mut sim, "mine").status, 200);
    sim.own_sid(None);
    for sid in ["%20", "m", "mine2", "ming", "MINE"] {
        let mut tcp = sim.tcp();
        tcp.send(request("GET", &format!("/socket.io/?EIO=4&transport=polling&sid={sid}"), "", ""));
        let answer = tcp.answer().expect("it is answered");
        assert_eq!(answer.body, r#"{"code":1,"message":"Session ID unknown"}"#, "{sid}");
    }
}

#[test]
fn sessions_with_chosen_ids_end_like_others() {
    let mut sim = Sim::new();
    for round in 0..100 {
        let mut ws = sim.own_sid(Some(&format!("round-{}", round % 3))).websocket();
        ws.join("/");
        ws.vanish();
    }
    assert_eq!(sim.counts(), sansocket::Counts::default());
    assert_eq!(open(&mut sim, "round-0").status, 200);
}

#[test]
fn a_chosen_id_that_is_used_again_releases_no_poll_for_the_session_before() {
    let mut sim = Sim::new();
    let mut client = sim.own_sid(Some("mine")).polling();
    client.post("1");
    assert_eq!(client.poll(), "6", "it crossed the CLOSE");
    let mut client = sim.polling();
    client.post("1");
    let mut client = sim.polling();
    assert_eq!(client.try_post("nonsense").expect("it is answered").status, 400);
    client.get();
    assert_eq!(client.answer().expect("it is refused").status, 400);
}
