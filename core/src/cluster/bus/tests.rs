use bytes::Bytes;
use std::time::Duration;

use super::*;
use crate::cluster::Disconnect;
use crate::socket::{Args, EventMessage};

mod captured_js;
mod captured_python;
mod channels;
mod own;
mod poison;
mod round_trip;
mod session;

const EVERYONE: Place<'_> = Place { namespace: "/", lane: Lane::Everyone };
const REQUESTS: Place<'_> = Place { namespace: "/", lane: Lane::Requests };
const ANSWERS: Place<'_> = Place { namespace: "/", lane: Lane::Answers(None) };

fn codec(format: Format) -> Codec {
    Codec::new(format, BusLimits::default())
}

fn read(format: Format, place: Place<'_>, bytes: &[u8]) -> Result<Message, Invalid> {
    codec(format).decode(place, &bytes.into())
}

fn written(format: Format, message: &Message) -> Vec<u8> {
    match codec(format).encode(message) {
        Ok(Payload::Bytes(bytes)) => bytes.into_owned(),
        other => panic!("{other:?}"),
    }
}

/// Holds that a message is written as these bytes, and that they are read as it.
#[track_caller]
fn both(format: Format, place: Place<'_>, bytes: &[u8], message: &Message) {
    let text = String::from_utf8_lossy(bytes);
    let found = written(format, message);
    assert_eq!(String::from_utf8_lossy(&found), text);
    assert_eq!(found, bytes);
    assert_eq!(read(format, place, bytes).as_ref(), Ok(message), "{text}");
}

fn message(from: &str, body: Body) -> Message {
    let from = (!from.is_empty()).then(|| from.into());
    Message { from, namespace: "/".into(), sequence: None, body }
}

fn names(names: &[&str]) -> Vec<Box<str>> {
    names.iter().map(|name| Box::from(*name)).collect()
}

fn to(rooms: &[&str], except: &[&str]) -> To {
    To { rooms: names(rooms), except: names(except) }
}

fn args(json: &str, attachments: &[&'static [u8]]) -> Args {
    let attachments = attachments.iter().map(|bytes| Bytes::from_static(bytes)).collect();
    Args::from_json(json, attachments).expect("an array")
}

fn event(name: &str, json: &str, attachments: &[&'static [u8]]) -> EventMessage {
    EventMessage::from_args(name, args(json, attachments).as_ref())
}

fn broadcast(to: To, event: EventMessage) -> Body {
    Body::Broadcast { to, event, flags: Flags::default(), ask: None }
}

fn answer(asker: Option<&str>, request: &str, report: Report) -> Body {
    let (asker, part) = (asker.map(Box::from), Part::default());
    Body::Answer(Answer { asker, request: request.into(), report, part })
}
