//! HTTP below a session.

use sansocket::Response;
use sansocket::client::{Event, Purpose, Transport};
use testbed::script::{Script, open};

#[test]
fn c90_one_get_and_one_post_are_in_flight_at_most() {
    let mut script = Script::polling(|_| {});
    for n in 0..5 {
        script.emit("/", "e", &format!("[{n}]"));
    }
    let line = "POST /socket.io/?EIO=4&transport=polling&sid=S&t=…";
    assert_eq!(script.lines(), [format!("{line} 42[\"e\",0]")]);
    assert_eq!(script.field("content-type"), Some("text/plain;charset=UTF-8"));
    assert_eq!(script.field("accept"), Some("*/*"));
    script.posted();
    let rest: Vec<_> = (1..5).map(|n| format!("42[\"e\",{n}]")).collect();
    assert_eq!(script.lines(), [format!("{line} {}", rest.join("|"))]);
    script.poll("6");
    assert_eq!(script.lines(), ["GET /socket.io/?EIO=4&transport=polling&sid=S&t=…"]);
}

#[test]
fn c91_answers_may_be_chunked_compressed_and_cut_anywhere() {
    let mut script = Script::polling(|_| {});
    let answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
                  4\r\n42[\"\r\n3\r\na\"]\r\n0\r\n\r\n";
    for byte in answer.bytes() {
        script.raw(Purpose::Poll, &[byte]);
    }
    assert_eq!(script.events(), ["message / a []"]);
    assert_eq!(script.field("accept-encoding"), Some("gzip, deflate"));
    let mut response =
        Response::with_body(200, "text/plain", format!("42[\"{}\"]", "b".repeat(3000)));
    response.compress = true;
    script.respond(Purpose::Poll, response.encoded("gzip"));
    assert_eq!(script.events().len(), 1);
    script
        .raw(Purpose::Poll, b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\n6");
    let lines = script.lines();
    let again =
        ["open poll http://a.example/", "GET /socket.io/?EIO=4&transport=polling&sid=S&t=…"];
    assert_eq!(lines[lines.len() - 2..], again, "on a new connection");
    assert_eq!(script.events(), [""; 0]);
}

#[test]
fn c92_any_other_status_ends_the_session_and_is_told() {
    for purpose in [Purpose::Poll, Purpose::Post] {
        for status in [204, 302, 400, 404, 500] {
            let mut script = Script::polling(|_| {});
            script.emit("/", "x", "[]");
            let body = "{\"code\":1,\"message\":\"Session ID unknown\"}";
            script.answer(purpose, status, body);
            let events = script.take_events();
            let Some(Event::Closed { fault: Some(fault), .. }) = events.first() else {
                panic!("{events:?}");
            };
            assert_eq!(fault.http_status(), Some(status));
            if status == 400 {
                assert_eq!(fault.body(), body);
                assert!(fault.message().contains("stick to their server"));
            }
        }
    }
}

#[test]
fn c93_a_post_is_answered_in_time_and_a_poll_may_take_as_long_as_the_pings() {
    let mut script = Script::polling(|_| {});
    script.emit("/", "x", "[]");
    script.advance(19_999);
    assert_eq!(script.events(), [""; 0]);
    script.advance(1);
    assert_eq!(script.events()[0], "closed: transport error");
}

#[test]
fn c94_redirects_of_the_handshake_are_followed_and_count_for_the_session() {
    for status in [301, 302, 303, 307, 308] {
        let mut script = Script::new(|config| {
            config.headers = vec![("authorization".into(), "secret".into())];
            config.query = vec![("a".into(), "1".into())];
        });
        script.join("/");
        script.lines();
        let to = "http://b.example:8080/x/?a=1&EIO=4&transport=polling&extra=2";
        let response = Response::with_body(status, "text/plain", "").header("location", to);
        script.respond(Purpose::Poll, response);
        assert_eq!(
            script.lines(),
            [
                "close poll",
                "open poll http://b.example:8080/x/",
                "GET /x/?a=1&extra=2&EIO=4&transport=polling&t=…"
            ]
        );
        assert_eq!(script.field("authorization"), None, "another host");
        assert_eq!(script.field("host"), Some("b.example:8080"));
        script.poll(&open("[]"));
        assert_eq!(script.lines()[0], "GET /x/?a=1&extra=2&EIO=4&transport=polling&sid=S&t=…");
        script.lose();
        script.advance(2000);
        assert!(script.lines().contains(&"open poll http://a.example/".into()), "anew");
    }
}

#[test]
fn c94_redirects_end_and_do_not_give_up_encryption() {
    let follow = |url: &str, to: &str, most: u8| {
        let mut script = Script::of(url, |config| {
            config.redirects = most;
            config.transports = vec![Transport::Polling];
        });
        script.join("/");
        let mut followed = 0;
        while script.has(Purpose::Poll) {
            let response = Response::with_body(302, "text/plain", "");
            let response = response.header("location", to.to_owned());
            script.respond(Purpose::Poll, response);
            followed += 1;
        }
        assert_eq!(script.events(), ["not connected / Transport: the server answered 302, again"]);
        followed - 1
    };
    assert_eq!(follow("http://a.example/", "/socket.io/", 5), 5, "in a circle");
    assert_eq!(follow("http://a.example/", "/socket.io/", 0), 0);
    assert_eq!(follow("https://a.example/", "http://a.example/", 5), 0);
    assert_eq!(follow("http://a.example/", "ftp://a.example/", 5), 0);
}

#[test]
fn c95_cookies_are_returned_when_that_is_asked_for() {
    for cookies in [false, true] {
        let mut script = Script::new(|config| {
            config.cookies = cookies;
            config.headers = vec![("Cookie".into(), "own=1".into())];
        });
        script.join("/");
        assert_eq!(script.field("cookie"), Some("own=1"));
        let response = Response::with_body(200, "text/plain", open("[\"websocket\"]"));
        script.respond(Purpose::Poll, response.header("set-cookie", "lb=7; Path=/; HttpOnly"));
        let all = if cookies { "own=1; lb=7" } else { "own=1" };
        assert_eq!(script.field("cookie"), Some(all), "on the WebSocket");
        script.posted();
        script.emit("/", "x", "[]");
        script.poll("40{\"sid\":\"i\"}");
        assert_eq!(script.field("cookie"), Some(all));
    }
}

#[test]
fn c96_a_kept_connection_that_the_server_closed_is_replaced() {
    let mut script = Script::polling(|_| {});
    script.cut(Purpose::Post);
    assert_eq!((script.events(), script.lines()), (vec![], vec![]), "nothing was asked on it");
    script.emit("/", "x", "[]");
    assert_eq!(script.lines()[0], "open post http://a.example/");
    // A GET is asked again, once.
    let mut script = Script::polling(|_| {});
    script.cut(Purpose::Poll);
    assert_eq!(
        script.lines(),
        ["open poll http://a.example/", "GET /socket.io/?EIO=4&transport=polling&sid=S&t=…"]
    );
    script.cut(Purpose::Poll);
    assert_eq!(script.events()[0], "closed: transport error");
    // An answer that began is not asked for again: its packets would be lost.
    for part in ["H", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "HTTP/1.1 200 OK\r\n"] {
        let mut script = Script::polling(|_| {});
        script.raw(Purpose::Poll, part.as_bytes());
        script.cut(Purpose::Poll);
        assert_eq!(script.events()[0], "closed: transport error");
    }
}
