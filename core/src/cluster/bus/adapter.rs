//! The adapters of JavaScript that extend `ClusterAdapter`: on Redis, sharded or with streams.
//!
//! ```text
//! message = map of type, data, uid, nsp        JSON, or MessagePack when there is binary; in any order
//! entry   = fields uid, nsp, type and data     data is JSON, or MessagePack in base64
//! ```

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use std::borrow::Cow;

use super::names::goes_by_stream;
use super::to::{self, Opts};
use super::value::{Tree, Value, none};
use super::write::{Form, Out};
use super::{
    Answer, Ask, Body, BusLimits, Detail, Entry, Flags, Invalid, Lane, Message, Part, Payload,
    Place, Report, classic, event, found,
};
use crate::cluster::Disconnect;
use crate::engine::base64 as lenient;

const INITIAL_HEARTBEAT: u64 = 1;
const HEARTBEAT: u64 = 2;
const BROADCAST: u64 = 3;
const SOCKETS_JOIN: u64 = 4;
const SOCKETS_LEAVE: u64 = 5;
const DISCONNECT_SOCKETS: u64 = 6;
const FETCH_SOCKETS: u64 = 7;
const FETCH_SOCKETS_RESPONSE: u64 = 8;
const SERVER_SIDE_EMIT: u64 = 9;
const SERVER_SIDE_EMIT_RESPONSE: u64 = 10;
const BROADCAST_CLIENT_COUNT: u64 = 11;
const BROADCAST_ACK: u64 = 12;
const ADAPTER_CLOSE: u64 = 13;

pub(super) fn encode(message: &Message) -> Result<Vec<u8>, &'static str> {
    let out = Out::for_values(parts(&message.body));
    whole(out, message)
}

/// Streams carry what every process has to get; questions and answers go by channels, as MessagePack.
pub(super) fn encode_for_streams(message: &Message) -> Result<Payload<'static>, &'static str> {
    let Message { from, namespace, body, .. } = message;
    if !goes_by_stream(body) {
        return whole(Out::new(Form::Msgpack), message).map(Payload::from);
    }
    let mut out = Out::for_values(parts(body));
    let kind = kind(body)?;
    put_data(&mut out, body);
    let data = match out.form() {
        Form::Json => out.finish(),
        Form::Msgpack => STANDARD.encode(out.finish()).into_bytes(),
    };
    let uid = from.as_deref().unwrap_or(EMITTER).as_bytes().to_vec();
    Ok(Payload::Entry(Entry {
        id: None,
        uid: Cow::Owned(uid),
        nsp: Cow::Owned(namespace.as_bytes().to_vec()),
        kind: Cow::Owned(kind.to_string().into_bytes()),
        data: Cow::Owned(data),
    }))
}

/// The name of processes that only emit.
const EMITTER: &str = "emitter";

fn whole(mut out: Out, message: &Message) -> Result<Vec<u8>, &'static str> {
    let Message { from, namespace, body, .. } = message;
    out.map(3 + usize::from(from.is_some())).key("type").number(kind(body)?);
    put_data(out.key("data"), body);
    if let Some(from) = from {
        out.key("uid").str(from);
    }
    out.key("nsp").str(namespace);
    Ok(out.finish())
}

/// The attachments of a message, list by list.
fn parts(body: &Body) -> Vec<&[Bytes]> {
    match body {
        Body::Broadcast { event, .. } | Body::ServerEvent { event, .. } => {
            vec![event.attachments()]
        }
        Body::Answer(Answer { report, .. }) => match report {
            Report::Acknowledged { args, .. } | Report::Replied(args) => vec![args.attachments()],
            Report::Found(clients) => {
                clients.iter().map(|client| client.data.attachments()).collect()
            }
            Report::Clients(_) | Report::Done | Report::Ids(_) | Report::Rooms(_) => Vec::new(),
        },
        Body::Beat(_)
        | Body::Close { .. }
        | Body::Disconnect { .. }
        | Body::Fetch { .. }
        | Body::Hello
        | Body::Join { .. }
        | Body::Leave { .. }
        | Body::Left
        | Body::Rooms { .. } => Vec::new(),
    }
}

