//! A payload is understood as its packets, one after the other, as a slow reader sees them.

use sansocket::{Event, Layer, Method, Reason, Received, Verdict};

use super::host::Host;

pub(super) fn run(data: &[u8]) {
    let mut host = Host::new(|config| {
        config.layer = Layer::EngineIo;
        config.limits.packets = MAX_PACKETS;
    });
    let sid = host.polling();
    host.events();
    let target = format!("/socket.io/?EIO=4&transport=polling&sid={sid}");
    let Verdict::Body { link: Some(link), .. } = host.request(Method::Post, &target) else {
        panic!("a POST is taken")
    };
    let Verdict::Respond(response) = host.server.handle_body(host.now, link, data) else {
        panic!("a POST is answered")
    };
    host.server.check();
    let (expected, end) = read(data);
    let mut events = host.events().into_iter();
    for message in expected {
        let Some(Event::Received { message: heard, .. }) = events.next() else {
            panic!("{message:?} was not heard")
        };
        assert_eq!(heard, message);
    }
    match (end, events.next()) {
        (End::Open, None) | (End::Closed, Some(Event::Closed { .. })) => {
            assert_eq!((response.status, &*response.body), (200, &b"ok"[..]));
        }
        (End::Broken, Some(Event::Closed { reason: Reason::Violation(_), .. })) => {
            assert_eq!(response.status, 400);
        }
        (end, event) => panic!("{end:?} is expected, but there was {event:?}"),
    }
    assert!(events.next().is_none());
    assert_eq!(host.server.counts().sessions, usize::from(end == End::Open));
}

const MAX_PACKETS: usize = 50;

/// What becomes of the session.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum End {
    Broken,
    Closed,
    Open,
}

fn read(data: &[u8]) -> (Vec<Received>, End) {
    let mut heard = Vec::new();
    let Ok(text) = std::str::from_utf8(data) else { return (heard, End::Broken) };
    for (n, packet) in text.split('\u{1e}').enumerate() {
        if n == MAX_PACKETS {
            return (heard, End::Broken);
        }
        match packet.chars().next() {
            Some('4') => heard.push(Received::Text(packet[1..].into())),
            Some('b') => match base64(&packet.as_bytes()[1..]) {
                Some(bytes) => heard.push(Received::Binary(bytes.into())),
                None => return (heard, End::Broken),
            },
            Some('1') => return (heard, End::Closed),
            Some('3' | '5' | '6') => {}
            _ => return (heard, End::Broken),
        }
    }
    (heard, End::Open)
}

/// Base64 of both alphabets, without its white space and as much as there is of its padding, as bits.
pub(super) fn base64(text: &[u8]) -> Option<Vec<u8>> {
    let text: Vec<u8> = text.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let padding = text.iter().rev().take_while(|&&byte| byte == b'=').count();
    let digits = &text[..text.len() - padding];
    if digits.len() % 4 == 1 || padding > 2 {
        return None;
    }
    let mut bits = Vec::new();
    for byte in digits {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        bits.extend((0..6).rev().map(|bit| value >> bit & 1));
    }
    let whole = bits.chunks_exact(8).map(|bits| bits.iter().fold(0, |byte, bit| byte << 1 | bit));
    Some(whole.collect())
}
