//! The table of requests, read by the core; bindings and hosts have the same one.

use testbed::requests::REQUESTS;
use testbed::{Sim, request, upgrade};

#[test]
fn every_request_of_the_table_is_answered_as_it_says() {
    for chunk in [0, 1] {
        for case in REQUESTS {
            let mut sim = Sim::new();
            let sid = if case.needs_session() { sim.polling().sid } else { String::new() };
            sim.chunks(chunk);
            let mut tcp = sim.tcp();
            tcp.send(case.request(&sid));
            let answer = tcp.answer().unwrap_or_else(|| panic!("{}: no answer", case.name));
            let said = format!("{}{}", answer.body, answer.hint.unwrap_or_default());
            assert_eq!(answer.status, case.ours.0, "{}: {said}", case.name);
            assert!(said.contains(case.ours.1), "{}: {said}", case.name);
        }
    }
}

#[test]
fn http_1_0_clients_are_told_that_their_connection_stays() {
    let sim = Sim::new();
    let mut tcp = sim.tcp();
    let ask = "GET /socket.io/?EIO=4&transport=polling HTTP/1.0\r\nHost: a\r\n";
    for _ in 0..2 {
        tcp.send(format!("{ask}Connection: keep-alive\r\n\r\n"));
        let answer = tcp.answer().expect("answered");
        assert_eq!((answer.status, answer.header("connection")), (200, Some("keep-alive")));
        assert!(answer.header("content-length").is_some() && tcp.is_open());
    }
    tcp.send(format!("{ask}\r\n"));
    let answer = tcp.answer().expect("answered");
    assert_eq!((answer.status, answer.header("connection")), (200, Some("close")));
    assert!(!tcp.is_open());
}

#[test]
fn http_1_0_clients_are_never_told_to_continue() {
    let sim = Sim::new();
    let target = sim.polling().target();
    let mut tcp = sim.tcp();
    let fields = "Expect: 100-continue\r\nContent-Length: 2\r\nConnection: keep-alive\r\n";
    tcp.send(format!("POST {target} HTTP/1.0\r\nHost: a\r\n{fields}\r\n"));
    assert_eq!(tcp.answer(), None);
    tcp.send("40");
    let answer = tcp.answer().expect("answered");
    assert_eq!((answer.status, answer.header("connection")), (200, Some("keep-alive")));
}

#[test]
fn an_unsupported_version_of_websocket_is_answered_with_the_one_that_is() {
    let sim = Sim::new();
    let sid = sim.polling().sid;
    let mut asked = vec![upgrade("/socket.io/?EIO=4&transport=websocket")];
    asked.push(asked[0].replace("websocket ", &format!("websocket&sid={sid} ")));
    for asked in asked {
        for version in ["Sec-WebSocket-Version: 12\r\n", ""] {
            let mut tcp = sim.tcp();
            tcp.send(asked.replace("Sec-WebSocket-Version: 13\r\n", version));
            let answer = tcp.answer().expect("answered");
            assert_eq!((answer.status, answer.header("sec-websocket-version")), (400, Some("13")));
        }
    }
}

#[test]
fn a_bad_key_is_not_blamed_on_proxies() {
    let sim = Sim::new();
    let mut tcp = sim.tcp();
    let asked = upgrade("/socket.io/?EIO=4&transport=websocket");
    tcp.send(asked.replace("dGhlIHNhbXBsZSBub25jZQ==", "c2hvcnQ="));
    let answer = tcp.answer().expect("answered");
    let hint = answer.hint.as_deref().expect("there is a hint");
    assert!(hint.contains("Sec-WebSocket-Key") && !hint.contains("prox"), "{hint}");
    assert_eq!(answer.header("sec-websocket-version"), None);
}

