//! E: HTTP requests.

use tests::request;

use crate::{Siege, siege_of_http};

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
        ("-1", 501),
        ("0x5", 501),
        ("", 501),
        (" 5", 501),
        ("g", 501),
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
        assert_eq!(client.posts.answer().unwrap().status, 501);
        assert_eq!(siege.lift(0), "disconnect 2 Violation(UnsupportedCoding)");
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
        ("GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n".into(), 400),
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
    let mut answered = 0;
    while tcp.answer().is_some() {
        answered += 1;
    }
    assert_eq!(answered, 100_000);
    siege.lift(0);
}