fn kind(body: &Body) -> Result<u64, &'static str> {
    Ok(match body {
        Body::Broadcast { .. } => BROADCAST,
        Body::Join { .. } => SOCKETS_JOIN,
        Body::Leave { .. } => SOCKETS_LEAVE,
        Body::Disconnect { .. } => DISCONNECT_SOCKETS,
        Body::Fetch { detail: Detail::Clients, .. } => FETCH_SOCKETS,
        Body::ServerEvent { .. } => SERVER_SIDE_EMIT,
        Body::Answer(Answer { report, .. }) => match report {
            Report::Found(_) => FETCH_SOCKETS_RESPONSE,
            Report::Replied(_) => SERVER_SIDE_EMIT_RESPONSE,
            Report::Clients(_) => BROADCAST_CLIENT_COUNT,
            Report::Acknowledged { .. } => BROADCAST_ACK,
            Report::Done | Report::Ids(_) | Report::Rooms(_) => {
                return Err("answers about ids and rooms");
            }
        },
        Body::Fetch { detail: Detail::Ids, .. } => return Err("questions about ids alone"),
        Body::Beat(_) | Body::Hello | Body::Left => return Err("heartbeats"),
        Body::Close { .. } => return Err("rooms that are closed; make their clients leave them"),
        Body::Rooms { .. } => return Err("questions about rooms"),
    })
}

/// Writes `data` of what has a [`kind`].
fn put_data(out: &mut Out, body: &Body) {
    match body {
        Body::Broadcast { to, event, flags, ask } => {
            out.map(2 + usize::from(ask.is_some()));
            event::put(out.key("packet"), event, None);
            if let Some(Ask { request, .. }) = ask {
                out.key("requestId").str(request);
            }
            let timeout = ask.as_ref().and_then(|ask| ask.timeout);
            to::put_opts(out.key("opts"), to, *flags, timeout);
        }
        Body::Join { to, rooms } | Body::Leave { to, rooms } => {
            to::put_opts(out.map(2).key("opts"), to, Flags::default(), None);
            out.key("rooms").strs(rooms);
        }
        Body::Disconnect { to, how } => {
            to::put_opts(out.map(2).key("opts"), to, Flags::default(), None);
            out.key("close").truth(matches!(how, Disconnect::Connection));
        }
        Body::Fetch { to, request, .. } => {
            to::put_opts(out.map(2).key("opts"), to, Flags::default(), None);
            out.key("requestId").str(request);
        }
        Body::ServerEvent { event, request } => {
            out.map(1 + usize::from(request.is_some()));
            if let Some(request) = request {
                out.key("requestId").str(request);
            }
            out.key("packet").event(event);
        }
        Body::Answer(Answer { request, report, .. }) => put_report(out, request, report),
        Body::Beat(_) | Body::Close { .. } | Body::Hello | Body::Left | Body::Rooms { .. } => {
            out.null();
        }
    }
}

fn put_report(out: &mut Out, request: &str, report: &Report) {
    match report {
        Report::Acknowledged { args, .. } | Report::Replied(args) => {
            let first = event::first(args);
            out.map(1 + usize::from(first.is_some())).key("requestId").str(request);
            if let Some(first) = first {
                event::put_only(out.key("packet"), &first);
            }
        }
        Report::Clients(count) => {
            out.map(2).key("requestId").str(request).key("clientCount").number((*count).into());
        }
        Report::Found(clients) => {
            found::put(out.map(2).key("requestId").str(request).key("sockets"), clients);
        }
        Report::Done | Report::Ids(_) | Report::Rooms(_) => {
            out.map(1).key("requestId").str(request);
        }
    }
}

pub(super) fn decode(
    place: Place<'_>,
    bytes: &[u8],
    limits: &BusLimits,
) -> Result<Message, Invalid> {
    let tree = Tree::of(bytes, limits)?;
    let [kind, data, from, namespace] = tree.root().fields(["type", "data", "uid", "nsp"])?;
    let kind = kind.ok_or(Invalid::Missing("type"))?.number("type")?;
    let from = from.map(|from| from.string("uid")).transpose()?;
    let namespace = namespace.map(|namespace| namespace.string("nsp")).transpose()?;
    if namespace.is_some_and(|namespace| &*namespace != place.namespace) {
        return Err(Invalid::Foreign);
    }
    let asker = match place.lane {
        Lane::Answers(asker) => asker,
        Lane::Room(name) => Some(name),
        Lane::Everyone | Lane::Requests => None,
    };
    let body = read_data(kind, data, asker, limits)?;
    Ok(Message { from, namespace: place.namespace.into(), sequence: None, body })
}

