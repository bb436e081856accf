//! `@socket.io/redis-adapter` 8.
//!
//! ```text
//! broadcast = MessagePack of [ uid, packet, opts ]            on K#<nsp># or K#<nsp>#<room>#
//! request   = map of uid, requestId, type and more            on K-request#<nsp>#
//! answer    = map of requestId and more, sometimes type       on K-response#<nsp># or K-response#<nsp>#<uid>#
//! packet    = map of type (2), data (name and arguments), nsp
//! opts      = map of rooms, except, flags
//! ```
//!
//! Maps are JSON, or MessagePack when binary may be in them. Answers about clients are JSON in any case: what is attached to a
//! client has its binary parts as `JSON.stringify` makes them of a `Buffer`.

use super::to::{self, Opts};
use super::value::{Tree, Value, none};
use super::write::{Form, Out};
use super::{
    Answer, Ask, Body, BusLimits, Detail, Invalid, Lane, Message, Part, Place, Report, To, event,
    found,
};
use crate::cluster::Disconnect;

const SOCKETS: u64 = 0;
const ALL_ROOMS: u64 = 1;
const REMOTE_JOIN: u64 = 2;
const REMOTE_LEAVE: u64 = 3;
const REMOTE_DISCONNECT: u64 = 4;
const REMOTE_FETCH: u64 = 5;
const SERVER_SIDE_EMIT: u64 = 6;
const BROADCAST: u64 = 7;
const BROADCAST_CLIENT_COUNT: u64 = 8;
const BROADCAST_ACK: u64 = 9;

pub(super) fn encode(message: &Message) -> Result<Vec<u8>, &'static str> {
    let from = message.from.as_deref();
    let namespace = &*message.namespace;
    let mut out = Out::new(Form::Json);
    match &message.body {
        Body::Answer(answer) => return encode_answer(answer),
        Body::Broadcast { to, event, flags, ask: None } => {
            out = Out::new(Form::Msgpack);
            out.array(3).str_or_null(from);
            event::put(&mut out, event, Some(namespace));
            to::put_opts(&mut out, to, *flags, None);
        }
        Body::Broadcast { to, event, flags, ask: Some(Ask { request, timeout }) } => {
            out = Out::new(Form::Msgpack);
            begin(&mut out, from, Some(request), BROADCAST, 2);
            event::put(out.key("packet"), event, Some(namespace));
            to::put_opts(out.key("opts"), to, *flags, *timeout);
        }
        Body::Join { to, rooms } => {
            begin(&mut out, from, None, REMOTE_JOIN, 2);
            to::put_to(out.key("opts"), to);
            out.key("rooms").strs(rooms);
        }
        Body::Leave { to, rooms } => {
            begin(&mut out, from, None, REMOTE_LEAVE, 2);
            to::put_to(out.key("opts"), to);
            out.key("rooms").strs(rooms);
        }
        Body::Disconnect { to, how } => {
            begin(&mut out, from, None, REMOTE_DISCONNECT, 2);
            to::put_to(out.key("opts"), to);
            out.key("close").truth(matches!(how, Disconnect::Connection));
        }
        Body::Fetch { to, request, detail: Detail::Clients } => {
            // Without `opts`, the processes of JavaScript that read it end.
            begin(&mut out, from, Some(request), REMOTE_FETCH, 1);
            to::put_to(out.key("opts"), to);
        }
        Body::Fetch { to, request, detail: Detail::Ids } => {
            if !to.except.is_empty() {
                return Err("questions about ids with rooms left out");
            }
            begin(&mut out, from, Some(request), SOCKETS, 1);
            out.key("rooms").strs(&to.rooms);
        }
        Body::Rooms { request } => begin(&mut out, from, Some(request), ALL_ROOMS, 0),
        Body::ServerEvent { event, request } => {
            if !event.attachments().is_empty() {
                return Err("binary arguments between servers");
            }
            begin(&mut out, from, request.as_deref(), SERVER_SIDE_EMIT, 1);
            out.key("data").event(event);
        }
        Body::Beat(_) | Body::Hello | Body::Left => return Err("heartbeats"),
        Body::Close { .. } => return Err("rooms that are closed; make their clients leave them"),
    }
    Ok(out.finish())
}

