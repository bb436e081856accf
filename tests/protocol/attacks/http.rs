//! E: HTTP requests.

use testbed::{Answer, request};

use super::siege::{Siege, siege_of_http};

fn post_with(fields: &str) -> String {
    format!("POST /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\n{fields}\r\nabcde")
}

/// E1, RUSTSEC-2021-0020.
#[test]
fn e01_transfer_encoding_is_chunked_and_given_once() {
    for (coding, status) in [
        ("chunked\r\nTransfer-Encoding: chunked", 400),
        ("chunked\r\nTransfer-Encoding: identity", 400),
        ("chunked, chunked", 501),
        ("gzip, chunked", 501),
        ("identity", 501),
        ("\x0bchunked", 400),
        ("xchunked", 501),
    ] {
        siege_of_http(&post_with(&format!("Transfer-Encoding: {coding}\r\n")), status);
    }
    siege_of_http(&post_with("Transfer-Encoding : chunked\r\n"), 400);
}

/// E2, RUSTSEC-2021-0078.
#[test]
fn e02_content_length_is_digits() {
    for length in ["+5", "-5", "5, 5", "5,5", "0x5", "5 5", "", "5;", "\u{665}"] {
        siege_of_http(&post_with(&format!("Content-Length: {length}\r\n")), 400);
    }
    siege_of_http(&post_with("Content-Length: 5\r\nContent-Length: 5\r\n"), 400);
    siege_of_http(&post_with("Content-Length: 99999999999999999999999\r\n"), 413);
}

/// E3, RUSTSEC-2021-0079.
#[test]
fn e03_absurd_chunk_sizes_are_refused() {
    for (size, status) in [
        ("fffffffffffffffff", 413),
        ("8000000000000000", 413),
        ("-1", 400),
        ("0x5", 400),
        ("", 400),
        (" 5", 400),
        ("g", 400),
    ] {
        let mut siege = Siege::new();
        let mut client = siege.poller();
        let head = request("POST", &client.target(), "Transfer-Encoding: chunked\r\n", "");
        client.posts.send(format!("{head}{size}\r\nabcde\r\n0\r\n\r\n"));
        assert_eq!(client.posts.answer().unwrap().status, status, "{size}");
        let seen = siege.lift(0);
        assert!(seen.starts_with("disconnect 2 Violation("), "{size}: {seen}");
    }
}

/// E3, RUSTSEC-2021-0079.
#[test]
fn e03_endless_chunk_extensions_and_trailers_are_cut_off() {
    for prefix in ["5;", "0\r\nX: "] {
        let mut siege = Siege::new();
        let mut client = siege.poller();
        let head = request("POST", &client.target(), "Transfer-Encoding: chunked\r\n", "");
        client.posts.send(head + prefix);
        for _ in 0..20 {
            client.posts.send("x".repeat(10_000));
            assert!(client.posts.bytes_held() < 1000);
        }
        assert_eq!(client.posts.answer().unwrap().status, 400);
        assert_eq!(siege.lift(0), "disconnect 2 Violation(InvalidChunk)");
    }
}

/// E4, RUSTSEC-2020-0008.
#[test]
fn e04_a_get_has_no_body() {
    for field in ["Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n"] {
        siege_of_http(&request("GET", "/socket.io/?EIO=4&transport=polling", field, ""), 400);
    }
}

/// E5, CVE-2021-38512.
#[test]
fn e05_heads_two_parsers_could_read_differently_are_refused() {
    for (bytes, status) in [
        (post_with("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"), 400),
        (post_with("X: a\r\n folded\r\nContent-Length: 5\r\n"), 400),
        (post_with("X: a\0b\r\nContent-Length: 5\r\n"), 400),
        (post_with("Content-Length: 5\nX: y\r\n"), 400),
        (post_with("Host: b\r\nContent-Length: 5\r\n"), 400),
        (post_with("X\r\nContent-Length: 5\r\n"), 400),
        (post_with("Content-Length\r\n: 5\r\n"), 400),
        ("GET / HTTP/1.1\nHost: a\n\n".into(), 400),
        ("GET / HTTP/1.1\r\rHost: a\r\n\r\n".into(), 400),
        ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n".into(), 400),
        ("GET / HTTP/1.1\r\nHost: a\r\n\n".into(), 400),
        ("GET /\u{e9} HTTP/1.2\r\nHost: a\r\n\r\n".into(), 400),
        ("\x16\x03\x01\x02\x00\n".into(), 400),
    ] {
        siege_of_http(&bytes, status);
    }
}

