//! C: Engine.IO sessions.

use std::time::Duration;

use sansocket::{Config, ConfigError, Cookie};
use testbed::{Item, Polling, Sim, Tcp, WebSocket, frame, handshake, request, upgrade};

use super::siege::{Siege, refused, say, siege_of_http};

/// C1, CVE-2020-36048.
#[test]
fn c01_payloads_of_minimal_packets_take_linear_time() {
    let mut siege = Siege::new();
    let mut client = siege.poller();
    let many = "3\u{1e}".repeat(8_000) + "3";
    client.post(&many);
    let most = "3\u{1e}".repeat(499_999) + "3";
    assert_eq!(client.try_post(&most).unwrap().status, 400);
    assert_eq!(siege.lift(0), "disconnect 2 Violation(TooManyPackets)");
}

/// C1, CVE-2020-36048, for Engine.IO 3.
#[test]
fn c03_packets_of_lengths_take_linear_time() {
    for (packet, most) in [(&b"1:2"[..], 333_333), (b"\x00\x01\xff2", 250_000)] {
        let mut siege = Siege::with(|config| config.allow_eio3 = true);
        let mut client = siege.old();
        assert_eq!(client.try_post_bytes(&packet.repeat(8_000)).unwrap().status, 200);
        assert_eq!(client.try_post_bytes(&packet.repeat(most)).unwrap().status, 400);
        assert_eq!(siege.lift(0), "disconnect 2 Violation(TooManyPackets)");
    }
    let mut siege = Siege::with(|config| config.allow_eio3 = true);
    for digits in ["1".repeat(999_999), "1".repeat(999_998) + ":", "0".repeat(999_997) + "1:4"] {
        let mut client = siege.old();
        client.try_post_bytes(digits.as_bytes());
    }
    siege.lift(0);
}

/// C3, engineioxide 0.17.4.
#[test]
fn c03_lengths_that_do_not_fit_end_their_session_at_once() {
    let mut siege = Siege::with(|config| config.allow_eio3 = true);
    for payload in [
        &b"abc"[..],
        b":",
        b"10:4ab",
        "2:4\u{1d54a}".as_bytes(),
        b"\x01\x05\xff\x04\x01\x02",
        b"\x00\x01\x02",
        b"\x00\xff",
        b"\x01\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\xff\x04",
        b"18446744073709551616:4",
        b"1:b",
        "2:b\u{e9}".as_bytes(),
    ] {
        for query in ["EIO=3", "EIO=3&b64=1", "EIO=3&b64="] {
            let mut client = siege.sim.polling_with(query);
            let answer = client.try_post_bytes(payload).unwrap();
            assert_eq!(answer.status, 400, "{payload:?}");
            client.get();
            assert_eq!(client.answer().unwrap().status, 400, "the session is over");
        }
    }
    siege.sim.events();
    siege.lift(0);
}

/// C22.
#[test]
fn c22_odd_base64_takes_linear_time() {
    let announced = "451-[\"x\",{\"_placeholder\":true,\"num\":0}]\u{1e}b";
    for (base64, seen) in [
        ("\n".repeat(900_000), "event 2 x"),
        ("A\n".repeat(400_000), "event 2 x"),
        (format!("{}AAEC", " ".repeat(900_000)), "event 2 x"),
        ("=".repeat(900_000), "disconnect 2 Violation(InvalidBase64)"),
        (format!("{}!", "A".repeat(900_000)), "disconnect 2 Violation(InvalidBase64)"),
        (format!("{}A", "AAAA\n".repeat(180_000)), "disconnect 2 Violation(InvalidBase64)"),
    ] {
        let mut siege = Siege::new();
        let mut client = siege.poller();
        client.try_post(&format!("{announced}{base64}"));
        if seen.starts_with("event") {
            client.post("1");
        }
        let lines = siege.lift(0);
        assert!(lines.starts_with(seen), "{lines:.80}");
    }
    let mut siege = Siege::new();
    let mut client = siege.poller();
    let broken = format!("{announced}A").repeat(8_000);
    client.try_post(&broken);
    siege.lift(0);
}

