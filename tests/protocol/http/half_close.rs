//! A client that ended its side still gets the answers to its requests.

use sansocket::{Bytes, Conn, Inbound, Limits, Response, Transmit, Verdict};
use std::io::IoSlice;
use std::sync::Arc;
use testbed::request;

/// A connection whose host answers `/later` when it is told to and anything else with its path.
struct Line {
    conn: Conn,
    out: String,
}

impl Line {
    fn new() -> Self {
        Self { conn: Conn::new(Arc::new(Limits::default())), out: String::new() }
    }

    fn send(&mut self, bytes: &str) {
        let mut bytes = bytes.as_bytes().to_vec();
        let mut decoder = self.conn.decode(&mut bytes);
        while let Some(item) = decoder.poll().expect("well formed") {
            let verdict = if let Inbound::Request(request) = item {
                match request.path() {
                    "/later" => Verdict::Hold(None),
                    "/body" => Verdict::Body { link: None, limit: 100 },
                    path => answer(path),
                }
            } else if let Inbound::Body(body) = item {
                answer(&String::from_utf8_lossy(body))
            } else {
                panic!("{item:?} before an upgrade")
            };
            decoder.apply(verdict);
        }
        drop(decoder);
        self.write();
    }

    /// Writes everything, and goes on with what waited behind it.
    fn write(&mut self) {
        loop {
            let mut slices = [IoSlice::new(&[]); 8];
            let filled = self.conn.poll_write(&mut slices);
            let bytes: Vec<u8> = slices[..filled].iter().flat_map(|s| s.to_vec()).collect();
            self.conn.wrote(bytes.len());
            self.out += std::str::from_utf8(&bytes).expect("text");
            if self.conn.wants_decode() {
                return self.send("");
            }
            if bytes.is_empty() {
                return;
            }
        }
    }

    /// The bodies of the answers so far.
    fn answers(&self) -> Vec<&str> {
        let answers = self.out.split("HTTP/1.1 200 OK\r\n").skip(1);
        answers.map(|answer| answer.split_once("\r\n\r\n").expect("a head").1).collect()
    }
}

fn answer(text: &str) -> Verdict {
    Verdict::Respond(Response::with_body(200, "text/plain", text.to_owned()))
}

fn get(target: &str) -> String {
    request("GET", target, "", "")
}

#[test]
fn an_answer_that_takes_its_time_is_still_sent() {
    let mut line = Line::new();
    line.send(&(get("/later") + &get("/b") + &request("POST", "/body", "", "c")));
    assert!(!line.conn.is_answered() && line.answers().is_empty());
    line.conn.push(Transmit::Response(Response::with_body(200, "text/plain", "a")));
    assert!(!line.conn.is_answered(), "the answer is to be written");
    line.write();
    assert_eq!(line.answers(), ["a", "/b", "c"]);
    assert!(line.conn.is_answered());
}

#[test]
fn an_answer_in_pieces_is_still_sent() {
    let mut line = Line::new();
    let mut bytes = get("/file").into_bytes();
    let mut decoder = line.conn.decode(&mut bytes);
    assert!(matches!(decoder.poll(), Ok(Some(Inbound::Request(_)))));
    let mut response = Response::with_body(200, "text/plain", "ab");
    response.length = Some(4);
    decoder.apply(Verdict::Respond(response));
    drop(decoder);
    assert!(!line.conn.is_answered());
    line.conn.push_body(&Bytes::from_static(b"cd"));
    line.write();
    assert_eq!(line.answers(), ["abcd"]);
    assert!(line.conn.is_answered());
}

#[test]
fn nothing_more_is_waited_for() {
    let cut = "POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc";
    let ignored = cut.replace("/body", "/ignored");
    for (sent, answers) in [
        (String::new(), 0),
        ("GET / HT".into(), 0),
        (get("/a"), 1),
        (get("/a") + "GET", 1),
        (get("/a") + cut, 1),
        (get("/a") + &ignored, 2),
    ] {
        let mut line = Line::new();
        line.send(&sent);
        assert!(line.conn.is_answered(), "{sent:?}");
        assert_eq!(line.answers().len(), answers, "{sent:?}");
        // The same behind an answer that takes its time.
        let mut line = Line::new();
        line.send(&(get("/later") + &sent));
        assert!(!line.conn.is_answered() && line.answers().is_empty());
        line.conn.push(Transmit::Response(Response::with_body(200, "text/plain", "first")));
        line.write();
        assert!(line.conn.is_answered(), "{sent:?}");
        assert_eq!(line.answers().len(), answers + 1, "{sent:?}");
    }
}

#[test]
fn a_websocket_owes_nothing() {
    let conn = Conn::websocket(sansocket::Role::Server, Arc::new(Limits::default()), None, [0; 32]);
    assert!(conn.is_answered());
}