/// Begins a request with so many fields behind the type. Questions about rooms, and fetches, have the type
/// behind their id; so have all others.
fn begin(out: &mut Out, from: Option<&str>, request: Option<&str>, kind: u64, more: usize) {
    out.map(1 + usize::from(from.is_some()) + usize::from(request.is_some()) + more);
    if let Some(from) = from {
        out.key("uid").str(from);
    }
    if let Some(request) = request {
        out.key("requestId").str(request);
    }
    out.key("type").number(kind);
}

fn encode_answer(answer: &Answer) -> Result<Vec<u8>, &'static str> {
    let Answer { request, report, .. } = answer;
    let mut out = Out::new(Form::Json);
    match report {
        Report::Acknowledged { args, .. } => {
            let first = event::first(args);
            out = Out::new(Form::Msgpack);
            out.map(2 + usize::from(first.is_some())).key("type").number(BROADCAST_ACK);
            out.key("requestId").str(request);
            if let Some(first) = first {
                event::put_only(out.key("packet"), &first);
            }
        }
        Report::Clients(count) => {
            out.map(3).key("type").number(BROADCAST_CLIENT_COUNT);
            out.key("requestId").str(request).key("clientCount").number((*count).into());
        }
        Report::Replied(args) => {
            let first = event::first(args);
            if first.as_ref().is_some_and(|first| !first.attachments().is_empty()) {
                return Err("binary replies between servers");
            }
            out.map(2 + usize::from(first.is_some())).key("type").number(SERVER_SIDE_EMIT);
            out.key("requestId").str(request);
            if let Some(first) = first {
                event::put_only(out.key("data"), &first);
            }
        }
        Report::Done => {
            out.map(1).key("requestId").str(request);
        }
        Report::Found(clients) => {
            found::put(out.map(2).key("requestId").str(request).key("sockets"), clients);
        }
        Report::Ids(ids) => {
            out.map(2).key("requestId").str(request).key("sockets").strs(ids);
        }
        Report::Rooms(rooms) => {
            out.map(2).key("requestId").str(request).key("rooms").strs(rooms);
        }
    }
    Ok(out.finish())
}

pub(super) fn decode(
    place: Place<'_>,
    bytes: &[u8],
    limits: &BusLimits,
) -> Result<Message, Invalid> {
    let tree = match place.lane {
        Lane::Everyone | Lane::Room(_) => Tree::msgpack(bytes, limits)?,
        Lane::Answers(_) | Lane::Requests => Tree::of(bytes, limits)?,
    };
    match place.lane {
        Lane::Everyone | Lane::Room(_) => decode_broadcast(place.namespace, tree.root(), limits),
        Lane::Requests => decode_request(place.namespace, tree.root(), limits),
        Lane::Answers(asker) => {
            let answer = decode_answer(asker, tree.root(), limits)?;
            let (from, namespace) = (None, place.namespace.into());
            Ok(Message { from, namespace, sequence: None, body: Body::Answer(answer) })
        }
    }
}

fn decode_broadcast(
    namespace: &str,
    root: Value<'_>,
    limits: &BusLimits,
) -> Result<Message, Invalid> {
    let [from, packet, opts] = root.items().ok_or(Invalid::Malformed)?;
    let (event, packet_namespace) = event::read(packet.ok_or(Invalid::Missing("packet"))?, limits)?;
    check_namespace(packet_namespace, namespace)?;
    let Opts { to, flags, .. } = Opts::read(opts.filter(|opts| !opts.is_null()), limits)?;
    let from = from.filter(|from| !from.is_null());
    let from = from.map(|from| from.name("uid")).transpose()?;
    let body = Body::Broadcast { to, event, flags, ask: None };
    Ok(Message { from, namespace: namespace.into(), sequence: None, body })
}

/// A packet without namespace is for the main one.
fn check_namespace(found: Option<Value<'_>>, expected: &str) -> Result<(), Invalid> {
    let found = found.map(|found| found.string("nsp")).transpose()?;
    let is_own = found.as_deref().unwrap_or("/") == expected;
    if is_own { Ok(()) } else { Err(Invalid::Foreign) }
}