/// C2, engineioxide-core 0.2.3.
#[test]
fn c02_odd_engine_packets_are_refused() {
    for (text, violation) in [
        ("éabcd", "UnknownPacket"),
        ("b", "AttachmentUnexpected"),
        ("bé", "InvalidBase64"),
        ("B", "UnknownPacket"),
        ("2éabc", "HeartbeatDirection"),
        ("2probex", "HeartbeatDirection"),
        ("0", "UnknownPacket"),
    ] {
        refused(&[text], violation);
    }
    assert_eq!(say(&["3probe", "3é"]), "disconnect 2 TransportClose", "a PONG nobody waits for");
}

/// C4, CVE-2022-21676.
#[test]
fn c04_reserved_bits_after_the_handshake_cost_only_the_websocket() {
    let mut siege = Siege::new();
    let mut direct = siege.sim.tcp();
    direct.send(upgrade("/socket.io/?EIO=4&transport=websocket") + "test");
    assert!(direct.take().ends_with(&[0x88, 2, 0x03, 0xea]));
    let mut client = siege.poller();
    let mut probe = siege.sim.tcp();
    probe.send(upgrade(&client.target().replace("polling", "websocket")) + "test");
    assert!(probe.take().ends_with(&[0x88, 2, 0x03, 0xea]));
    client.post("42[\"unharmed\"]");
    client.post("1");
    assert_eq!(siege.lift(0), "event 2 unharmed []; disconnect 2 TransportClose");
}