/// E7, RUSTSEC-2022-0055.
#[test]
fn e07_a_body_is_limited_however_it_is_framed() {
    let mut siege = Siege::with(|config| config.limits.max_payload = 1000);
    let mut client = siege.poller();
    let head = request("POST", &client.target(), "Transfer-Encoding: chunked\r\n", "");
    client.posts.send(head);
    for _ in 0..2000 {
        client.posts.send("1\r\n3\r\n");
    }
    assert_eq!(client.posts.answer().unwrap().status, 413);
    assert_eq!(siege.lift(0), "disconnect 2 Violation(BodyTooLarge)");
}

/// E8.
#[test]
fn e08_endless_pipelining_is_answered_in_order_and_bounded() {
    let siege = Siege::new();
    let mut tcp = siege.sim.tcp();
    let many = request("GET", "/nowhere", "", "").repeat(1000);
    let mut answered = 0;
    for _ in 0..100 {
        tcp.send(&many);
        while let Some(answer) = tcp.answer() {
            assert_eq!(answer.status, 404);
            answered += 1;
        }
        assert_eq!(tcp.bytes_held(), 0);
    }
    assert_eq!(answered, 100_000);
    siege.lift(0);
}

/// E8.
#[test]
fn e08_pipelining_without_reading_is_bounded() {
    let siege = Siege::new();
    let mut tcp = siege.sim.tcp();
    tcp.take_only(0);
    let many = request("GET", "/nowhere", "", "").repeat(1000);
    for _ in 0..100 {
        tcp.send(&many);
    }
    assert!(tcp.bytes_held() <= 300_000, "{}", tcp.bytes_held());
    tcp.take_only(usize::MAX);
    let (bytes, mut read, mut answered) = (tcp.take(), 0, 0);
    while let Some((_, length)) = Answer::parse(&bytes[read..]) {
        read += length;
        answered += 1;
    }
    assert_eq!((answered, read), (100_000, bytes.len()));
    siege.lift(0);
}

/// E11: what hides the length of a chunk, or what follows the last one, from another reader.
#[test]
fn e11_malformed_chunks_and_trailers_are_refused() {
    for chunk in [
        "3 4\r\n40x",
        "2 \r\n40\r\n0\r\n\r\n",
        "2;\0\r\n40\r\n0\r\n\r\n",
        "2;a\rb\r\n40\r\n0\r\n\r\n",
        "2\r\n40\r\n0\r\nno field\r\n\r\n",
        "2\r\n40\r\n0\r\nX : y\r\n\r\n",
        "2\r\n40\r\n0\r\n folded\r\n\r\n",
        "2\r\n40\r\n0\r\nX: \0\r\n\r\n",
    ] {
        let mut siege = Siege::new();
        let mut client = siege.poller();
        let head = request("POST", &client.target(), "Transfer-Encoding: chunked\r\n", "");
        client.posts.send(head + chunk);
        let answer = client.posts.answer().expect("answered");
        assert_eq!(answer.status, 400, "{chunk:?}");
        assert!(answer.body.contains("\"code\":3"), "{chunk:?}: {}", answer.body);
        assert_eq!(siege.lift(0), "disconnect 2 Violation(InvalidChunk)", "{chunk:?}");
    }
}

/// Asks for a session, and expects a refusal that says so.
fn refused(head: impl AsRef<[u8]>, status: u16, says: &str) {
    let siege = Siege::new();
    let mut tcp = siege.sim.tcp();
    tcp.send(head.as_ref());
    let answer = tcp.answer().expect("answered");
    let head = String::from_utf8_lossy(head.as_ref()).into_owned();
    let said = format!("{}{}", answer.body, answer.hint.unwrap_or_default());
    assert_eq!((answer.status, said.contains(says)), (status, true), "{head:?}: {said}");
    assert_eq!(siege.sim.counts().sessions, 1, "{head:?}");
    siege.lift(0);
}

