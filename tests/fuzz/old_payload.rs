//! A payload of Engine.IO 3, or in a form of JSONP, is understood as its packets, one after the other, as
//! a slow reader sees them; and what is sent back is read again.

use sansocket::{Event, Layer, Message, Method, Reason, Received, Response, Verdict};

use super::host::Host;

pub(super) fn run(data: &[u8]) {
    let Some((&mode, data)) = data.split_first() else { return };
    let way = WAYS[usize::from(mode) % WAYS.len()];
    if way.jsonp && !survives_a_form(data) {
        return;
    }
    let mut host = Host::new(|config| {
        config.layer = Layer::EngineIo;
        config.allow_eio3 = true;
        config.allow_jsonp = true;
        config.limits.packets = MAX_PACKETS;
        config.limits.packets_per_poll = MAX_PACKETS + 1;
    });
    let target = format!("/socket.io/?EIO=3&transport=polling{}", way.query);
    let open = text(way, &answered(host.request(Method::Get, &target)));
    let sid = open.split('"').nth(3).expect("OPEN names a sid").to_owned();
    let Some(Event::Opened { session, .. }) = host.events().pop() else { panic!("it opens") };
    let target = format!("{target}&sid={sid}");
    let Verdict::Body { link: Some(link), .. } = host.request(Method::Post, &target) else {
        panic!("a POST is taken")
    };
    let body = if way.jsonp { form(data) } else { data.to_vec() };
    let response = answered(host.server.handle_body(host.now, link, &body));
    host.server.check();
    let (packets, end) = read(data, Sender::Client);
    let mut events = host.events().into_iter();
    let heard = || packets.iter().filter(|packet| **packet != Packet::Ping);
    for packet in heard() {
        let Some(Event::Received { message, .. }) = events.next() else { panic!("{packet:?}") };
        assert_eq!(Packet::of(&message), *packet);
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
    if end != End::Open {
        return;
    }
    for packet in heard() {
        let sent = match packet {
            Packet::Binary(bytes) => host.server.send(session, Message::Binary(bytes)),
            Packet::Text(text) => host.server.send(session, Message::Text(text)),
            Packet::Ping | Packet::Pong => Ok(()),
        };
        sent.expect("there is room");
    }
    let pings = packets.iter().filter(|packet| **packet == Packet::Ping);
    let expected: Vec<Packet> = pings.map(|_| Packet::Pong).chain(heard().cloned()).collect();
    let polled = host.request(Method::Get, &target);
    if !matches!(polled, Verdict::Hold(_)) {
        assert_eq!(read_back(way, &answered(polled)), expected);
    } else {
        assert!(expected.is_empty(), "{expected:?} is held back");
    }
    host.server.check();
}

const MAX_PACKETS: usize = 50;

/// How a client polls.
#[derive(Clone, Copy)]
struct Way {
    query: &'static str,
    jsonp: bool,
}

const WAYS: [Way; 3] = [
    Way { query: "", jsonp: false },
    Way { query: "&b64=1", jsonp: false },
    Way { query: "&j=5", jsonp: true },
];

#[derive(Clone, Debug, Eq, PartialEq)]
enum Packet {
    Binary(Vec<u8>),
    Ping,
    Pong,
    Text(String),
}

impl Packet {
    fn of(message: &Received) -> Self {
        match message {
            Received::Binary(bytes) => Self::Binary(bytes.to_vec()),
            Received::Text(text) => Self::Text(text.to_string()),
        }
    }
}

/// Who wrote a payload.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Sender {
    Client,
    Server,
}

/// What becomes of the session.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum End {
    Broken,
    Closed,
    Open,
}

fn answered(verdict: Verdict) -> Response {
    let Verdict::Respond(response) = verdict else { panic!("{verdict:?} is no answer") };
    response
}

/// The payload of an answer that is text.
fn text(way: Way, response: &Response) -> String {
    let body = String::from_utf8(response.body.to_vec()).expect("the answer is text");
    if !way.jsonp {
        return body;
    }
    let call = body.strip_prefix("___eio[5](").and_then(|call| call.strip_suffix(");"));
    assert!(!body.contains(['\u{2028}', '\u{2029}']), "older JavaScript reads it too");
    serde_json::from_str(call.expect("it is a call")).expect("it is a string")
}