#[test]
fn a_header_on_several_lines_is_seen_whole() {
    let mut sim = Sim::new();
    let lines = "Cookie: a=1\r\nX-List: a\r\ncookie: b=2\r\nX-List: b, c\r\n";
    let mut tcp = sim.tcp();
    tcp.send(request("GET", "/socket.io/?EIO=4&transport=polling", lines, ""));
    let answer = tcp.answer().expect("answered");
    let sid = answer.body.split('"').nth(3).expect("a sid").to_owned();
    tcp.send(request("POST", &format!("/socket.io/?EIO=4&transport=polling&sid={sid}"), "", "40"));
    assert_eq!(sim.events().len(), 1);
    let handshake = sim.handshake(1);
    assert_eq!(handshake.header("cookie"), Some("a=1; b=2"));
    assert_eq!(handshake.header("x-list"), Some("a, b, c"));
    assert_eq!((handshake.cookie("a"), handshake.cookie("b")), (Some("1"), Some("2")));
}

#[test]
fn an_encoding_accepted_on_a_second_line_is_used() {
    let sim = Sim::with(|config| config.compression = Some(1));
    let mut client = sim.polling();
    client.join("/");
    sim.socket(1).emit("x", &format!("[\"{}\"]", "y".repeat(2000))).expect("it is sent");
    let lines = "Accept-Encoding: br\r\nAccept-Encoding: gzip\r\n";
    let mut tcp = sim.tcp();
    tcp.send(request("GET", &client.target(), lines, ""));
    let head = String::from_utf8_lossy(&tcp.take()).into_owned();
    assert!(head.contains("\r\ncontent-encoding: gzip\r\n"), "{head}");
}

#[test]
fn what_proxies_of_either_kind_say_reaches_the_application() {
    for (fields, peer, secure) in [
        ("X-Forwarded-For: \"[2001:db8::1]:4711\"\r\n", Some("[2001:db8::1]:4711"), false),
        ("X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: ::1\r\n", Some("[::1]:0"), false),
        ("Forwarded: for=6.6.6.6, for=\"[::1]:5\";proto=https\r\n", Some("[::1]:5"), true),
        (
            "Forwarded: for=6.6.6.6\r\nForwarded: for=1.2.3.4;PROTO=http\r\n",
            Some("1.2.3.4:0"),
            false,
        ),
        ("Forwarded: for=6.6.6.6, for=_hidden\r\n", None, false),
        ("Forwarded: for=6.6.6.6\r\nX-Forwarded-For: 1.2.3.4\r\n", Some("1.2.3.4:0"), false),
        ("Forwarded: for=6.6.6.6;proto=https\r\nX-Forwarded-Host: a\r\n", None, false),
    ] {
        for trusted in [true, false] {
            let mut sim = Sim::with(|config| config.trust_forwarded = trusted);
            let mut tcp = sim.tcp();
            tcp.send(request("GET", "/socket.io/?EIO=4&transport=polling", fields, ""));
            let answer = tcp.answer().expect("answered");
            let sid = answer.body.split('"').nth(3).expect("a sid").to_owned();
            let target = format!("/socket.io/?EIO=4&transport=polling&sid={sid}");
            tcp.send(request("POST", &target, "", "40"));
            assert_eq!(sim.events().len(), 1);
            let handshake = sim.handshake(1);
            let seen = handshake.peer().map(|peer| peer.to_string());
            assert_eq!(seen.as_deref(), peer.filter(|_| trusted), "{fields}");
            assert_eq!(handshake.is_secure(), trusted && secure, "{fields}");
        }
    }
}

#[test]
fn a_page_is_of_the_host_that_a_trusted_proxy_forwards_for() {
    let page = "Origin: https://shop.example\r\n";
    for (told, status) in [
        ("Forwarded: for=1.2.3.4;host=shop.example;proto=https\r\n", 200),
        ("Forwarded: host=\"shop.example:443\"\r\n", 200),
        ("Forwarded: host=shop.example;proto=http\r\n", 400),
        ("Forwarded: host=shop.example, for=1.2.3.4\r\n", 400),
        ("Forwarded: host=shop.example\r\nX-Forwarded-Proto: https\r\n", 400),
    ] {
        let sim = Sim::with(|config| config.trust_forwarded = true);
        let mut tcp = sim.tcp();
        let fields = format!("{page}{told}");
        tcp.send(request("GET", "/socket.io/?EIO=4&transport=polling", &fields, ""));
        assert_eq!(tcp.answer().expect("answered").status, status, "{told}");
    }
}
