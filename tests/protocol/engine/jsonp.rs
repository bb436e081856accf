//! Polling by JSONP: answers are scripts, POSTs are forms.

use sansocket::{Config, Layer, Origins};
use testbed::{Answer, Sim, Tcp, request};

/// A server of bare messages that sends every one back.
fn echo(set: impl FnOnce(&mut Config)) -> Sim {
    let mut sim = Sim::with(|config| {
        config.allow_jsonp = true;
        config.allow_eio3 = true;
        config.layer = Layer::EngineIo;
        set(config);
    });
    sim.app(|app| app.echoes = true);
    sim
}

fn ask(tcp: &mut Tcp, method: &str, target: &str, fields: &str, body: &str) -> Answer {
    tcp.send(request(method, target, fields, body));
    tcp.answer().expect("it is answered")
}

/// Opens a session and returns its target.
fn open(tcp: &mut Tcp, query: &str) -> String {
    let target = format!("/socket.io/?{query}&transport=polling");
    let answer = ask(tcp, "GET", &target, "", "");
    assert_eq!(answer.status, 200, "{answer:?}");
    let sid = answer.body.split('"').nth(4).expect("a sid").trim_end_matches('\\').to_owned();
    format!("{target}&sid={sid}")
}

const FORM: &str = "Content-Type: application/x-www-form-urlencoded\r\n";

#[test]
fn it_is_spoken_only_where_it_is_let_in() {
    for (allowed, status) in [(false, 400), (true, 200)] {
        let sim = echo(|config| config.allow_jsonp = allowed);
        for revision in [3, 4] {
            let target = format!("/socket.io/?EIO={revision}&transport=polling&j=0");
            assert_eq!(ask(&mut sim.tcp(), "GET", &target, "", "").status, status);
        }
    }
}