pub(super) fn decode_entry(entry: &Entry<'_>, limits: &BusLimits) -> Result<Message, Invalid> {
    let text = |bytes, name| std::str::from_utf8(bytes).map_err(|_| Invalid::Mistyped(name));
    let kind = text(&entry.kind, "type")?.parse().map_err(|_| Invalid::Mistyped("type"))?;
    let tree = match entry.data.first() {
        // Old processes leave the data of heartbeats out.
        None => Tree::json(b"{}")?,
        Some(b'{') => Tree::json(&entry.data)?,
        Some(_) => {
            let packed = lenient::decode(text(&entry.data, "data")?).ok_or(Invalid::Malformed)?;
            Tree::msgpack(&packed, limits)?
        }
    };
    let from = text(&entry.uid, "uid")?;
    Ok(Message {
        from: (!from.is_empty()).then(|| from.into()),
        namespace: text(&entry.nsp, "nsp")?.into(),
        sequence: None,
        body: read_data(kind, Some(tree.root()), None, limits)?,
    })
}

fn read_data(
    kind: u64,
    data: Option<Value<'_>>,
    asker: Option<&str>,
    limits: &BusLimits,
) -> Result<Body, Invalid> {
    match kind {
        INITIAL_HEARTBEAT => return Ok(Body::Hello),
        HEARTBEAT => return Ok(Body::Beat(None)),
        ADAPTER_CLOSE => return Ok(Body::Left),
        BROADCAST..=BROADCAST_ACK => {}
        _ => return Err(Invalid::UnknownKind),
    }
    let [opts, rooms, close, packet, request, sockets, count] = data
        .ok_or(Invalid::Missing("data"))?
        .fields(["opts", "rooms", "close", "packet", "requestId", "sockets", "clientCount"])
        .map_err(|_| Invalid::Mistyped("data"))?;
    let request = request.map(|request| request.name("requestId")).transpose()?;
    let asked = || request.clone().ok_or(Invalid::Missing("requestId"));
    let answer = |report| {
        let asker = asker.map(Box::from);
        Ok(Body::Answer(Answer { asker, request: asked()?, report, part: Part::default() }))
    };
    let target = || match opts {
        Some(_) => Ok(Opts::read(opts, limits)?.to),
        None => Err(Invalid::Missing("opts")),
    };
    let names = || rooms.ok_or(Invalid::Missing("rooms"))?.names("rooms", limits);
    let one = || packet.map_or_else(|| Ok(none()), |packet| packet.one(limits));
    match kind {
        BROADCAST => {
            let (event, _) = event::read(packet.ok_or(Invalid::Missing("packet"))?, limits)?;
            let Opts { to, flags, timeout } = Opts::read(opts, limits)?;
            let ask = request.map(|request| Ask { request, timeout });
            Ok(Body::Broadcast { to, event, flags, ask })
        }
        SOCKETS_JOIN => Ok(Body::Join { to: target()?, rooms: names()? }),
        SOCKETS_LEAVE => Ok(Body::Leave { to: target()?, rooms: names()? }),
        DISCONNECT_SOCKETS => Ok(Body::Disconnect { to: target()?, how: classic::how(close) }),
        FETCH_SOCKETS => {
            Ok(Body::Fetch { to: target()?, request: asked()?, detail: Detail::Clients })
        }
        SERVER_SIDE_EMIT => {
            let event = packet.ok_or(Invalid::Missing("packet"))?.event(limits)?;
            Ok(Body::ServerEvent { event, request })
        }
        FETCH_SOCKETS_RESPONSE => {
            answer(found::read(sockets.ok_or(Invalid::Missing("sockets"))?, limits)?)
        }
        SERVER_SIDE_EMIT_RESPONSE => answer(Report::Replied(one()?)),
        BROADCAST_CLIENT_COUNT => answer(Report::Clients(classic::clients(count)?)),
        BROADCAST_ACK => answer(Report::Acknowledged { room: None, args: one()? }),
        _ => Err(Invalid::UnknownKind),
    }
}
