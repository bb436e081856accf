//! Requests mean the same on every binding and behind hosts.

use sansocket_app::{App, Socket};
use std::sync::mpsc;
use std::time::{Duration, SystemTime};

use super::attacks::Raider;
use super::{Serve, start};
use crate::client::PATIENCE;
use testbed::requests::{Case, REQUESTS, Told};
use testbed::{handshake, request};

/// A binding reads requests as the core does.
pub fn every_request_of_the_table_is_answered_as_it_says(serve: Serve) {
    check_table(serve, |case| case.ours);
}

/// A host that reads requests with hyper differs where the table says so, and nowhere else.
pub fn every_request_of_the_table_is_answered_as_it_says_behind_hyper(serve: Serve) {
    check_table(serve, |case| case.hyper);
}

fn check_table(serve: Serve, expected: fn(&Case) -> Told) {
    let (_io, address, _serving) = start(serve, App::new());
    let mut wrong = Vec::new();
    for case in REQUESTS {
        let mut raider = Raider::connect(address);
        let sid = if case.needs_session() { opened(&mut raider) } else { String::new() };
        raider.send(case.request(&sid));
        let answer = raider.answer().unwrap_or_else(|| panic!("{}: no answer", case.name));
        let Told(status, words) = expected(case);
        let said = format!("{}{}", answer.body, answer.hint.unwrap_or_default());
        if answer.status != status || !said.contains(words) {
            wrong.push(format!("{}: {} {said}", case.name, answer.status));
        }
    }
    assert_eq!(wrong, [""; 0]);
}

/// Opens a session on polling.
fn opened(raider: &mut Raider) -> String {
    let open = raider.ask(&handshake());
    open.body.split('"').nth(3).expect("OPEN names a sid").to_owned()
}

/// `ab -k` waits for ever for a connection of which it was told nothing.
pub fn http_1_0_clients_are_told_that_their_connection_stays(serve: Serve) {
    let (_io, address, _serving) = start(serve, App::new());
    let mut raider = Raider::connect(address);
    let ask = "GET /socket.io/?EIO=4&transport=polling HTTP/1.0\r\nHost: a\r\n";
    for _ in 0..3 {
        let answer = raider.ask(&format!("{ask}Connection: Keep-Alive\r\n\r\n"));
        assert_eq!((answer.status, answer.header("connection")), (200, Some("keep-alive")));
        assert_eq!(answer.header("transfer-encoding"), None);
    }
    assert_eq!(raider.ask(&format!("{ask}\r\n")).status, 200);
    assert!(raider.answer().is_none(), "the connection ends");
}

/// An answer carries the time, since bindings and hosts have a clock (RFC 9110 §6.6.1).
pub fn every_answer_says_when_it_was_given(serve: Serve) {
    let (_io, address, _serving) = start(serve, App::new());
    let mut raider = Raider::connect(address);
    let open = raider.ask(&handshake());
    let sid = open.body.split('"').nth(3).expect("OPEN names a sid");
    let target = format!("/socket.io/?EIO=4&transport=polling&sid={sid}");
    let posted = raider.ask(&request("POST", &target, "", "40"));
    let polled = raider.ask(&request("GET", &target, "", ""));
    let refused = raider.ask(&request("GET", "/socket.io/?EIO=3", "", ""));
    for answer in [open, posted, polled, refused] {
        assert_eq!(answer.head.matches("\r\ndate: ").count(), 1, "{}", answer.head);
        let date = answer.header("date").expect("it says when");
        let date = httpdate::parse_http_date(date).expect("it is a date");
        let now = SystemTime::now();
        let off = now.duration_since(date).unwrap_or_else(|error| error.duration());
        assert!(off < Duration::from_secs(3600), "{}", answer.head);
    }
}

/// Lists may be split (RFC 9110 §5.3), and HTTP/2 splits cookies.
pub fn a_header_on_several_lines_is_seen_whole(serve: Serve) {
    let mut app = App::new();
    let (told, seen) = mpsc::channel();
    app.on_connect(move |socket: Socket| {
        let header = |name| socket.header(name).map(str::to_owned);
        told.send((header("cookie"), header("x-list"), header("x-odd"))).expect("the test waits");
    });
    let (_io, address, _serving) = start(serve, app);
    let mut raider = Raider::connect(address);
    let mut asked =
        b"GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\nCookie: a=1\r\n\
        X-List: a\r\nX-Odd: \xff\r\ncookie: b=2\r\nX-List: b, c\r\nx-odd: 1\r\n\r\n"
            .to_vec();
    raider.send(&mut asked);
    let open = raider.answer().expect("answered");
    let sid = open.body.split('"').nth(3).expect("OPEN names a sid");
    let target = format!("/socket.io/?EIO=4&transport=polling&sid={sid}");
    assert_eq!(raider.ask(&request("POST", &target, "", "40")).status, 200);
    let (cookie, list, odd) = seen.recv_timeout(PATIENCE).expect("it connects");
    assert_eq!(cookie.as_deref(), Some("a=1; b=2"));
    assert_eq!(list.as_deref(), Some("a, b, c"));
    assert_eq!(odd.as_deref(), Some("?, 1"));
}
