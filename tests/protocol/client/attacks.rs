//! Servers that attack their clients: each attack ends in a typed fault, within bounds and without a hot
//! loop.

use sansocket::client::{Event, Kind, Purpose, Transport};
use sansocket::{Response, Violation};
use testbed::script::{Script, open};

fn fault(script: &mut Script) -> (Kind, Option<Violation>) {
    let events = script.take_events();
    events
        .iter()
        .find_map(|event| {
            if let Event::Closed { fault: Some(fault), .. } | Event::ConnectFailed { fault, .. } =
                event
            {
                Some((fault.kind(), fault.broken_rule()))
            } else {
                None
            }
        })
        .unwrap_or_else(|| panic!("{events:?}"))
}

/// A6, CVE-2026-33151.
#[test]
fn a06_announced_attachments_cost_nothing_until_they_come() {
    for packet in ["45999999999-[\"a\"]", "453-[\"a\"]", "451000000000000000000000-[\"a\"]"] {
        let mut script = Script::websocket(|config| config.limits.attachments = 2);
        script.text(packet);
        assert_eq!(fault(&mut script), (Kind::Protocol, Some(Violation::TooManyAttachments)));
    }
}

/// C20: a server that opens sessions with absurd intervals, ids and upgrades.
#[test]
fn c20_a_hostile_handshake_is_an_error_and_followed_by_a_wait() {
    let long = "x".repeat(1_000_000);
    for body in [
        "0{\"sid\":\"x\",\"pingInterval\":0,\"pingTimeout\":0}".to_owned(),
        "0{\"sid\":\"x\",\"pingInterval\":1e300,\"pingTimeout\":1}".to_owned(),
        "0{\"sid\":\"x\",\"pingInterval\":18446744073709551615,\"pingTimeout\":1}".to_owned(),
        format!("0{{\"sid\":\"{long}\",\"pingInterval\":1,\"pingTimeout\":1}}"),
        format!("{}{}", open("[]"), open("[]")),
    ] {
        let mut script = Script::new(|config| config.transports = vec![Transport::Polling]);
        script.join("/");
        script.poll(&body);
        assert_eq!(fault(&mut script).0, Kind::Protocol);
        assert!(script.wait().expect("it tries again") >= 500);
    }
    // Closing in the same breath, opening twice, nonsense among the upgrades.
    for body in [format!("{}\u{1e}1", open("[]")), format!("{}\u{1e}{}", open("[]"), open("[]"))] {
        let mut script = Script::new(|_| {});
        script.join("/");
        script.poll(&body);
        assert!(script.wait().expect("it tries again") >= 500);
        assert!(!script.has(Purpose::Poll));
    }
    let mut script = Script::new(|_| {});
    script.join("/");
    script.poll(&open("[{\"x\":[1]},null,\"websocket\u{fffd}\",7]"));
    assert_eq!(script.events(), ["opened"]);
    assert!(!script.has(Purpose::WebSocket));
}

#[test]
fn a_server_that_closes_each_session_at_once_does_not_keep_the_client_busy() {
    let mut script = Script::new(|_| {});
    script.join("/");
    let mut attempts = 0;
    for _ in 0..100 {
        if script.has(Purpose::Poll) {
            script.poll(&format!("{}\u{1e}1", open("[]")));
            attempts += 1;
        }
        script.advance(100);
    }
    assert!(attempts <= 21, "{attempts} in ten seconds");
}

#[test]
fn pings_without_end_are_answered_within_bounds() {
    let mut script = Script::polling(|_| {});
    script.emit("/", "x", "[]");
    script.poll(&["2"; 10_000].join("\u{1e}"));
    assert!(script.client.backlog() <= 20 * 200, "{}", script.client.backlog());
    script.said();
    script.posted();
    assert_eq!(script.said(), [["3"; 16].join("|")]);
}

#[test]
fn acknowledgements_that_nobody_asked_for_mean_nothing() {
    let mut script = Script::polling(|_| {});
    let flood: Vec<String> = (0..10_000).map(|n| format!("43{n}[]")).collect();
    script.poll(&flood.join("\u{1e}"));
    assert_eq!(script.events(), [""; 0]);
    assert!(script.has(Purpose::Poll));
}

