//! The name of a node in front of its session ids.

use sansocket::Cookie;
use testbed::{Answer, Sim, handshake, request};

const HINT: &str = "the session is on the node that its sid names";

fn named() -> Sim {
    Sim::with(|config| {
        config.node = Some("n2".parse().expect("it is a name"));
        config.cookie = Some(Cookie::named("io"));
    })
}

fn ask(sim: &Sim, request: &str) -> Answer {
    let mut tcp = sim.tcp();
    tcp.send(request);
    tcp.answer().expect("it is answered")
}

fn open(sim: &Sim) -> (Answer, String) {
    let answer = ask(sim, &handshake());
    let sid = answer.body.split('"').nth(3).expect("the session has an id").to_owned();
    (answer, sid)
}

fn poll(sim: &Sim, sid: &str) -> Answer {
    ask(sim, &request("GET", &format!("/socket.io/?EIO=4&transport=polling&sid={sid}"), "", ""))
}

#[test]
fn a_session_id_begins_with_the_name() {
    let sim = named();
    let (answer, sid) = open(&sim);
    assert_eq!((&sid[..3], sid.len()), ("n2.", 31));
    assert!(answer.header("set-cookie").is_some_and(|cookie| cookie.contains(&sid)));
    let mut client = sim.polling();
    client.join("/");
    assert_eq!(client.upgrade().next(), None);
}

#[test]
fn a_session_is_found_by_its_whole_id_alone() {
    let sim = named();
    let (_, sid) = open(&sim);
    for other in [&sid[3..], &sid[..30], "n2.AAAAAAAAAAAAAAAAAAAAAAAAAAAA", "n2.", "n2"] {
        let answer = poll(&sim, other);
        assert_eq!(answer.status, 400, "{other}");
        assert!(answer.hint.is_some_and(|hint| !hint.starts_with(HINT)), "{other}");
    }
}

#[test]
fn the_session_of_another_node_is_unknown_with_a_hint() {
    let sim = named();
    let (_, sid) = open(&sim);
    let answer = poll(&sim, &sid.replace("n2.", "n3."));
    assert_eq!(answer.body, r#"{"code":1,"message":"Session ID unknown"}"#);
    assert!(answer.hint.is_some_and(|hint| hint.starts_with(HINT)));
}

#[test]
fn a_server_without_a_name_knows_none() {
    let sim = Sim::new();
    let (_, sid) = open(&sim);
    let answer = poll(&sim, &format!("n2.{sid}"));
    assert_eq!(answer.status, 400);
    assert!(answer.hint.is_some_and(|hint| hint.starts_with("no such session")));
}