const POLLING: &str = "/socket.io/?EIO=4&transport=polling";

/// E12: hosts that two readers would tell apart in different ways.
#[test]
fn e12_a_host_that_is_no_authority_is_refused() {
    let why = "the Host field is missing, or is not one host";
    for host in
        ["", "a b,c/@", "a, b", "a,b", "me@a", "me:secret@a", "a/b", "a:b", "[::1", "\u{e9}"]
    {
        refused(format!("GET {POLLING} HTTP/1.1\r\nHost: {host}\r\n\r\n"), 400, why);
    }
    refused(format!("GET {POLLING} HTTP/1.1\r\n\r\n"), 400, why);
    let twice = format!("GET {POLLING} HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n");
    refused(twice, 400, "Host is given more than once");
}

/// E13: targets that two readers would cut in different ways.
#[test]
fn e13_targets_that_are_no_address_are_refused() {
    let why = "the request target is a path";
    for target in [
        format!("{POLLING}#x"),
        format!("/socket.io/#{POLLING}"),
        format!("http://me@a{POLLING}"),
        format!("http://a,b{POLLING}"),
        format!("http://{POLLING}"),
        format!("ftp://a{POLLING}"),
        "a.example:80".into(),
        "*".into(),
    ] {
        refused(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"), 400, why);
    }
    let tunnel = "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n";
    refused(tunnel, 501, "CONNECT asks for a proxy");
}

/// E14: an origin that one reader overlooks.
#[test]
fn e14_an_origin_that_is_no_text_does_not_pass_for_none() {
    for value in [&b"http://\xff"[..], b"\xff", b"http://evil.example\xc3"] {
        let head = format!("GET {POLLING} HTTP/1.1\r\nHost: a\r\nOrigin: ");
        let head = [head.as_bytes(), value, b"\r\n\r\n"].concat();
        refused(head, 400, "the Origin field is not text");
    }
}

/// E15: what only HTTP/1.1 has, asked for in HTTP/1.0, which a proxy in front passes on unread.
#[test]
fn e15_http_1_0_neither_upgrades_nor_comes_in_chunks() {
    let asked = testbed::upgrade("/socket.io/?EIO=4&transport=websocket");
    refused(asked.replace("HTTP/1.1", "HTTP/1.0"), 400, "over HTTP/1.1");
    let chunks = format!("POST {POLLING} HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n");
    refused(chunks, 400, "HTTP/1.0 has no Transfer-Encoding");
}

/// E16: expectations that one reader takes for `100-continue` and another does not.
#[test]
fn e16_expectations_that_cannot_be_met_are_refused() {
    for value in ["200-ok", "y 100-continue", "100-continue, x", ""] {
        let head = format!("GET {POLLING} HTTP/1.1\r\nHost: a\r\nExpect: {value}\r\n\r\n");
        refused(head, 417, "the only expectation");
    }
}

/// E17: a head of bytes that are no text, of which a session keeps no more than was received.
#[test]
fn e17_a_head_that_is_no_text_takes_no_more_than_was_received() {
    let mut siege = Siege::new();
    let mut tcp = siege.sim.tcp();
    let start = format!("GET {POLLING} HTTP/1.1\r\nHost: a\r\nX: ");
    let head = [start.as_bytes(), &vec![0xff; 15_000], b"\r\nX: \xff\xfe\r\n\r\n"].concat();
    tcp.send(&head);
    let open = tcp.answer().expect("answered").body;
    let sid = open.split('"').nth(3).expect("a sid");
    tcp.send(request("POST", &format!("{POLLING}&sid={sid}"), "", "40"));
    assert_eq!(siege.sim.events().len(), 1);
    let handshake = siege.sim.handshake(2);
    let kept: usize = handshake.headers().map(|(name, value)| name.len() + value.len() + 2).sum();
    let kept = kept + handshake.path().len() + handshake.query().len();
    assert!(kept <= head.len(), "{kept} of {}", head.len());
    assert_eq!(handshake.header("x").expect("it is kept").len(), 15_000 + 4);
    tcp.send(request("POST", &format!("{POLLING}&sid={sid}"), "", "1"));
    assert_eq!(siege.lift(0), "disconnect 2 TransportClose");
}
