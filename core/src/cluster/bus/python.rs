//! python-socketio 5.14 and later: JSON objects, all on one channel.
//!
//! ```text
//! emit        event, data, binary, namespace, room, skip_sid, callback, host_id
//! callback    host_id (of the process that asked), sid, namespace, id, args
//! disconnect  sid, namespace, host_id
//! enter_room  sid, room, namespace, host_id        leave_room likewise
//! close_room  room, namespace, host_id
//! ```
//!
//! Before 5.14 messages were pickled, which is never undone: whoever can write on the channel could run code.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use super::value::{Tree, Value, none};
use super::write::{Form, Out};
use super::{Answer, Ask, Body, BusLimits, Flags, Invalid, Message, Part, Report, To};
use crate::cluster::Disconnect;
use crate::socket::{Args, ArgsRef, EventMessage, scan};

pub(super) fn encode(message: &Message) -> Result<Vec<u8>, &'static str> {
    let Message { from, namespace, body, .. } = message;
    let mut out = Out::new(Form::Json);
    match body {
        Body::Broadcast { to, event, ask, .. } => {
            return encode_emit(message, to, event, ask.as_ref());
        }
        Body::Answer(Answer { asker: Some(asker), request, report, .. }) => {
            let Report::Acknowledged { room: Some(room), args } = report else {
                return Err("answers but for acknowledgements of a client");
            };
            if !args.attachments().is_empty() {
                return Err("acknowledgements with binary arguments");
            }
            let id = number(request)?;
            out.map(6).key("method").str("callback").key("host_id").str(asker);
            out.key("sid").str(room).key("namespace").str(namespace);
            out.key("id").number(id).key("args").args(args);
            return Ok(out.finish());
        }
        Body::Disconnect { to, how: Disconnect::Namespace } => {
            begin(&mut out, "disconnect", from.is_some(), 2);
            out.key("sid").str(only(to)?);
        }
        Body::Join { to, rooms } => member(&mut out, "enter_room", from.is_some(), to, rooms)?,
        Body::Leave { to, rooms } => member(&mut out, "leave_room", from.is_some(), to, rooms)?,
        Body::Close { room } => {
            begin(&mut out, "close_room", from.is_some(), 2);
            out.key("room").str(room);
        }
        Body::Answer(_) => return Err("answers to nobody"),
        Body::Disconnect { how: Disconnect::Connection, .. } => {
            return Err("connections that are closed from afar");
        }
        Body::Beat(_) | Body::Hello | Body::Left => return Err("heartbeats"),
        Body::Fetch { .. } => return Err("questions about clients"),
        Body::Rooms { .. } => return Err("questions about rooms"),
        Body::ServerEvent { .. } => return Err("events between servers"),
    }
    out.key("namespace").str(namespace);
    if let Some(from) = from {
        out.key("host_id").str(from);
    }
    Ok(out.finish())
}

fn encode_emit(
    message: &Message,
    to: &To,
    event: &EventMessage,
    ask: Option<&Ask>,
) -> Result<Vec<u8>, &'static str> {
    let Message { from, namespace, .. } = message;
    let mut out = Out::new(Form::Json);
    begin(&mut out, "emit", from.is_some(), 7);
    out.key("event").str(event.name()).key("data");
    let parts = event.attachments();
    if parts.is_empty() {
        out.value(event.json(), &[]).key("binary").truth(false);
    } else {
        out.array(1 + parts.len()).value(event.json(), &[]);
        for part in parts {
            out.str(&STANDARD.encode(part));
        }
        out.key("binary").truth(true);
    }
    out.key("namespace").str(namespace).key("room");
    one_or_more(&mut out, &to.rooms);
    one_or_more(out.key("skip_sid"), &to.except);
    out.key("callback");
    match ask {
        None => out.null(),
        Some(Ask { request, .. }) => {
            let (room, id) = (only(to)?, number(request)?);
            out.array(3).str(room).str(namespace).number(id)
        }
    };
    if let Some(from) = from {
        out.key("host_id").str(from);
    }
    Ok(out.finish())
}

/// Begins a message with so many fields between its method and its process.
fn begin(out: &mut Out, method: &str, has_sender: bool, fields: usize) {
    out.map(1 + fields + usize::from(has_sender)).key("method").str(method);
}

fn member(
    out: &mut Out,
    method: &str,
    has_sender: bool,
    to: &To,
    rooms: &[Box<str>],
) -> Result<(), &'static str> {
    let [room] = rooms else { return Err("messages about several rooms; send one for each") };
    let sid = only(to)?;
    begin(out, method, has_sender, 3);
    out.key("sid").str(sid).key("room").str(room);
    Ok(())
}

/// The one client that a target names.
fn only(to: &To) -> Result<&str, &'static str> {
    match (&*to.rooms, &*to.except) {
        ([room], []) => Ok(room),
        _ => Err("orders and questions for more than one client"),
    }
}

fn number(request: &str) -> Result<u64, &'static str> {
    request.parse().map_err(|_| "ids of questions that are no numbers")
}

fn one_or_more(out: &mut Out, names: &[Box<str>]) {
    match names {
        [] => out.null(),
        [name] => out.str(name),
        names => out.strs(names),
    };
}

