//! A packet is accepted when a second reader accepts it, means what that reader says, and means the
//! same after it was written and read again.

use sansocket::{Event, EventMessage};

use super::host::Host;
use super::reading::{self, Kind, Reading};

const MAX_ATTACHMENTS: u32 = 10;

pub(super) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let reading = reading::packet(text, MAX_ATTACHMENTS.into());
    let mut host = Host::new(|config| config.limits.attachments = MAX_ATTACHMENTS);
    let link = host.websocket();
    let namespace = reading.as_ref().map_or("/", |reading| reading.namespace);
    if namespace.len() > 256 {
        return;
    }
    let joins = reading.as_ref().is_some_and(|reading| reading.kind == Kind::Connect);
    let socket = (!joins).then(|| host.join(link, namespace));
    host.text(link, &format!("4{text}"));
    host.server.check();
    let accepted = host.server.counts().sessions == 1;
    let Some(reading) = reading else { return assert!(!accepted, "{text:?} is accepted") };
    if reading.attachments > 0 {
        if let Some(sound) = reading::placeholders(reading.json, reading.attachments) {
            assert_eq!(accepted, sound, "{text:?}");
        }
        return;
    }
    assert!(accepted, "{text:?} is refused");
    let mut events = host.events();
    match (reading.kind, events.pop()) {
        (Kind::Connect, Some(Event::Connect { namespace, auth, .. })) => {
            assert_eq!(&*namespace, reading.namespace);
            assert_eq!(auth.as_deref().unwrap_or_default(), reading.json);
        }
        (Kind::Disconnect, Some(Event::Disconnect { .. })) | (Kind::Ack, None) => {}
        (Kind::Event, Some(Event::Message { message, ack, .. })) => {
            assert_eq!(ack.is_some(), reading.id.is_some());
            same(&message, &reading);
            let mut socket = host.server.socket(socket.expect("it joined")).expect("it is there");
            socket.emit(message.name(), message.args()).expect("it can be sent");
            let acknowledged = ack.map(|ack| host.server.acknowledge(ack, message.args()));
            written(&host.frames(link), &message, &reading, acknowledged.is_some());
        }
        (kind, event) => panic!("{kind:?} {text:?} became {event:?}"),
    }
    assert!(events.is_empty(), "{events:?}");
}

/// The event is what the second reader read.
fn same(message: &EventMessage, reading: &Reading<'_>) {
    assert_eq!(Some(message.name()), reading::name(reading.json).as_deref());
    let expected = &reading::elements(reading.json)[1..];
    assert_eq!(reading::elements(message.json()), expected);
}

/// The packet sent back is the packet received.
fn written(frames: &[String], message: &EventMessage, reading: &Reading<'_>, acknowledged: bool) {
    let packets: Vec<_> = frames.iter().map(|frame| frame.strip_prefix('4').expect("4")).collect();
    let event = reading::packet(packets[0], MAX_ATTACHMENTS.into()).expect("what we write");
    assert_eq!((event.kind, event.namespace), (Kind::Event, reading.namespace));
    same(message, &event);
    if acknowledged {
        let ack = reading::packet(packets[1], MAX_ATTACHMENTS.into()).expect("what we write");
        assert_eq!((ack.kind, ack.namespace, ack.id), (Kind::Ack, reading.namespace, reading.id));
        assert_eq!(ack.json, message.json());
    }
    assert_eq!(packets.len(), 1 + usize::from(acknowledged));
}
