//! Long-polling: polls, POSTs, and HTTP around them.

use sansocket::{Counts, Origins};
use testbed::{Item, Polling, Sim, handshake, request, upgrade};

#[test]
fn a_poll_is_held_until_there_is_something() {
    let mut sim = Sim::new();
    let mut client = sim.polling();
    client.get();
    assert_eq!(client.answer(), None);
    client.post("40");
    assert_eq!(client.payload(), r#"40{"sid":"…"}"#);
    assert_eq!(sim.events(), ["connect 1 /"]);
}

#[test]
fn packets_that_wait_are_joined() {
    let sim = Sim::new();
    let mut client = sim.polling();
    client.join("/");
    for i in 0..3 {
        sim.socket(1).emit("n", &format!("[{i}]")).unwrap();
    }
    assert_eq!(client.poll(), "42[\"n\",0]\u{1e}42[\"n\",1]\u{1e}42[\"n\",2]");
}

#[test]
fn an_answer_has_at_most_sixteen_packets_and_the_rest_follows() {
    let sim = Sim::new();
    let mut client = sim.polling();
    client.join("/");
    for i in 0..40 {
        sim.socket(1).emit("n", &format!("[{i}]")).unwrap();
    }
    let mut seen = Vec::new();
    for packets in [16, 16, 8] {
        let payload = client.poll();
        assert_eq!(payload.split('\u{1e}').count(), packets);
        seen.extend(payload.split('\u{1e}').map(str::to_owned));
    }
    let sent: Vec<_> = (0..40).map(|i| format!("42[\"n\",{i}]")).collect();
    assert_eq!(seen, sent);
    client.get();
    assert_eq!(client.answer(), None);
}

#[test]
fn a_post_is_answered_ok_after_its_packets_were_heard() {
    let mut sim = Sim::new();
    let mut client = sim.polling();
    client.join("/");
    let answer = client.try_post("42[\"a\"]\u{1e}42[\"b\",1]").unwrap();
    assert_eq!((answer.status, &*answer.body), (200, "ok"));
    assert_eq!(answer.header("content-type"), Some("text/html"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(sim.events()[1..], ["event 1 a []", "event 1 b [1]"]);
}

#[test]
fn a_second_poll_ends_the_session() {
    let mut sim = Sim::new();
    let mut client = sim.polling();
    client.join("/");
    client.get();
    let mut other = sim.tcp();
    other.send(request("GET", &client.target(), "", ""));
    let second = other.answer().expect("the second is answered");
    assert_eq!((second.status, &*second.body), (400, ""));
    assert_eq!(client.payload(), "1");
    assert_eq!(sim.events()[1..], ["disconnect 1 Violation(OverlappingPoll)"]);
    assert_eq!(client.try_post("3").unwrap().status, 400);
    assert_eq!(sim.counts(), Counts::default());
}

#[test]
fn a_second_post_ends_the_session() {
    let mut sim = Sim::new();
    let mut client = sim.polling();
    client.join("/");
    let whole = request("POST", &client.target(), "", "42[\"late\"]");
    let (most, rest) = whole.split_at(whole.len() - 4);
    client.posts.send(most);
    let mut other = sim.tcp();
    other.send(request("POST", &client.target(), "", "3"));
    let second = other.answer().expect("the second is answered");
    assert_eq!((second.status, &*second.body), (400, ""));
    client.posts.send(rest);
    assert_eq!(client.posts.answer().expect("the first is answered").status, 400);
    assert_eq!(sim.events()[1..], ["disconnect 1 Violation(OverlappingPoll)"]);
    assert_eq!(sim.counts(), Counts::default());
}

#[test]
fn a_poll_and_a_post_do_not_overlap() {
    let mut sim = Sim::new();
    let mut client = sim.polling();
    client.join("/");
    client.get();
    client.post("42[\"a\"]");
    client.post("42[\"b\"]");
    assert_eq!(client.answer(), None);
    assert_eq!(sim.events()[1..], ["event 1 a []", "event 1 b []"]);
}

#[test]
fn an_aborted_poll_ends_the_session() {
    let mut sim = Sim::new();
    let mut client = sim.polling();
    client.join("/");
    client.get();
    client.gets.vanish();
    assert_eq!(sim.events()[1..], ["disconnect 1 TransportError"]);
    assert_eq!(client.try_post("3").unwrap().status, 400);
    assert_eq!(sim.counts(), Counts::default());
}

#[test]
fn an_aborted_post_ends_the_session() {
    let mut sim = Sim::new();
    let mut client = sim.polling();
    client.join("/");
    client.get();
    let whole = request("POST", &client.target(), "", "42[\"half\"]");
    client.posts.send(&whole[..whole.len() - 1]);
    client.posts.vanish();
    assert_eq!(client.payload(), "1");
    assert_eq!(sim.events()[1..], ["disconnect 1 TransportError"]);
    assert_eq!(sim.counts(), Counts::default());
}

#[test]
fn an_idle_connection_may_close_without_harm() {
    let mut sim = Sim::new();
    let mut client = sim.polling();
    client.join("/");
    client.vanish();
    client.gets = sim.tcp();
    client.posts = sim.tcp();
    client.post("42[\"x\"]");
    assert_eq!(sim.events()[1..], ["event 1 x []"]);
}

#[test]
fn a_binary_body_is_refused() {
    let mut sim = Sim::new();
    let mut client = sim.polling();
    client.join("/");
    let octets = "Content-Type: application/octet-stream\r\n";
    client.posts.send(request("POST", &client.target(), octets, "42[\"x\"]"));
    let answer = client.posts.answer().unwrap();
    assert_eq!((answer.status, &*answer.body), (400, ""));
    assert_eq!(sim.events()[1..], ["disconnect 1 Violation(BinaryBody)"]);
    assert_eq!(sim.counts(), Counts::default());
}

#[test]
fn any_other_content_type_is_text() {
    let mut sim = Sim::new();
    let mut client = sim.polling();
    client.join("/");
    for kind in ["text/plain;charset=UTF-8", "application/x-www-form-urlencoded", "x"] {
        let fields = format!("Content-Type: {kind}\r\n");
        client.posts.send(request("POST", &client.target(), &fields, "42[\"x\"]"));
        assert_eq!(client.posts.answer().unwrap().status, 200, "{kind}");
    }
    assert_eq!(sim.events().len(), 4);
}

#[test]
fn packets_before_an_invalid_one_are_heard() {
    let mut sim = Sim::new();
    let mut client = sim.polling();
    client.join("/");
    let answer = client.try_post("42[\"good\"]\u{1e}abc\u{1e}42[\"late\"]").unwrap();
    assert_eq!((answer.status, &*answer.body), (400, r#"{"code":3,"message":"Bad request"}"#));
    let events = sim.events();
    assert_eq!(events[1..], ["event 1 good []", "disconnect 1 Violation(UnknownPacket)"]);
    assert_eq!(client.try_post("3").unwrap().body, r#"{"code":1,"message":"Session ID unknown"}"#);
}

#[test]
fn a_held_poll_is_refused_as_the_post_that_ends_its_session() {
    let sim = Sim::with(|config| {
        config.limits.max_payload = 100;
        config.origins = Origins::Any;
    });
    let page = "Origin: https://shop.example\r\n";
    let long = "x".repeat(101);
    let (octets, chunked) =
        ("Content-Type: application/octet-stream\r\n", "Transfer-Encoding: chunked\r\n");
    for (fields, body, status, words) in [
        ("", &*long, 413, "maxPayload"),
        (chunked, &format!("65\r\n{long}\r\n"), 413, "maxPayload"),
        (chunked, "x\r\n", 400, "\"code\":3"),
        ("", "b!", 400, "\"code\":3"),
        (octets, "4", 400, "\"code\":3"),
    ] {
        let mut client = sim.polling();
        let target = client.target();
        client.gets.send(request("GET", &target, page, ""));
        let mut whole = request("POST", &target, &format!("{page}{fields}"), body);
        if fields == chunked {
            whole = whole.replace(&format!("Content-Length: {}\r\n", body.len()), "");
        }
        client.posts.send(whole);
        let (post, poll) = (client.posts.answer().unwrap(), client.answer().unwrap());
        assert_eq!((post.status, poll.status), (status, status), "{body}");
        assert!(poll.body.contains(words), "{poll:?}");
        for answer in [post, poll] {
            assert_eq!(answer.header("access-control-allow-origin"), Some("*"), "{answer:?}");
        }
        client.get();
        assert_eq!(client.answer().unwrap().status, 400, "the session is over");
    }
}

#[test]
fn a_connection_survives_a_body_that_is_not_much_too_large() {
    let sim = Sim::with(|config| config.limits.max_payload = 100);
    for (bytes, goes_on) in [(101, true), (400, true), (401, false)] {
        let mut client = sim.polling();
        let answer = client.try_post(&"x".repeat(bytes)).unwrap();
        assert_eq!((answer.status, answer.header("connection").is_none()), (413, goes_on));
        client.posts.send(request("GET", "/elsewhere", "", ""));
        assert_eq!(client.posts.answer().map(|answer| answer.status), goes_on.then_some(404));
    }
}

#[test]
fn a_body_that_is_refused_anyway_is_not_asked_for() {
    let sim = Sim::with(|config| config.limits.max_payload = 100);
    let expects = "Expect: 100-continue\r\n";
    let mut client = sim.polling();
    let asked = request("POST", &client.target(), expects, &"x".repeat(101));
    let (head, _) = asked.split_once("\r\n\r\n").unwrap();
    client.posts.send(format!("{head}\r\n\r\n"));
    let answer = client.posts.answer().unwrap();
    assert_eq!((answer.status, answer.header("connection")), (413, Some("close")));
    let mut unknown = sim.tcp();
    unknown.send(request("POST", "/socket.io/?EIO=4&transport=x", expects, "4"));
    let answer = unknown.answer().unwrap();
    assert_eq!((answer.status, answer.header("connection")), (400, Some("close")));
}

#[test]
fn invalid_payloads_end_the_session_by_name() {
    for (payload, violation) in [
        ("abc", "UnknownPacket"),
        ("4\u{1e}", "InvalidPacket"),
        ("\u{1e}", "UnknownPacket"),
        ("3\u{1e}", "UnknownPacket"),
        ("7", "UnknownPacket"),
        ("0{}", "UnknownPacket"),
        ("2", "HeartbeatDirection"),
        ("2probe", "HeartbeatDirection"),
        ("b!!!", "InvalidBase64"),
        ("bA", "InvalidBase64"),
        ("bAQ=A", "InvalidBase64"),
        ("bAQ\u{0}D", "InvalidBase64"),
        ("bAQID", "AttachmentUnexpected"),
    ] {
        let mut sim = Sim::new();
        let mut client = sim.polling();
        client.join("/");
        let answer = client.try_post(payload).unwrap();
        assert_eq!(answer.status, 400, "{payload}");
        let events = sim.events();
        assert_eq!(events[1], format!("disconnect 1 Violation({violation})"), "{payload}");
        assert_eq!(sim.counts(), Counts::default(), "{payload}");
    }
}

#[test]
fn a_payload_that_is_not_utf8_ends_the_session() {
    let mut sim = Sim::new();
    let mut client = sim.polling();
    client.join("/");
    let mut bytes = request("POST", &client.target(), "", "42[\"??\"]").into_bytes();
    let at = bytes.len() - 4;
    bytes[at] = 0xff;
    client.posts.send(bytes);
    assert_eq!(client.posts.answer().unwrap().status, 400);
    assert_eq!(sim.events()[1..], ["disconnect 1 Violation(InvalidUtf8)"]);
}

#[test]
fn packets_of_one_payload_are_counted() {
    let mut sim = Sim::with(|config| config.limits.packets = 3);
    let mut client = sim.polling();
    client.join("/");
    client.post("3\u{1e}3\u{1e}3");
    assert_eq!(client.try_post("3\u{1e}3\u{1e}3\u{1e}3").unwrap().status, 400);
    assert_eq!(sim.events()[1..], ["disconnect 1 Violation(TooManyPackets)"]);
}

#[test]
fn close_by_post_releases_the_poll_with_noop() {
    let mut sim = Sim::new();
    let mut client = sim.polling();
    client.join("/");
    client.get();
    client.post("1");
    assert_eq!(client.payload(), "6");
    assert_eq!(sim.events()[1..], ["disconnect 1 TransportClose"]);
    client.get();
    let answer = client.answer().unwrap();
    assert_eq!(
        (answer.status, &*answer.body),
        (400, r#"{"code":1,"message":"Session ID unknown"}"#)
    );
    assert_eq!(sim.counts(), Counts::default());
}

#[test]
fn a_poll_and_a_close_sent_at_once_are_answered_alike_in_either_order() {
    for poll_first in [true, false] {
        let mut sim = Sim::new();
        let mut client = sim.polling();
        client.join("/");
        if poll_first {
            client.get();
            client.post("1");
        } else {
            client.post("1");
            client.get();
        }
        assert_eq!(client.payload(), "6");
        assert_eq!(sim.events()[1..], ["disconnect 1 TransportClose"]);
        client.get();
        assert_eq!(client.answer().unwrap().status, 400, "one poll is released");
        assert_eq!(sim.counts(), Counts::default());
    }
}

#[test]
fn a_poll_while_a_websocket_is_tried_may_cross_the_close_too() {
    for probe in ["", "2probe"] {
        let sim = Sim::new();
        let mut client = sim.polling();
        let mut ws = client.websocket();
        if !probe.is_empty() {
            ws.send(probe);
            assert_eq!(ws.recv(), "3probe");
        }
        client.post("1");
        assert_eq!(ws.all(), [Item::Close(1000)]);
        assert_eq!(client.poll(), "6");
        client.get();
        assert_eq!(client.answer().unwrap().status, 400);
    }
}

#[test]
fn a_poll_crosses_the_close_for_less_than_a_second() {
    for (ms, status) in [(999, 200), (1000, 400)] {
        let mut sim = Sim::new();
        let mut client = sim.polling();
        client.post("1");
        sim.advance(ms);
        client.get();
        assert_eq!(client.answer().unwrap().status, status, "{ms}");
    }
}

#[test]
fn nothing_but_a_poll_crosses_the_close() {
    let sim = Sim::new();
    let mut client = sim.polling();
    client.post("1");
    let target = client.target();
    assert_eq!(client.try_post("3").unwrap().status, 400);
    for method in ["PUT", "DELETE", "PATCH"] {
        client.posts.send(request(method, &target, "", ""));
        assert_eq!(client.posts.answer().unwrap().status, 400, "{method}");
    }
    for target in [
        target.replace("EIO=4", "EIO=3"),
        target.replace("EIO=4&", ""),
        target.replace("polling", "websocket"),
        format!("{target}x"),
        target[..target.len() - 1].to_owned(),
    ] {
        client.posts.send(request("GET", &target, "", ""));
        assert_eq!(client.posts.answer().unwrap().status, 400, "{target}");
    }
    let mut ws = sim.tcp();
    ws.send(upgrade(&target.replace("polling", "websocket")));
    assert_eq!(ws.answer().unwrap().status, 400);
    assert_eq!(client.poll(), "6");
}

#[test]
fn a_session_that_ends_otherwise_releases_no_later_poll() {
    let refused = |client: &mut Polling, how: &str| {
        client.get();
        assert_eq!(client.answer().unwrap().status, 400, "{how}");
    };
    let mut sim = Sim::new();
    let mut client = sim.polling();
    assert_eq!(client.try_post("nonsense").unwrap().status, 400);
    refused(&mut client, "a rule was broken");
    let mut client = sim.polling();
    client.upgrade().send("1");
    refused(&mut client, "it was closed on a WebSocket");
    let mut client = sim.polling();
    sim.advance(45_000);
    refused(&mut client, "it joined nothing");
    let mut client = sim.polling();
    client.join("/");
    sim.socket(1).close_transport();
    assert_eq!(client.poll(), "1");
    refused(&mut client, "the server closed it");
}

#[test]
fn nothing_after_close_is_heard() {
    let mut sim = Sim::new();
    let mut client = sim.polling();
    client.join("/");
    client.post("1\u{1e}42[\"late\"]");
    assert_eq!(sim.events()[1..], ["disconnect 1 TransportClose"]);
}

#[test]
fn other_methods_are_not_allowed_on_a_session() {
    let sim = Sim::new();
    let mut client = sim.polling();
    for method in ["PUT", "DELETE", "HEAD", "PATCH", "PROPFIND", "get"] {
        client.posts.send(request(method, &client.target(), "", ""));
        let answer = client.posts.answer().unwrap();
        assert_eq!((answer.status, &*answer.body), (405, ""), "{method}");
        assert_eq!(answer.header("allow"), Some("GET, POST, OPTIONS"));
    }
    client.post("40");
}

#[test]
fn a_body_at_the_limit_is_read_and_one_byte_more_is_not() {
    for chunked in [false, true] {
        let mut sim = Sim::with(|config| config.limits.max_payload = 100);
        let mut client = sim.polling();
        client.join("/");
        let mut post = |len: usize| {
            let body = format!("42[\"x\",\"{}\"]", "y".repeat(len - 10));
            assert_eq!(body.len(), len);
            client.posts.send(if chunked {
                let coding = "Transfer-Encoding: chunked\r\n";
                let head = request("POST", &client.target(), coding, "");
                let (a, b) = body.split_at(40);
                format!("{head}28\r\n{a}\r\n{:x};ext=1\r\n{b}\r\n0\r\nTrailer: x\r\n\r\n", b.len())
            } else {
                request("POST", &client.target(), "", &body)
            });
            client.posts.answer().unwrap().status
        };
        assert_eq!(post(100), 200, "chunked: {chunked}");
        assert_eq!(post(101), 413, "chunked: {chunked}");
        let events = sim.events();
        assert_eq!(events.len(), 3);
        assert_eq!(events[2], "disconnect 1 Violation(BodyTooLarge)");
        assert_eq!(sim.counts(), Counts::default());
    }
}

#[test]
fn requests_pipelined_behind_a_held_poll_wait_for_it() {
    let mut sim = Sim::new();
    let mut client = sim.polling();
    let poll = request("GET", &client.target(), "", "");
    let unknown = request("GET", "/nowhere", "", "");
    client.gets.send(format!("{poll}{unknown}{unknown}{poll}"));
    assert_eq!(client.answer(), None);
    client.post("40");
    let statuses = [(); 3].map(|()| client.answer().unwrap().status);
    assert_eq!(statuses, [200, 404, 404]);
    assert_eq!(client.answer(), None, "the second poll is held");
    sim.socket(1).emit("x", "[]").unwrap();
    assert_eq!(client.payload(), "42[\"x\"]");
    assert_eq!(sim.events(), ["connect 1 /"]);
}

#[test]
fn pipelining_behind_a_held_poll_is_bounded() {
    let sim = Sim::new();
    let mut client = sim.polling();
    client.get();
    let junk = request("GET", "/nowhere", "", "");
    for _ in 0..2_000 {
        client.gets.send(&junk);
    }
    assert!(client.gets.bytes_held() <= 48 * 1024, "{}", client.gets.bytes_held());
    client.post("40");
    assert_eq!(client.answer().unwrap().status, 200);
    for _ in 0..2_000 {
        assert_eq!(client.answer().unwrap().status, 404);
    }
    assert_eq!(client.gets.bytes_held(), 0);
}

#[test]
fn a_client_that_expects_it_is_told_to_continue() {
    let sim = Sim::new();
    let mut client = sim.polling();
    let whole = request("POST", &client.target(), "Expect: 100-continue\r\n", "40");
    let (head, body) = whole.split_at(whole.len() - 2);
    client.posts.send(head);
    assert_eq!(client.posts.take(), b"HTTP/1.1 100 Continue\r\n\r\n");
    client.posts.send(body);
    assert_eq!(client.posts.answer().unwrap().status, 200);
}

#[test]
fn a_client_that_expects_it_in_vain_is_not_told_to_continue() {
    let sim = Sim::new();
    let mut tcp = sim.tcp();
    let target = "/socket.io/?EIO=4&transport=polling&sid=abc";
    let whole = request("POST", target, "Expect: 100-continue\r\n", "40");
    tcp.send(&whole[..whole.len() - 2]);
    assert_eq!(tcp.answer().unwrap().status, 400);
}

#[test]
fn a_connection_is_kept_unless_the_client_wants_it_closed() {
    let sim = Sim::new();
    let mut tcp = sim.tcp();
    for _ in 0..3 {
        tcp.send(handshake());
        assert_eq!(tcp.answer().unwrap().header("connection"), None);
    }
    tcp.send(handshake().replace("Host:", "Connection: close\r\nHost:"));
    assert_eq!(tcp.answer().unwrap().header("connection"), Some("close"));
    assert!(!tcp.is_open());
}

#[test]
fn http_1_0_is_answered_and_closed() {
    let sim = Sim::new();
    let mut tcp = sim.tcp();
    tcp.send("GET /socket.io/?EIO=4&transport=polling HTTP/1.0\r\n\r\n");
    let answer = tcp.answer().unwrap();
    assert_eq!((answer.status, answer.header("connection")), (200, Some("close")));
    assert!(!tcp.is_open());
}

#[test]
fn a_request_that_cannot_be_read_is_answered_and_closed() {
    let sim = Sim::new();
    for (bytes, status) in [
        ("nonsense\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
    ] {
        let mut tcp = sim.tcp();
        tcp.send(bytes);
        let answer = tcp.answer().unwrap();
        assert_eq!((answer.status, answer.header("connection")), (status, Some("close")));
        tcp.vanish();
        assert!(!tcp.is_open());
    }
}

#[test]
fn every_payload_reads_the_same_byte_by_byte() {
    let mut sim = Sim::new();
    sim.chunks(1);
    let mut client = sim.polling();
    client.join("/");
    client.post("42[\"é\",\"𝕊\"]\u{1e}451-[\"b\",{\"_placeholder\":true,\"num\":0}]\u{1e}bAQID");
    let binary = r#"event 1 b [{"_placeholder":true,"num":0}] 0x010203"#;
    assert_eq!(sim.events()[1..], [r#"event 1 é ["𝕊"]"#, binary]);
}