#[test]
fn answers_are_scripts_that_call_the_function_of_that_number() {
    let sim = echo(|_| {});
    let mut tcp = sim.tcp();
    let answer = ask(&mut tcp, "GET", "/socket.io/?EIO=4&transport=polling&j=7", "", "");
    assert!(answer.body.starts_with(r#"___eio[7]("0{\"sid\":\""#), "{}", answer.body);
    assert!(answer.body.ends_with("}\");"), "{}", answer.body);
    assert_eq!(answer.header("content-type"), Some("text/javascript; charset=UTF-8"));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let answer = ask(&mut tcp, "GET", "/socket.io/?EIO=3&transport=polling&j=0", "", "");
    assert!(answer.body.starts_with(r#"___eio[0]("118:0{\"sid\":\""#), "{}", answer.body);
}

#[test]
fn posts_are_forms() {
    let sim = echo(|_| {});
    let mut tcp = sim.tcp();
    for (query, body, answer) in [
        (
            "EIO=4&j=1",
            "d=4a%5Cn%5C%5Cn%1E4%E2%80%A8+%2B",
            r#"___eio[1]("4a\n\\n\u001e4\u2028 +");"#,
        ),
        (
            "EIO=3&b64=1&j=1",
            "d=6%3A4hello10%3Ab4AQIDBA%3D%3D",
            r#"___eio[1]("6:4hello10:b4AQIDBA==");"#,
        ),
        ("EIO=3&j=1", "d=3%3A4%F0%9F%98%806%3Ab4AQID", "___eio[1](\"3:4😀6:b4AQID\");"),
    ] {
        let target = open(&mut tcp, query);
        let posted = ask(&mut tcp, "POST", &target, FORM, body);
        assert_eq!((posted.status, &*posted.body), (200, "ok"), "{query}");
        assert_eq!(posted.header("content-type"), Some("text/html"));
        assert_eq!(ask(&mut tcp, "GET", &target, "", "").body, answer, "{query}");
    }
}

#[test]
fn a_form_without_a_payload_ends_the_session() {
    let sim = echo(|_| {});
    let mut tcp = sim.tcp();
    for body in ["4a", "x=4a", "d=%ff", "d=nonsense"] {
        let target = open(&mut tcp, "EIO=4&j=1");
        assert_eq!(ask(&mut tcp, "POST", &target, FORM, body).status, 400, "{body}");
        assert_eq!(ask(&mut tcp, "GET", &target, "", "").status, 400, "{body}");
    }
}

#[test]
fn nothing_but_a_number_is_echoed() {
    let sim = echo(|_| {});
    let mut tcp = sim.tcp();
    for number in
        ["0);alert(1)//", "-1", "+1", "", "1.5", "0x1", "%30", "a", "4294967296", "99999999999"]
    {
        let target = format!("/socket.io/?EIO=4&transport=polling&j={number}");
        let answer = ask(&mut tcp, "GET", &target, "", "");
        assert_eq!(answer.status, 400, "{number}");
        assert_eq!(answer.body, r#"{"code":3,"message":"Bad request"}"#, "{number}");
    }
    let answer = ask(&mut tcp, "GET", "/socket.io/?EIO=4&transport=polling&j=4294967295", "", "");
    assert!(answer.body.starts_with("___eio[4294967295]("));
    let answer = ask(&mut tcp, "GET", "/socket.io/?EIO=4&transport=polling&j=007", "", "");
    assert!(answer.body.starts_with("___eio[7]("));
}

#[test]
fn polls_that_wait_are_answered_by_scripts_however_they_end() {
    let sim = echo(|_| {});
    for (revision, noop, close) in [(4, "6", "1"), (3, "1:6", "1:1")] {
        let (mut gets, mut posts) = (sim.tcp(), sim.tcp());
        let target = open(&mut gets, &format!("EIO={revision}&j=3"));
        gets.send(request("GET", &target, "", ""));
        let body = if revision == 4 { "d=1" } else { "d=1%3A1" };
        assert_eq!(ask(&mut posts, "POST", &target, FORM, body).status, 200);
        assert_eq!(gets.answer().unwrap().body, format!("___eio[3](\"{noop}\");"));
        let target = open(&mut gets, &format!("EIO={revision}&j=3"));
        gets.send(request("GET", &target, "", ""));
        assert_eq!(ask(&mut posts, "GET", &target, "", "").status, 400, "they overlap");
        assert_eq!(gets.answer().unwrap().body, format!("___eio[3](\"{close}\");"));
        let target = open(&mut gets, &format!("EIO={revision}&j=3"));
        assert_eq!(ask(&mut posts, "POST", &target, FORM, body).status, 200);
        assert_eq!(ask(&mut gets, "GET", &target, "", "").body, format!("___eio[3](\"{noop}\");"));
    }
}

#[test]
fn a_session_moves_to_websocket_from_it() {
    let sim = echo(|_| {});
    let mut tcp = sim.tcp();
    let target = open(&mut tcp, "EIO=4&j=3");
    let mut ws = sim.tcp();
    ws.send(testbed::upgrade(&target.replace("polling", "websocket").replace("&j=3", "")));
    assert_eq!(ws.answer().unwrap().status, 101);
    ws.send(testbed::frame(0x81, b"2probe"));
    ws.send(testbed::frame(0x81, b"5"));
    ws.send(testbed::frame(0x81, b"4hello"));
    assert_eq!(ws.take(), b"\x81\x063probe\x81\x064hello");
}

#[test]
fn pages_of_other_hosts_are_refused_where_the_browser_tells() {
    for (origins, site, status) in [
        (Origins::SameOrigin, "cross-site", 400),
        (Origins::SameOrigin, "same-site", 400),
        (Origins::SameOrigin, "same-origin", 200),
        (Origins::SameOrigin, "none", 200),
        (Origins::List(vec!["https://b.example".into()]), "cross-site", 400),
        (Origins::Any, "cross-site", 200),
    ] {
        let sim = echo(|config| config.origins = origins.clone());
        let target = "/socket.io/?EIO=4&transport=polling&j=0";
        let fields = format!("Sec-Fetch-Site: {site}\r\n");
        let answer = ask(&mut sim.tcp(), "GET", target, &fields, "");
        assert_eq!(answer.status, status, "{origins:?} {site}");
    }
    let sim = echo(|config| config.origins = Origins::List(vec!["https://b.example".into()]));
    let mut tcp = sim.tcp();
    let target = open(&mut tcp, "EIO=4&j=0");
    for (page, status) in [("https://b.example", 200), ("https://c.example", 400)] {
        let fields = format!("{FORM}Origin: {page}\r\nSec-Fetch-Site: cross-site\r\n");
        assert_eq!(ask(&mut tcp, "POST", &target, &fields, "d=3").status, status, "{page}");
    }
}