fn decode_request(
    namespace: &str,
    root: Value<'_>,
    limits: &BusLimits,
) -> Result<Message, Invalid> {
    let [kind, from, request, opts, rooms, sid, room, close, data, packet] = root.fields([
        "type",
        "uid",
        "requestId",
        "opts",
        "rooms",
        "sid",
        "room",
        "close",
        "data",
        "packet",
    ])?;
    let kind = kind.ok_or(Invalid::Missing("type"))?.number("type")?;
    let request = request.map(|request| request.name("requestId")).transpose()?;
    let asked = || request.clone().ok_or(Invalid::Missing("requestId"));
    // Old processes name a client and a room.
    let target = || match sid {
        Some(sid) => Ok(To { rooms: vec![sid.string("sid")?], except: Vec::new() }),
        None if opts.is_none() => Err(Invalid::Missing("opts")),
        None => Ok(Opts::read(opts, limits)?.to),
    };
    let list = || match (rooms, room) {
        (Some(rooms), _) => rooms.names("rooms", limits),
        (None, Some(room)) => Ok(vec![room.name("room")?]),
        (None, None) => Err(Invalid::Missing("rooms")),
    };
    let body = match kind {
        SOCKETS => {
            let rooms = rooms.map_or(Ok(Vec::new()), |rooms| rooms.names("rooms", limits))?;
            let to = To { rooms, except: Vec::new() };
            Body::Fetch { to, request: asked()?, detail: Detail::Ids }
        }
        ALL_ROOMS => Body::Rooms { request: asked()? },
        REMOTE_JOIN => Body::Join { to: target()?, rooms: list()? },
        REMOTE_LEAVE => Body::Leave { to: target()?, rooms: list()? },
        REMOTE_DISCONNECT => Body::Disconnect { to: target()?, how: how(close) },
        REMOTE_FETCH => Body::Fetch { to: target()?, request: asked()?, detail: Detail::Clients },
        SERVER_SIDE_EMIT => {
            let event = data.ok_or(Invalid::Missing("data"))?.event(limits)?;
            Body::ServerEvent { event, request }
        }
        BROADCAST => {
            let (event, found) = event::read(packet.ok_or(Invalid::Missing("packet"))?, limits)?;
            check_namespace(found, namespace)?;
            let Opts { to, flags, timeout } = Opts::read(opts, limits)?;
            let ask = Some(Ask { request: asked()?, timeout });
            Body::Broadcast { to, event, flags, ask }
        }
        _ => return Err(Invalid::UnknownKind),
    };
    let from = from.map(|from| from.name("uid")).transpose()?;
    Ok(Message { from, namespace: namespace.into(), sequence: None, body })
}

pub(super) fn how(close: Option<Value<'_>>) -> Disconnect {
    match close.is_some_and(Value::is_true) {
        true => Disconnect::Connection,
        false => Disconnect::Namespace,
    }
}

fn decode_answer(
    asker: Option<&str>,
    root: Value<'_>,
    limits: &BusLimits,
) -> Result<Answer, Invalid> {
    let [kind, request, count, packet, data, sockets, rooms] =
        root.fields(["type", "requestId", "clientCount", "packet", "data", "sockets", "rooms"])?;
    let request = request.ok_or(Invalid::Missing("requestId"))?.name("requestId")?;
    let kind = kind.map(|kind| kind.number("type")).transpose()?;
    let one =
        |value: Option<Value<'_>>| value.map_or_else(|| Ok(none()), |value| value.one(limits));
    let report = match (kind, sockets, rooms) {
        (Some(BROADCAST_CLIENT_COUNT), ..) => Report::Clients(clients(count)?),
        (Some(BROADCAST_ACK), ..) => Report::Acknowledged { room: None, args: one(packet)? },
        (Some(SERVER_SIDE_EMIT), ..) => Report::Replied(one(data)?),
        (Some(BROADCAST | 10..), ..) => return Err(Invalid::UnknownKind),
        (_, Some(sockets), _) => found::read(sockets, limits)?,
        (_, None, Some(rooms)) => Report::Rooms(rooms.names("rooms", limits)?),
        (_, None, None) => Report::Done,
    };
    Ok(Answer { asker: asker.map(Box::from), request, report, part: Part::default() })
}

pub(super) fn clients(count: Option<Value<'_>>) -> Result<u32, Invalid> {
    let count = count.ok_or(Invalid::Missing("clientCount"))?.number("clientCount")?;
    u32::try_from(count).map_err(|_| Invalid::Mistyped("clientCount"))
}