fn read_back(way: Way, response: &Response) -> Vec<Packet> {
    let media = response.content_type.as_deref();
    let (packets, end) = match media == Some("application/octet-stream") {
        true => read(&response.body, Sender::Server),
        false => read(text(way, response).as_bytes(), Sender::Server),
    };
    assert_eq!(end, End::Open);
    let has_binary = packets.iter().any(|packet| matches!(packet, Packet::Binary(_)));
    assert!(way.query.is_empty() || media != Some("application/octet-stream"));
    assert!(media == Some("application/octet-stream") || !has_binary || !way.query.is_empty());
    packets
}

fn read(data: &[u8], sender: Sender) -> (Vec<Packet>, End) {
    let (mut packets, mut rest, framed) = (Vec::new(), data, data.first().is_some_and(|b| *b < 2));
    if !framed && std::str::from_utf8(data).is_err() {
        return (packets, End::Broken);
    }
    let mut count = 0;
    while !rest.is_empty() {
        let split = if framed { frame(rest) } else { measured(rest) };
        let Some((binary, packet, after)) = split else { return (packets, End::Broken) };
        rest = after;
        if packet.is_empty() {
            continue;
        }
        count += 1;
        if count > MAX_PACKETS {
            return (packets, End::Broken);
        }
        let text = std::str::from_utf8(packet).unwrap_or_default();
        match (binary, packet[0]) {
            (true, 4) => packets.push(Packet::Binary(packet[1..].into())),
            (false, b'4') => packets.push(Packet::Text(text[1..].into())),
            (false, b'b') => match text[1..]
                .strip_prefix('4')
                .map(|text| super::payload::base64(text.as_bytes()))
            {
                Some(Some(bytes)) => packets.push(Packet::Binary(bytes)),
                Some(None) | None => return (packets, End::Broken),
            },
            (false, b'1') => return (packets, End::Closed),
            (false, b'2') => packets.push(Packet::Ping),
            (false, b'3') if sender == Sender::Server => packets.push(Packet::Pong),
            (false, b'5' | b'6') => {}
            _ => return (packets, End::Broken),
        }
    }
    (packets, End::Open)
}

/// Splits off a packet behind its kind and size.
fn frame(data: &[u8]) -> Option<(bool, &[u8], &[u8])> {
    let end = data.iter().position(|byte| *byte == 255)?;
    let digits = data.get(1..end)?;
    if data[0] > 1
        || digits.is_empty()
        || digits.len() > 10
        || digits.iter().any(|digit| *digit > 9)
    {
        return None;
    }
    let size = digits.iter().fold(0, |size, digit| size * 10 + usize::from(*digit));
    let rest = &data[end + 1..];
    let (packet, rest) = (rest.get(..size)?, &rest[size..]);
    if data[0] == 0 {
        std::str::from_utf8(packet).ok()?;
    }
    Some((data[0] == 1, packet, rest))
}

/// Splits off a packet behind its length in UTF-16 code units.
fn measured(data: &[u8]) -> Option<(bool, &[u8], &[u8])> {
    let text = std::str::from_utf8(data).expect("it was checked");
    let (length, rest) = text.split_once(':')?;
    if length.is_empty() || !length.chars().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let length: usize = length.parse().ok()?;
    let units: Vec<u16> = rest.encode_utf16().collect();
    let packet = String::from_utf16(units.get(..length)?).ok()?;
    let (packet, rest) = rest.split_at(packet.len());
    Some((false, packet.as_bytes(), rest.as_bytes()))
}

/// Whether a payload is the same once a page wrote it into a form: a backslash before a line break is
/// not.
fn survives_a_form(data: &[u8]) -> bool {
    !data.windows(2).any(|pair| pair == b"\\\n")
}

/// A payload as a page posts it.
fn form(data: &[u8]) -> Vec<u8> {
    let mut out = b"d=".to_vec();
    for (at, &byte) in data.iter().enumerate() {
        let escape = match byte {
            b'\n' => "%5Cn",
            b'n' if at > 0 && data[at - 1] == b'\\' => "%5Cn",
            b' ' => "+",
            _ => {
                out.extend(format!("%{byte:02X}").bytes());
                continue;
            }
        };
        out.extend(escape.bytes());
    }
    out
}
