//! Bytes from a broker are a message or none; and what is one means the same after it was written and read again.
//!
//! The first byte of an input says in which format and on which channel the rest came; of an entry of a stream, the
//! second is its type. Or the rest is what is kept of a client that was lost.

use sansocket::cluster::bus::{
    Body, BusLimits, Codec, Entry, Format, Lane, Message, Names, Payload, Place, Session,
};

const FORMATS: [Format; 5] =
    [Format::Python, Format::Classic, Format::Sharded, Format::Streams, Format::Native];
const LANES: [Lane<'_>; 5] = [
    Lane::Everyone,
    Lane::Requests,
    Lane::Answers(None),
    Lane::Answers(Some("0123456789abcdef")),
    Lane::Room("r"),
];

pub(super) fn run(data: &[u8]) {
    let Some((&first, data)) = data.split_first() else { return };
    let format = FORMATS[usize::from(first) % FORMATS.len()];
    let lane = usize::from(first) / FORMATS.len() % (LANES.len() + 2);
    if lane > LANES.len() {
        return session(data);
    }
    let place = Place { namespace: "/", lane: LANES.get(lane).copied().unwrap_or(Lane::Everyone) };
    let payload = match LANES.get(lane) {
        Some(_) => Payload::from(data),
        None => Payload::Entry(entry(data)),
    };
    let codec = Codec::new(format, BusLimits::default());
    let Ok(message) = codec.decode(place, &payload) else { return };
    let Some(once) = again(format, &codec, message.clone()) else { return };
    assert_eq!(again(format, &codec, once.clone()), Some(once.clone()));
    // Where JSON may become MessagePack, numbers and escapes are then written as they are best written.
    if [Format::Python, Format::Native].contains(&format) {
        assert_eq!(once, message);
    }
}

fn session(data: &[u8]) {
    let limits = BusLimits::default();
    let Ok(session) = Session::decode(data, &limits) else { return };
    let again = |session: &Session| {
        let written = session.encode();
        // Dates become texts, which are longer.
        let fits = written.len() <= limits.session;
        fits.then(|| Session::decode(&written, &limits).expect("it was just written"))
    };
    let Some(once) = again(&session) else { return };
    assert_eq!((&once.id, &once.pid, &once.rooms), (&session.id, &session.pid, &session.rooms));
    assert_eq!(again(&once), Some(once));
}

fn entry(data: &[u8]) -> Entry<'_> {
    let (kind, data) = data.split_first().map_or((0, data), |(kind, data)| (*kind, data));
    Entry {
        id: None,
        uid: b"94ae"[..].into(),
        nsp: b"/"[..].into(),
        kind: kind.to_string().into_bytes().into(),
        data: data.into(),
    }
}

/// What a message becomes when it is written and read, without what the format does not tell; nothing if the
/// format has no words for it.
fn again(format: Format, codec: &Codec, mut message: Message) -> Option<Message> {
    if let (Format::Classic, Body::Answer(answer)) = (format, &mut message.body) {
        answer.asker = None;
    }
    if format == Format::Streams {
        message.from.get_or_insert_with(|| "emitter".into());
    }
    let payload = codec.encode(&message).ok()?;
    let names = Names::new(format, "p");
    let channel = names.channel(&message);
    let place = names.place(&message.namespace, &channel).expect("messages have a place");
    let mut read = codec.decode(place, &payload).expect("it was just written");
    if format == Format::Streams {
        read.from.get_or_insert_with(|| "emitter".into());
    }
    Some(read)
}
