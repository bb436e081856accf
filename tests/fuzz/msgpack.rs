//! A packet in MessagePack is accepted when a second reader accepts it, means what that reader says, and means the
//! same after it was written and read again.

use sansocket::{Bytes, Event, Limits, MessageKind, Msgpack, Parser, RawPacket};
use std::borrow::Cow;
use std::sync::Arc;

use self::reading::Reading;
use super::host::Host;
use super::reading as text;

mod reading;

const MAX_ATTACHMENTS: u32 = 10;

pub(super) fn run(data: &[u8]) {
    let mut limits = Limits::default();
    limits.attachments = MAX_ATTACHMENTS;
    let Ok(reading) = reading::packet(data, MAX_ATTACHMENTS) else { return };
    let raw = Msgpack.decode_binary(data, &limits).ok();
    assert_eq!(raw.as_ref().map(Reading::of), reading);
    let Some((reading, raw)) = reading.zip(raw) else { return };
    let sound = sound(&reading);
    serve(data, &reading, sound);
    if sound {
        again(&raw, &limits);
    }
}

/// Whether the packet is one that a client may send: the same in the text of the protocol would be.
fn sound(reading: &Reading) -> bool {
    let Reading { kind, namespace, id, json, attachments } = reading;
    let (count, binary) = (attachments.len(), [2, 3].contains(kind));
    if !namespace.starts_with('/') || namespace.contains(',') || count > 0 && !binary {
        return false;
    }
    let (kind, announced) = match count {
        0 => (*kind, String::new()),
        _ => (kind + 3, format!("{count}-")),
    };
    let id = id.filter(|_| binary).map_or(String::new(), |id| id.to_string());
    let text = format!("{kind}{announced}{namespace},{id}{json}");
    let read = text::packet(&text, MAX_ATTACHMENTS.into());
    // Keys that come twice make the other reader unsure; it then is not asked.
    read.is_some() && (count == 0 || text::placeholders(json, count).unwrap_or(false))
}

/// A server takes the packet for what it is.
fn serve(data: &[u8], reading: &Reading, sound: bool) {
    let mut host = Host::new(|config| {
        config.parser = Some(Arc::new(Msgpack));
        config.limits.attachments = MAX_ATTACHMENTS;
    });
    let link = host.websocket();
    if reading.namespace.len() > 256 || reading.id.is_some_and(|id| id >= 1 << 53) {
        return;
    }
    if reading.kind != 0 {
        let mut out = Vec::new();
        let joining = RawPacket::new(sansocket::PacketKind::Connect, &*reading.namespace);
        Msgpack.encode(&joining, &mut out);
        host.binary(link, &out);
        let Some(Event::Connect { socket, .. }) = host.events().pop() else {
            return assert!(!sound, "nobody asks to join {}", reading.namespace);
        };
        host.server.admit(host.now, socket).expect("it waits");
    }
    host.binary(link, data);
    host.server.check();
    let accepted = host.server.counts().sessions == 1;
    let parts = reading.attachments.len();
    let unsure = parts > 0 && text::placeholders(&reading.json, parts).is_none();
    assert!(accepted == sound || unsure, "{reading:?}");
    if !accepted {
        return;
    }
    match (reading.kind, host.events().pop()) {
        (0, Some(Event::Connect { namespace, auth, .. })) => {
            assert_eq!(
                (&*namespace, auth.as_deref().unwrap_or_default()),
                (&*reading.namespace, &*reading.json)
            );
        }
        (1, Some(Event::Disconnect { .. })) | (3, None) => {}
        (2, Some(Event::Message { message, ack, .. })) => {
            assert_eq!(ack.is_some(), reading.id.is_some());
            assert_eq!(Some(message.name()), text::name(&reading.json).as_deref());
            let expected = &text::elements(&reading.json)[1..];
            assert_eq!(text::elements(message.json()), expected);
            assert_eq!(message.attachments(), reading.attachments);
        }
        (kind, event) => panic!("{kind} {reading:?} became {event:?}"),
    }
}

/// What is written again is read as the same.
fn again(raw: &RawPacket<'_>, limits: &Limits) {
    let mut out = Vec::new();
    assert_eq!(Msgpack.encode(raw, &mut out), MessageKind::Binary);
    assert_eq!(Msgpack.decode_binary(&out, limits).as_ref(), Ok(raw));
    let again = reading::packet(&out, MAX_ATTACHMENTS).expect("it was not too deep before");
    assert_eq!(again, Some(Reading::of(raw)));
}

impl Reading {
    fn of(raw: &RawPacket<'_>) -> Self {
        Self {
            kind: raw.kind.number(),
            namespace: raw.namespace.clone().into_owned(),
            id: raw.id,
            json: Cow::into_owned(raw.data.clone()),
            attachments: raw.attachments.to_vec(),
        }
    }
}

/// Named here, so that the second reader needs nothing of the first.
type Attachments = Vec<Bytes>;
