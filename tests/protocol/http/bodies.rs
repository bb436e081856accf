//! Answers whose bodies the host hands over piece by piece.

use sansocket::{Bytes, Conn, Inbound, Limits, Response, Verdict};
use std::io::IoSlice;
use std::sync::Arc;
use testbed::request;

/// A host that answers every request with the start of a body, and a client that reads.
struct Host {
    conn: Conn,
    /// What the next requests are answered with.
    response: Response,
    asked: usize,
}

impl Host {
    fn new(length: u64, start: &'static [u8]) -> Self {
        let mut limits = Limits::default();
        limits.low_water = 1000;
        let mut response = Response::with_body(200, "video/mp4", start);
        response.length = Some(length);
        Self { conn: Conn::new(Arc::new(limits)), response, asked: 0 }
    }

    fn read(&mut self, bytes: impl AsRef<[u8]>) {
        let mut bytes = bytes.as_ref().to_vec();
        let mut decoder = self.conn.decode(&mut bytes);
        while let Some(item) = decoder.poll().expect("well formed") {
            assert!(matches!(item, Inbound::Request(_)), "{item:?}");
            self.asked += 1;
            decoder.apply(Verdict::Respond(self.response.clone()));
        }
    }

    /// Writes at most so many bytes at a time until nothing is left.
    fn written(&mut self, at_once: usize) -> String {
        let mut out = Vec::new();
        loop {
            let mut slices = [IoSlice::new(&[]); 4];
            let filled = self.conn.poll_write(&mut slices);
            let Some(slice) = slices[..filled].iter().find(|slice| !slice.is_empty()) else {
                return String::from_utf8(out).expect("text");
            };
            let n = slice.len().min(at_once);
            out.extend_from_slice(&slice[..n]);
            self.conn.wrote(n);
        }
    }
}

fn get(fields: &str) -> String {
    request("GET", "/film", fields, "")
}

#[test]
fn a_body_is_completed_in_pieces() {
    for at_once in [1, 7, usize::MAX] {
        let mut host = Host::new(10, b"abc");
        host.read(get(""));
        let head = host.written(at_once);
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        assert!(head.contains("content-length: 10\r\n") && head.ends_with("\r\n\r\nabc"), "{head}");
        for (piece, wanted) in [("defg", true), ("", true), ("hij", false)] {
            assert!(host.conn.wants_body());
            host.conn.push_body(&Bytes::from_static(piece.as_bytes()));
            assert_eq!((&*host.written(at_once), host.conn.wants_body()), (piece, wanted));
        }
        host.read(get(""));
        assert!(host.written(at_once).ends_with("\r\n\r\nabc"), "the connection goes on");
    }
}

#[test]
fn requests_behind_an_unfinished_body_wait() {
    let mut host = Host::new(4, b"a");
    host.read([get(""), get("")].concat());
    assert_eq!((host.asked, host.conn.wants_decode()), (1, false));
    host.read(get(""));
    assert_eq!(host.asked, 1);
    host.conn.push_body(&Bytes::from_static(b"bcd"));
    assert!(host.conn.wants_decode());
    host.read("");
    assert_eq!(host.asked, 2);
    let out = host.written(usize::MAX);
    let (first, second) = out.split_once("abcd").expect("the first body is whole");
    assert!(first.starts_with("HTTP/1.1 200") && second.starts_with("HTTP/1.1 200"), "{out}");
    host.conn.push_body(&Bytes::from_static(b"bcd"));
    host.read("");
    assert_eq!(host.asked, 3);
}

#[test]
fn more_is_wanted_only_when_little_waits() {
    let mut host = Host::new(5000, b"");
    host.read(get(""));
    assert!(host.conn.wants_body());
    host.conn.push_body(&Bytes::from(vec![b'x'; 1000]));
    assert!(!host.conn.wants_body());
    assert!(!host.conn.is_finished() && !host.conn.is_closing());
    host.written(usize::MAX);
    assert!(host.conn.wants_body());
}

#[test]
fn bytes_beyond_the_announced_length_are_left_out() {
    let mut host = Host::new(4, b"ab");
    host.read(get(""));
    host.conn.push_body(&Bytes::from_static(b"cdefgh"));
    host.conn.push_body(&Bytes::from_static(b"ijk"));
    assert!(host.written(usize::MAX).ends_with("\r\n\r\nabcd"));
    let mut host = Host::new(4, b"abcdef");
    host.read(get(""));
    assert!(!host.conn.wants_body());
    assert!(host.written(usize::MAX).ends_with("\r\n\r\nabcd"));
}

#[test]
fn head_announces_the_length_and_sends_nothing() {
    let mut host = Host::new(5_000_000_000, b"abc");
    host.read(request("HEAD", "/film", "", ""));
    assert!(!host.conn.wants_body());
    let out = host.written(usize::MAX);
    assert!(out.contains("content-length: 5000000000\r\n") && out.ends_with("\r\n\r\n"), "{out}");
    host.read(get(""));
    assert_eq!(host.asked, 2);
}

#[test]
fn statuses_without_body_get_none() {
    for status in [204, 304] {
        let mut host = Host::new(3, b"abc");
        host.response.status = status;
        host.read(get(""));
        assert!(!host.conn.wants_body());
        let out = host.written(usize::MAX);
        assert!(!out.contains("content-length") && out.ends_with("\r\n\r\n"), "{out}");
    }
}

#[test]
fn a_connection_that_is_to_close_closes_after_the_last_byte() {
    let mut host = Host::new(3, b"a");
    host.read(get("Connection: close\r\n"));
    assert!(host.written(usize::MAX).contains("connection: close\r\n"));
    assert!(!host.conn.is_finished());
    host.conn.push_body(&Bytes::from_static(b"bc"));
    assert!(!host.conn.is_finished() && host.conn.is_closing());
    assert_eq!(host.written(usize::MAX), "bc");
    assert!(host.conn.is_finished());
}

#[test]
fn a_body_that_is_given_up_ends_the_stream_short() {
    let mut host = Host::new(10, b"abc");
    host.read([get(""), get("")].concat());
    host.conn.abort();
    assert!(host.written(usize::MAX).ends_with("\r\n\r\nabc"), "what was handed over is sent");
    assert!(host.conn.is_finished() && !host.conn.wants_body());
    host.conn.push_body(&Bytes::from_static(b"defg"));
    host.read("");
    assert_eq!((&*host.written(usize::MAX), host.asked), ("", 1));
    assert_eq!(host.conn.bytes_held(), 0);
}

#[test]
fn giving_up_what_is_complete_changes_nothing() {
    let mut host = Host::new(3, b"abc");
    host.read(get(""));
    host.conn.abort();
    host.read(get(""));
    assert_eq!(host.asked, 2);
}

#[test]
fn a_body_in_pieces_is_never_compressed() {
    let mut host = Host::new(5000, b"aaaaaaaaaaaa");
    host.response.content_type = Some("text/plain".into());
    host.response.compress = true;
    host.read(get("Accept-Encoding: gzip\r\n"));
    let head = host.written(usize::MAX);
    assert!(!head.contains("content-encoding") && head.contains("content-length: 5000"), "{head}");
    assert!(host.conn.wants_body());
}