/// C5, CVE-2022-41940.
#[test]
fn c05_odd_upgrades_and_resets_are_contained() {
    let siege = Siege::new();
    for value in ["h2c", "WebSocket/13", "websocket2", "", "x, y", "TLS/1.0"] {
        let mut tcp = siege.sim.tcp();
        let odd = upgrade("/socket.io/?EIO=4&transport=websocket")
            .replace("Upgrade: websocket", &format!("Upgrade: {value}"));
        tcp.send(odd);
        assert_eq!(tcp.answer().unwrap().status, 400, "{value}");
        tcp.vanish();
    }
    let mut tcp = siege.sim.tcp();
    tcp.send(upgrade("/socket.io/?EIO=4&transport=websocket"));
    tcp.vanish();
    assert_eq!(siege.lift(0), "");
    siege_of_http("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400);
}

/// C6, CVE-2023-31125.
#[test]
fn c06_odd_queries_are_refused() {
    let mut siege = Siege::new();
    for query in [
        "EIO=4&transport=__proto__",
        "EIO=4",
        "EIO=4&transport=polling&transport=polling",
        "EIO=4&EIO=3&transport=polling",
        "EIO=9&transport=polling",
        "EIO=&transport=polling",
        "EIO=4&transport=polling&sid=&sid=x",
        "EIO=4&transport=polling&j=0",
        "EIO=4&transport=polling&sid=%00",
        "EIO=4&transport=POLLING",
        "EIO=4&transport=",
        "EIO=4&transport[]=polling",
        "EIO=3&transport=polling",
        "&&&=&=&",
        "",
    ] {
        let mut tcp = siege.sim.tcp();
        tcp.send(request("GET", &format!("/socket.io/?{query}"), "", ""));
        let answer = tcp.answer().unwrap();
        assert_eq!(answer.status, 400, "{query}");
        assert!(answer.body.starts_with("{\"code\":"), "{query}");
    }
    // Parameters of other names are ignored: no session is meant by this one.
    let mut client = siege.poller();
    for query in ["sid[]=x", "sid%5B%5D=x", "Sid=x", "sid[]="] {
        let mut tcp = siege.sim.tcp();
        let own = client.sid.clone();
        let query = query.replace('x', &own);
        tcp.send(request("GET", &format!("/socket.io/?EIO=4&transport=polling&{query}"), "", ""));
        let answer = tcp.answer().unwrap();
        assert!(answer.body.starts_with("0{") && !answer.body.contains(&own), "{query}");
    }
    client.post("1");
    siege.lift(0);
}

/// C7, CVE-2026-59725.
#[test]
fn c07_binary_bodies_end_their_session_each_time() {
    let siege = Siege::new();
    for _ in 0..1000 {
        let mut client = siege.sim.polling();
        let kind = "Content-Type: application/octet-stream\r\n";
        client.posts.send(request("POST", &client.target(), kind, "x"));
        assert_eq!(client.posts.answer().unwrap().status, 400);
        assert_eq!(siege.sim.counts().sessions, 1);
    }
    assert_eq!(siege.lift(0), "");
}

/// C8, GHSA-gr94-w7qr-f4j3.
#[test]
fn c08_a_stream_for_an_unknown_session_is_closed_and_leaves_nothing() {
    let sim = Sim::with(|config| config.transports.webtransport = true);
    let mut over = sim.polling();
    over.post("1");
    let mut stream = over.webtransport();
    assert!(!stream.stream.is_open() && stream.all().is_empty());
    for sid in
        ["__proto__", "constructor", "AAAAAAAAAAAAAAAAAAAAAAAAAAAA", "a&transport=polling", ""]
    {
        let mut stream = sim.webtransport();
        stream.send(&format!("0{{\"sid\":\"{sid}\"}}"));
        assert!(!stream.stream.is_open() && stream.all().is_empty(), "{sid}");
    }
    let mut client = sim.polling();
    client.join("/");
    for _ in 0..1000 {
        let mut stream = client.webtransport();
        stream.send("2probe");
        stream.send("4never");
        assert!(!stream.stream.is_open());
    }
    assert_eq!((sim.counts().sessions, sim.counts().links), (1, 0));
}

/// C9.
#[test]
fn c09_every_transport_passes_the_same_gate() {
    let mut siege = Siege::new();
    siege.sim.app(|app| app.holds = true);
    let mut poller = siege.sim.polling();
    poller.post("40{\"token\":1}\u{1e}42[\"early\"]");
    let mut direct = siege.sim.websocket();
    direct.send("40{\"token\":1}");
    direct.send("42[\"early\"]");
    let mut moved = siege.sim.polling().upgrade();
    moved.send("40{\"token\":1}");
    moved.send("42[\"early\"]");
    let asked =
        ["connect 2 / {\"token\":1}", "connect 3 / {\"token\":1}", "connect 4 / {\"token\":1}"];
    assert_eq!(siege.sim.events(), asked, "nobody is heard before the application admitted it");
    for number in 2..5 {
        siege.sim.socket(number).refuse("{}").expect("it waits");
    }
    assert_eq!(poller.poll(), "44{}");
    assert_eq!((direct.recv(), moved.recv()), ("44{}".into(), "44{}".into()));
    poller.vanish();
    direct.vanish();
    moved.vanish();
    assert_eq!(siege.lift(0), "");
}

/// C10, engine.io 6.6.11.
#[test]
fn c10_the_revision_of_a_session_cannot_change() {
    let mut siege = Siege::new();
    let mut client = siege.poller();
    for (method, target) in [
        ("GET", client.target().replace("EIO=4", "EIO=3")),
        ("POST", client.target().replace("EIO=4", "EIO=3")),
        ("GET", client.target().replace("EIO=4&", "")),
    ] {
        let mut tcp = siege.sim.tcp();
        tcp.send(request(method, &target, "", ""));
        assert_eq!(tcp.answer().unwrap().body, r#"{"code":3,"message":"Bad request"}"#);
    }
    let mut tcp = siege.sim.tcp();
    tcp.send(upgrade(&client.target().replace("EIO=4", "EIO=3").replace("polling", "websocket")));
    assert_eq!(tcp.answer().unwrap().status, 400);
    client.post("1");
    assert_eq!(siege.lift(0), "disconnect 2 TransportClose");
}

/// C11, CVE-2026-48802.
#[test]
fn c11_a_flood_of_pongs_starts_nothing() {
    let mut siege = Siege::new();
    let mut ws = siege.attacker();
    let pongs: Vec<u8> = (0..100_000).flat_map(|_| frame(0x81, b"3")).collect();
    ws.tcp.send(&pongs);
    siege.sim.advance(25_000);
    siege.witness.send("3");
    ws.tcp.send(&pongs);
    siege.sim.advance(24_999);
    assert_eq!(ws.all(), [Item::Text("2".into())], "one ping per interval");
    siege.sim.advance(1);
    siege.witness.send("3");
    siege.witness.all();
    assert_eq!(ws.all(), [Item::Text("2".into())]);
    ws.vanish();
    assert_eq!(siege.lift(0), "disconnect 2 TransportClose");
}

/// C12, CVE-2026-48809.
#[test]
fn c12_huge_bodies_are_refused_before_they_are_kept() {
    for (target, status) in [
        ("/socket.io/?EIO=4&transport=polling&sid=nobody", 400),
        ("/socket.io/?EIO=4&transport=x", 400),
        ("/elsewhere", 404),
    ] {
        for framing in ["Content-Length: 1000000000\r\n", "Transfer-Encoding: chunked\r\n"] {
            let siege = Siege::new();
            let mut tcp = siege.sim.tcp();
            tcp.send(request("POST", target, framing, ""));
            assert_eq!(tcp.answer().unwrap().status, status);
            for _ in 0..100 {
                tcp.send(vec![b'1'; 10_000]);
                assert!(tcp.bytes_held() < 1000, "{}", tcp.bytes_held());
            }
            assert!(!tcp.is_open(), "it is not read for ever");
            siege.lift(0);
        }
    }
}

/// C12, CVE-2026-48809.
#[test]
fn c12_a_huge_body_of_a_known_session_is_refused_at_the_limit() {
    for chunked in [false, true] {
        let mut siege = Siege::new();
        let mut client = siege.poller();
        let framing = match chunked {
            true => "Transfer-Encoding: chunked\r\n",
            false => "Content-Length: 1000000000\r\n",
        };
        client.posts.send(request("POST", &client.target(), framing, ""));
        for _ in 0..250 {
            if chunked {
                client.posts.send("2710\r\n");
            }
            client.posts.send(vec![b'1'; 10_000]);
            if chunked {
                client.posts.send("\r\n");
            }
            assert!(client.posts.bytes_held() <= 2_100_000, "{}", client.posts.bytes_held());
        }
        assert_eq!(client.posts.answer().unwrap().status, 413);
        assert_eq!(siege.lift(0), "disconnect 2 Violation(BodyTooLarge)", "{chunked}");
    }
}

/// C13, engine.io #363.
#[test]
fn c13_overlapping_and_late_requests_are_all_answered() {
    let mut siege = Siege::new();
    let mut client = siege.poller();
    client.get();
    let mut others: Vec<Tcp> = (0..50).map(|_| siege.sim.tcp()).collect();
    for tcp in &mut others {
        tcp.send(request("GET", &client.target(), "", ""));
        assert_eq!(tcp.answer().expect("answered").status, 400);
    }
    assert_eq!(client.answer().expect("answered").status, 200);
    assert_eq!(siege.lift(0), "disconnect 2 Violation(OverlappingPoll)");
}

/// C13, engine.io #363.
#[test]
fn c13_overlapping_posts_are_all_answered() {
    let mut siege = Siege::new();
    let mut client = siege.poller();
    let whole = request("POST", &client.target(), "", "42[\"late\"]");
    let (most, rest) = whole.split_at(whole.len() - 4);
    client.posts.send(most);
    let mut others: Vec<Tcp> = (0..50).map(|_| siege.sim.tcp()).collect();
    for tcp in &mut others {
        tcp.send(request("POST", &client.target(), "", "3"));
        assert_eq!(tcp.answer().expect("answered").status, 400);
    }
    client.posts.send(rest);
    assert_eq!(client.posts.answer().expect("answered").status, 400);
    assert_eq!(siege.lift(0), "disconnect 2 Violation(OverlappingPoll)");
}

/// C13: what the server remembers of sessions that their clients closed.
#[test]
fn c13_sessions_that_are_closed_without_end_are_forgotten() {
    let siege = Siege::new();
    let mut clients: Vec<_> = (0..65).map(|_| siege.sim.polling()).collect();
    clients.iter_mut().for_each(|client| client.post("1"));
    let mut late = clients.remove(0);
    let poll = |client: &mut Polling| {
        client.get();
        client.answer().expect("answered").status
    };
    assert_eq!(poll(&mut late), 400, "the last 64 are remembered");
    let target = clients[0].target();
    for n in 0..1000 {
        let guess = format!("{}{n:04}", &target[..target.len() - 4]);
        late.gets.send(request("GET", &guess, "", ""));
        assert_eq!(late.answer().expect("answered").status, 400, "{guess}");
    }
    assert!(clients.iter_mut().all(|client| poll(client) == 200), "no guess took one away");
    assert!(clients.iter_mut().all(|client| poll(client) == 400), "each is released once");
    for _ in 0..10_000 {
        let mut client = siege.sim.polling();
        client.post("1");
        client.vanish();
    }
    assert_eq!(siege.lift(0), "");
}

/// C14, python-engineio 4.15.
#[test]
fn c14_a_probe_that_goes_nowhere_is_given_up() {
    let mut siege = Siege::new();
    let mut client = siege.poller();
    for step in ["", "2probe"] {
        let mut probe = client.websocket();
        if !step.is_empty() {
            probe.send(step);
            assert_eq!(probe.recv(), "3probe");
        }
        siege.sim.advance(9_999);
        assert_eq!(probe.next(), None);
        siege.sim.advance(1);
        assert_eq!(probe.all(), [Item::Close(1000)]);
        assert_eq!(siege.sim.counts().links, 1, "the witness alone");
    }
    client.post("42[\"fine\"]");
    client.post("1");
    assert_eq!(siege.lift(0), "event 2 fine []; disconnect 2 TransportClose");
}

/// C14, python-engineio 4.15.
#[test]
fn c14_requests_before_the_decision_wait_or_are_dropped() {
    let mut siege = Siege::new();
    siege.sim.app(|app| app.holds = true);
    let mut client = siege.sim.polling();
    client.post("40");
    client.get();
    assert!(client.answer().is_none(), "there is nothing yet");
    client.post("42[\"early\"]");
    let mut moved = client.upgrade();
    moved.send("42[\"early\"]");
    assert_eq!(client.payload(), "6");
    siege.sim.socket(2).admit().expect("it waits");
    assert_eq!(moved.recv(), r#"40{"sid":"…"}"#);
    moved.vanish();
    assert_eq!(siege.lift(0), "connect 2 /; disconnect 2 TransportClose");
}

/// C14, python-engineio 4.15.
#[test]
fn c14_misused_upgrades_cost_nothing() {
    let mut siege = Siege::new();
    let mut client = siege.poller();
    let mut probes: Vec<WebSocket> = (0..100).map(|_| client.websocket()).collect();
    assert_eq!(siege.sim.counts().links, 2, "the witness and one probe");
    let late: Vec<_> = probes[1..].iter_mut().map(WebSocket::next).collect();
    assert!(late.iter().all(|item| *item == Some(Item::Close(1000))));
    probes[0].send("2probe");
    probes[0].send("5");
    probes[0].send("5");
    client.get();
    assert_eq!(client.answer().unwrap().status, 400);
    assert_eq!(client.try_post("3").unwrap().status, 400);
    probes[0].send("42[\"fine\"]");
    probes.iter_mut().for_each(WebSocket::vanish);
    assert_eq!(siege.lift(0), "event 2 fine []; disconnect 2 TransportClose");
}

/// C15, CVE-2017-16031.
#[test]
fn c15_a_sid_is_exact_or_unknown() {
    let mut siege = Siege::new();
    let mut client = siege.poller();
    let sid = client.sid.clone();
    let mut wrong: Vec<String> = (0..28)
        .map(|at| {
            let letter = if &sid[at..=at] == "A" { "B" } else { "A" };
            format!("{}{letter}{}", &sid[..at], &sid[at + 1..])
        })
        .collect();
    wrong.extend([sid[..27].to_owned(), format!("{sid}A"), format!("{sid}="), sid.to_lowercase()]);
    for wrong in wrong.iter().filter(|&wrong| *wrong != sid) {
        let mut tcp = siege.sim.tcp();
        tcp.send(request("GET", &client.target().replace(&sid, wrong), "", ""));
        let answer = tcp.answer().expect("nobody is held");
        assert_eq!(answer.body, r#"{"code":1,"message":"Session ID unknown"}"#, "{wrong}");
    }
    assert_eq!(siege.sim.counts().sessions, 2);
    client.post("1");
    assert_eq!(siege.lift(0), "disconnect 2 TransportClose");
}

/// C16, CVE-2020-28481.
#[test]
fn c16_foreign_pages_are_refused_with_their_cookies() {
    let siege = Siege::new();
    let page = "Origin: https://evil.example\r\nCookie: session=1\r\n";
    for target in ["/socket.io/?EIO=4&transport=polling", "/socket.io/?EIO=4&transport=websocket"] {
        let mut tcp = siege.sim.tcp();
        tcp.send(upgrade(target).replace("Host:", &format!("{page}Host:")));
        assert_eq!(tcp.answer().unwrap().status, 400);
        let mut tcp = siege.sim.tcp();
        tcp.send(request("GET", target, page, ""));
        assert_eq!(tcp.answer().unwrap().header("access-control-allow-origin"), None);
    }
    assert_eq!(siege.sim.counts().sessions, 1);
    siege.lift(0);
}

/// C17, python-engineio #248, #250.
#[test]
fn c17_nothing_of_the_query_is_reflected() {
    let mut siege = Siege::new();
    for query in ["transport=<script>", "EIO=4&transport=polling&sid=<script>", "EIO=<script>"] {
        let mut tcp = siege.sim.tcp();
        tcp.send(request("GET", &format!("/socket.io/?{query}&j=0);alert(1)//"), "", ""));
        let answer = tcp.answer().unwrap();
        assert!(!answer.body.contains("script") && !answer.head.contains("script"), "{answer:?}");
        assert!(!answer.body.contains("alert"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    }
    let mut client = siege.poller();
    let posted = client.try_post("42[\"<script>\"]").unwrap();
    assert_eq!((posted.body.as_str(), posted.status), ("ok", 200));
    let refused = client.try_post("<script>").unwrap();
    assert!(refused.status == 400 && !refused.body.contains("script"));
    assert_eq!(refused.header("x-content-type-options"), Some("nosniff"));
    siege.sim.events();
    let mut tcp = siege.sim.tcp();
    tcp.send(request("GET", "/socket.io/?EIO=4&transport=polling&j=0);alert(1)//", "", ""));
    let answer = tcp.answer().unwrap();
    assert_eq!(answer.status, 400, "scripts are not served");
    assert_eq!(answer.header("content-type"), Some("application/json"));
    siege.lift(0);
}

/// C17, where scripts are served.
#[test]
fn c17_jsonp_reflects_a_number_alone() {
    let sim = Sim::with(|config| config.allow_jsonp = true);
    for number in ["0);alert(1)//", "-1", "99999999999", "<script>", "1&j=<script>"] {
        let mut tcp = sim.tcp();
        let target = format!("/socket.io/?EIO=4&transport=polling&j={number}");
        tcp.send(request("GET", &target, "", ""));
        let answer = tcp.answer().unwrap();
        assert!(!answer.body.contains("alert") && !answer.body.contains("<script>"), "{answer:?}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.status, if number.starts_with("1&") { 200 } else { 400 });
    }
}

/// C18, GHSA-pxg6-pf52-xh8x.
#[test]
fn c18_cookies_and_fields_that_say_more_than_their_value_are_refused() {
    let cookie = |set: &dyn Fn(&mut Cookie)| {
        let mut config = Config::default();
        let mut cookie = Cookie::default();
        set(&mut cookie);
        config.cookie = Some(cookie);
        matches!(config.check(), Err(ConfigError::Cookie { .. }))
    };
    for text in ["a;b", "a; HttpOnly", "a\r\nset-cookie: b", "a\nb", "a,b", "a b", "\"", "\0", "é"]
    {
        assert!(cookie(&|cookie| cookie.name = text.into()), "the name {text:?}");
        assert!(cookie(&|cookie| cookie.path = format!("/{text}")), "the path {text:?}");
        assert!(cookie(&|cookie| cookie.domain = Some(text.into())), "the domain {text:?}");
    }
    assert!(cookie(&|cookie| cookie.name = "a=b".into()), "it would be cut at the first =");
    assert!(!cookie(&|cookie| cookie.name = "__Host-io".into()));
    let field = |name: &str, value: &str| {
        let mut config = Config::default();
        config.headers = vec![(name.into(), value.into())];
        matches!(config.check(), Err(ConfigError::Header { .. }))
    };
    for value in ["a\r\nset-cookie: b", "a\rb", "a\nb", "\0", "\x1b", "\x7f"] {
        assert!(field("x", value), "{value:?}");
    }
    for name in ["", "a b", "a:", "a\r\nb", "é", "Content-Length", "transfer-encoding"] {
        assert!(field(name, "b"), "{name:?}");
    }
    assert!(!field("X-Frame-Options", "DENY; \"as it is\"\t,é"));
}

/// C18, GHSA-pxg6-pf52-xh8x.
#[test]
fn c18_what_was_not_checked_forges_no_field() {
    let sim = Sim::with(|config| {
        config.cookie = Some(Cookie::named("a\r\nx: b"));
        config.headers = vec![("y".into(), "c\r\nz: d\0".into())];
    });
    let mut tcp = sim.tcp();
    tcp.send(handshake());
    let answer = tcp.answer().expect("answered");
    assert_eq!((answer.header("x"), answer.header("z")), (None, None));
    assert_eq!(answer.header("y"), Some("cz: d"));
    let sid = answer.body.split('"').nth(3).expect("a sid");
    let cookie = answer.header("set-cookie").expect("a cookie");
    assert!(cookie.starts_with(&format!("ax: b={sid}; Path=/")), "{cookie}");
}

/// C19, socketioxide #816.
#[test]
fn c19_paths_that_only_look_like_ours_are_not_ours() {
    for path in
        ["/engine.io-admin", "/socket.iox", "//socket.io/", "/socket%2Eio/", "/x/socket.io/"]
    {
        siege_of_http(&request("GET", &format!("{path}?EIO=4&transport=polling"), "", ""), 404);
    }
}

/// C26.
#[test]
fn c26_who_opens_most_sessions_gives_way_first() {
    let mut sim = Sim::with(|config| config.limits.handshakes = 50);
    let flood = |sim: &mut Sim, from: &str| {
        sim.from(from);
        (0..100).for_each(|_| drop(sim.polling()));
    };
    flood(&mut sim, "6.6.6.6");
    let mut modest = sim.from("1.2.3.4").polling();
    let mut websocket = sim.websocket();
    flood(&mut sim, "6.6.6.6");
    assert_eq!(sim.counts().handshakes, 50);
    assert_eq!(sim.turned_away(), [152, 0, 0]);
    modest.join("/");
    websocket.join("/");
    // Among themselves, the oldest goes.
    let [mut first, second] = [(); 2].map(|()| sim.from("6.6.6.6").polling());
    (0..48).for_each(|_| drop(sim.polling()));
    assert_eq!(second.open.len(), first.open.len());
    let _one_more = sim.polling();
    assert_eq!(first.try_post("40").unwrap().status, 400);
}

/// C26: a network of IPv6 is one subscriber, and behind a trusted proxy its clients are told apart.
#[test]
fn c26_addresses_that_anybody_has_plenty_of_count_as_one() {
    let mut sim = Sim::with(|config| {
        config.limits.handshakes = 50;
        config.trust_forwarded = true;
    });
    let mut modest = sim.from("2001:db8:7::1").polling();
    for n in 0..100 {
        drop(sim.from(&format!("2001:db8:6:0:{n:x}::{n:x}")).polling());
    }
    for n in 0..100 {
        let mut tcp = sim.from("10.0.0.1").tcp();
        let fields = format!("X-Forwarded-For: 9.9.9.{n}, 6.6.6.6\r\n");
        tcp.send(request("GET", "/socket.io/?EIO=4&transport=polling", &fields, ""));
        assert_eq!(tcp.answer().unwrap().status, 200);
    }
    modest.join("/");
    assert_eq!(sim.turned_away(), [151, 0, 0]);
}

#[test]
fn handshakes_of_clients_that_never_come_back_expire() {
    let mut siege = Siege::with(|config| config.connect_timeout = Duration::from_secs(5));
    for _ in 0..1000 {
        let mut tcp = siege.sim.tcp();
        tcp.send(handshake());
        tcp.vanish();
    }
    siege.sim.advance(5_000);
    assert_eq!(siege.sim.counts().sessions, 1);
    assert_eq!(siege.lift(0), "");
}