#[test]
fn a_body_without_end_is_refused() {
    let mut script = Script::polling(|config| config.limits.max_payload = 1000);
    script.raw(Purpose::Poll, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    for _ in 0..20 {
        if script.has(Purpose::Poll) {
            script.raw(Purpose::Poll, format!("64\r\n{}\r\n", "x".repeat(100)).as_bytes());
        }
    }
    assert_eq!(fault(&mut script), (Kind::Transport, Some(Violation::BodyTooLarge)));
}

#[test]
fn heads_without_end_are_refused() {
    let mut script = Script::polling(|_| {});
    script.raw(Purpose::Poll, b"HTTP/1.1 200 OK\r\n");
    for n in 0..1000 {
        if script.has(Purpose::Poll) {
            script.raw(Purpose::Poll, format!("x-{n}: {}\r\n", "y".repeat(100)).as_bytes());
        }
    }
    let (kind, rule) = fault(&mut script);
    assert_eq!(kind, Kind::Transport);
    assert!(matches!(rule, Some(Violation::HeadTooLarge | Violation::TooManyHeaders)), "{rule:?}");
}

#[test]
fn an_answer_before_the_question_is_refused() {
    let mut script = Script::polling(|_| {});
    script.raw(Purpose::Post, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    assert_eq!(fault(&mut script), (Kind::Transport, Some(Violation::InvalidHead)));
}

#[test]
fn c103_a_masked_frame_of_a_server_is_refused_and_so_is_a_forged_acceptance() {
    let mut script = Script::websocket(|_| {});
    script.raw(Purpose::WebSocket, b"\x81\x81\x00\x00\x00\x002");
    assert_eq!(fault(&mut script), (Kind::Transport, Some(Violation::Mask)));
    let mut script = Script::new(|config| config.transports = vec![Transport::WebSocket]);
    script.websockets = testbed::script::WebSockets::Hang;
    script.join("/");
    script.raw(
        Purpose::WebSocket,
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
          Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n",
    );
    assert_eq!(fault(&mut script), (Kind::Protocol, Some(Violation::InvalidAccept)));
}

#[test]
fn text_that_is_not_utf8_is_refused() {
    let mut script = Script::polling(|_| {});
    script.raw(Purpose::Poll, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n4\xff");
    assert_eq!(fault(&mut script), (Kind::Protocol, Some(Violation::InvalidUtf8)));
}

#[test]
fn ids_without_end_are_refused() {
    let mut script = Script::new(|_| {});
    script.join("/");
    script.poll(&open("[]"));
    script.posted();
    script.poll(&format!("40{{\"sid\":\"{}\"}}", "x".repeat(5000)));
    assert_eq!(fault(&mut script).0, Kind::Protocol);
}

/// G2, engine.io-client 707597df.
#[test]
fn g02_a_long_url_is_read_in_linear_time() {
    let parse = |url: &str| sansocket::client::Endpoint::parse(url).is_ok();
    for part in [":", "@", "[", "]", "a:", "a@", "[::1]", "%", "/", ";", "?", "&", "=", "#"] {
        let many = part.repeat(2_000_000);
        parse(&many);
        parse(&format!("http://{many}"));
        parse(&format!("http://a.example{many}"));
        assert!(parse(&format!("http://a.example/?{many}")), "{part}");
    }
}

/// G3, engine.io-client 6.6.8.
#[test]
fn g03_the_values_of_a_query_are_sent_whole() {
    let mut script = Script::of("http://a.example/?token=a=b==&c=%3D", |_| {});
    script.join("/");
    let line = &script.lines()[1];
    assert!(line.starts_with("GET /socket.io/?token=a=b==&c=%3D&EIO=4&"), "{line}");
}

/// G5: a storm of clients after a restart of their server.
#[test]
fn g05_after_a_restart_ten_thousand_clients_come_back_over_the_whole_window() {
    let config = {
        let endpoint = sansocket::client::Endpoint::parse("http://a.example/").expect("valid");
        std::sync::Arc::new(sansocket::client::Config::new(endpoint))
    };
    let now = std::time::Instant::now();
    let mut buckets = [0; 10];
    for n in 0..10_000_u32 {
        let mut seed = [0; 32];
        seed[..4].copy_from_slice(&n.to_le_bytes());
        let mut client = sansocket::client::Client::new(config.clone(), seed, now);
        let main = client.namespace("/").expect("valid");
        client.socket(now, main).expect("there").join();
        let Some(sansocket::client::Action::Open { link, .. }) = client.poll_action() else {
            panic!("it connects");
        };
        let refused = sansocket::client::Fault::transport("refused");
        client.handle_failed(now, link, refused);
        let wait = client.poll_timeout().expect("it tries again") - now;
        let bucket = (wait.as_millis() - 500) / 100;
        buckets[usize::try_from(bucket.min(9)).unwrap()] += 1;
    }
    assert!(buckets.iter().all(|&count| (800..1200).contains(&count)), "{buckets:?}");
}

#[test]
fn a_redirect_that_goes_nowhere_is_an_error() {
    let mut script = Script::new(|config| config.transports = vec![Transport::Polling]);
    script.join("/");
    script.respond(Purpose::Poll, Response::with_body(302, "text/plain", ""));
    assert_eq!(fault(&mut script), (Kind::Transport, None));
}