pub(super) fn decode(bytes: &[u8], limits: &BusLimits) -> Result<Message, Invalid> {
    let tree = Tree::json(bytes)?;
    let root = tree.root();
    let [method, namespace, from, sid, room] =
        root.fields(["method", "namespace", "host_id", "sid", "room"])?;
    let method = method.ok_or(Invalid::Missing("method"))?.string("method")?;
    let namespace = namespace.map_or_else(|| Ok("/".into()), |name| name.string("namespace"))?;
    let from = from.map(|from| from.string("host_id")).transpose()?;
    let target = || {
        let sid = sid.ok_or(Invalid::Missing("sid"))?.name("sid")?;
        Ok::<_, Invalid>(To { rooms: vec![sid], except: Vec::new() })
    };
    let room = || room.ok_or(Invalid::Missing("room"))?.name("room");
    let body = match &*method {
        "emit" => read_emit(root, limits)?,
        "callback" => {
            // The process in it is the one that asked.
            let answer = read_callback(root, from, limits)?;
            return Ok(Message {
                from: None,
                namespace,
                sequence: None,
                body: Body::Answer(answer),
            });
        }
        "disconnect" => Body::Disconnect { to: target()?, how: Disconnect::Namespace },
        "enter_room" => Body::Join { to: target()?, rooms: vec![room()?] },
        "leave_room" => Body::Leave { to: target()?, rooms: vec![room()?] },
        "close_room" => Body::Close { room: room()? },
        _ => return Err(Invalid::UnknownKind),
    };
    Ok(Message { from, namespace, sequence: None, body })
}

fn read_emit(root: Value<'_>, limits: &BusLimits) -> Result<Body, Invalid> {
    let [event, data, binary, room, skip, callback] =
        root.fields(["event", "data", "binary", "room", "skip_sid", "callback"])?;
    let name = event.ok_or(Invalid::Missing("event"))?.string("event")?;
    if scan::is_reserved(&name) {
        return Err(Invalid::ReservedEvent);
    }
    let is_binary = binary.is_some_and(Value::is_true);
    let args = match data {
        None => none(),
        Some(data) if is_binary => read_binary(data, limits)?,
        Some(data) => read_args(data.text(), Vec::new()),
    };
    let names = |value: Option<Value<'_>>, name| match value {
        None => Ok(Vec::new()),
        Some(value) if value.is_array() => value.names(name, limits),
        Some(value) => Ok(vec![value.name(name)?]),
    };
    let to = To { rooms: names(room, "room")?, except: names(skip, "skip_sid")? };
    let ask = callback.map(read_ask).transpose()?;
    let event = EventMessage::from_args(&name, ArgsRef::from(&args));
    Ok(Body::Broadcast { to, event, flags: Flags::default(), ask })
}

/// Reads `[room, namespace, id]`, of which the room and the namespace are in the message besides.
fn read_ask(callback: Value<'_>) -> Result<Ask, Invalid> {
    let [_, _, id] = callback.items().ok_or(Invalid::Mistyped("callback"))?;
    let id = id.ok_or(Invalid::Missing("callback"))?.number("callback")?;
    Ok(Ask { request: id.to_string().into(), timeout: None })
}

/// Reads `[arguments, base64, base64, …]`.
fn read_binary(data: Value<'_>, limits: &BusLimits) -> Result<Args, Invalid> {
    let most = limits.attachments as usize;
    let list = data.list("attachments", most + 1)?;
    let (args, parts) = list.split_first().ok_or(Invalid::Missing("data"))?;
    let part = |part: &Value<'_>| {
        let decoded = STANDARD.decode(&*part.string("data")?);
        decoded.map(Bytes::from).map_err(|_| Invalid::Mistyped("data"))
    };
    let parts: Vec<Bytes> = parts.iter().map(part).collect::<Result<_, Invalid>>()?;
    let count = u32::try_from(parts.len()).unwrap_or(u32::MAX);
    scan::value(args.text(), count)?;
    Ok(read_args(args.text(), parts))
}

/// Reads arguments: a list, or before 5.15.1 the only one. A list of null alone stands for none.
fn read_args(text: &str, attachments: Vec<Bytes>) -> Args {
    let list = Value::new(text, &[]);
    if list.is_null() {
        return none();
    }
    match list.items() {
        Some([Some(only), None]) if only.is_null() => none(),
        Some::<[_; 2]>(_) => Args::new(text, attachments),
        None => Args::new(format!("[{text}]"), attachments),
    }
}

fn read_callback(
    root: Value<'_>,
    asker: Option<Box<str>>,
    limits: &BusLimits,
) -> Result<Answer, Invalid> {
    let [sid, id, args] = root.fields(["sid", "id", "args"])?;
    let asker = Some(asker.ok_or(Invalid::Missing("host_id"))?);
    let room = Some(sid.ok_or(Invalid::Missing("sid"))?.name("sid")?);
    let request = id.ok_or(Invalid::Missing("id"))?.number("id")?.to_string().into();
    let args = args.map_or_else(|| Ok(none()), |args| args.args("args", limits))?;
    let part = Part::default();
    Ok(Answer { asker, request, report: Report::Acknowledged { room, args }, part })
}
