//! What the contract server does for clients that look at a whole cluster.

use sansocket::cluster::BusError;
use sansocket_app::{
    ArgsRef, Broadcast, Bytes, EmitError, EventMessage, Io, Json, Namespace, RawRest, RemoteSocket,
    ServerEvent, Socket,
};
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// Adds the handlers, for a server of that name.
pub(crate) fn handle(on: &mut Namespace, node: &str) {
    questions(on, node);
    clients(on);
    rooms(on);
    servers(on, node);
}

fn questions(on: &mut Namespace, node: &str) {
    let node = node.to_owned();
    on.on("node", move || node.clone());
    on.on("cluster-size", async |socket: Socket| Json(socket.nsp().cluster_size().await.ok()));
    on.on("fetch", async |socket: Socket, room: Option<String>| {
        let id = |client: Client<'_>| client.id().to_owned();
        let (error, mut found) = find(&target(&socket, room), id).await;
        found.sort();
        (error, found)
    });
    on.on("fetch-full", async |socket: Socket, room: Option<String>| {
        let (error, mut found) = find(&target(&socket, room), Described::of).await;
        found.sort_by(|one, other| one.id.cmp(&other.id));
        (error, found)
    });
    on.on("fetch-headers", async |socket: Socket, room: String, names: Vec<String>| {
        let told = |client: Client<'_>| (client.id().to_owned(), client.headers(&names));
        let (error, mut found) = find(&socket.within(room), told).await;
        found.sort_by(|(one, _), (other, _)| one.cmp(other));
        (error, found)
    });
    on.on("all-rooms", async |socket: Socket| match socket.nsp().all_rooms().await {
        Ok(all) => {
            (all.missing.map(|missing| missing.to_string()), all.rooms.into_iter().collect())
        }
        Err(error) => {
            let here: Vec<String> = socket.nsp().local().rooms().into_keys().collect();
            (Some(reason(&error)), here)
        }
    });
    on.on("set-data", |socket: Socket, value: Value| {
        let _ = socket.set_data(&value);
    });
    on.on("set-bytes", |socket: Socket, bytes: Bytes| {
        let _ = socket.set_data(&bytes);
    });
}

/// The clients of a room, or of the whole namespace.
fn target(socket: &Socket, room: Option<String>) -> Broadcast {
    match room {
        Some(room) => socket.within(room),
        None => socket.nsp().everyone(),
    }
}

/// One client: of another server, or of this one where others were not asked.
enum Client<'a> {
    Found(&'a RemoteSocket),
    Here(&'a Socket),
}

/// What is told of clients, and what stood in the way of more.
async fn find<T>(
    clients: &Broadcast,
    describe: impl Fn(Client<'_>) -> T,
) -> (Option<String>, Vec<T>) {
    match clients.fetch_sockets().await {
        Ok(found) => {
            let error = found.missing.map(|missing| missing.to_string());
            (error, found.sockets.iter().map(Client::Found).map(describe).collect())
        }
        Err(error) => {
            let here = clients.clone().local().sockets();
            (Some(reason(&error)), here.iter().map(Client::Here).map(describe).collect())
        }
    }
}

impl Client<'_> {
    fn id(&self) -> &str {
        match self {
            Self::Found(client) => client.id(),
            Self::Here(socket) => socket.id(),
        }
    }

    /// The header fields of these names that are known.
    fn headers(&self, names: &[String]) -> BTreeMap<String, String> {
        let known = |name: &String| {
            let value = match self {
                Self::Found(client) => client.header(name),
                Self::Here(socket) => socket.header(name).map(str::to_owned),
            };
            Some((name.clone(), value?))
        };
        names.iter().filter_map(known).collect()
    }
}

#[derive(Serialize)]
struct Described {
    id: String,
    rooms: Vec<String>,
    data: Value,
    auth: Option<Box<RawValue>>,
}

impl Described {
    fn of(client: Client<'_>) -> Self {
        let id = client.id().to_owned();
        let (rooms, data, auth) = match client {
            Client::Found(client) => {
                let rooms = client.rooms().into_iter().map(str::to_owned).collect();
                (rooms, client.data(), client.auth_json().to_owned())
            }
            Client::Here(socket) => (socket.rooms(), socket.data(), socket.auth_json().to_owned()),
        };
        let mut rooms: Vec<String> = rooms;
        rooms.push(id.clone());
        rooms.sort();
        Self { id, rooms, data: data.unwrap_or_default(), auth: RawValue::from_string(auth).ok() }
    }
}

fn clients(on: &mut Namespace) {
    on.on("sid-join", |socket: Socket, sid: String, room: String| {
        let _ = socket.within(sid).join(room);
    });
    on.on("sid-leave", |socket: Socket, sid: String, room: String| {
        let _ = socket.within(sid).leave(room);
    });
    on.on("sid-disconnect", |socket: Socket, sid: String| {
        let _ = socket.within(sid).disconnect();
    });
    on.on("sid-ask", async |socket: Socket, sid: String, ms: u64, value: Value| {
        let timeout = Duration::from_millis(ms);
        let asked = socket.within(sid).emit_with_ack("room-question", &(value,), timeout);
        let gathered = asked.await.unwrap_or_default();
        let mut replies: Vec<Option<Value>> = gathered.decode().unwrap_or_default();
        (gathered.missing > 0, replies.pop().flatten())
    });
}

fn rooms(on: &mut Namespace) {
    on.on("room-leave-all", |socket: Socket, room: String, from: String| {
        let _ = socket.within(room).leave(from);
    });
    on.on("room-close", |socket: Socket, room: String| {
        let _ = socket.nsp().close_room(room);
    });
    on.on("local-emit", |socket: Socket, room: String, RawRest(args): RawRest| {
        let _ = socket.nsp().to(room).local().emit("room-msg", args);
    });
    on.on("emit-seq", |socket: Socket, room: String, n: u32| {
        let room = socket.within(room);
        for i in 0..n {
            let _ = room.emit("room-msg", &i);
        }
    });
}

fn servers(on: &mut Namespace, node: &str) {
    on.on("server-emit", |socket: Socket, message: EventMessage| {
        let sent = socket.nsp().server_emit("note", message.args());
        sent.err().map(|error| reason(&error))
    });
    on.on("server-ask", async |socket: Socket, value: Value| {
        match socket.nsp().server_ask("question", &(value,)).await {
            Ok(answered) => {
                let mut replies: Vec<Value> = answered.decode().unwrap_or_default();
                replies.sort_by_key(Value::to_string);
                (answered.missing.map(|missing| missing.to_string()), replies)
            }
            Err(error) => (Some(reason(&error)), Vec::new()),
        }
    });
    let name = node.to_owned();
    on.on_server_event("note", move |event: ServerEvent| {
        let args = event.raw_args();
        let json = preceded(&name, args.json());
        let here = event.io().local();
        let _ = here.emit("server-note", ArgsRef::from_valid(&json, args.attachments()));
    });
    let name = node.to_owned();
    on.on_server_event("question", move |event: ServerEvent| {
        let value = event.args::<Value>().unwrap_or_default();
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let _ = event.reply(&format!("{name}:{value}"));
    });
}

/// The arguments with one more in front.
fn preceded(first: &str, args: &str) -> String {
    let rest = args.trim_start_matches('[').trim_start();
    let comma = if rest == "]" { "" } else { "," };
    format!("[{}{comma}{rest}", json!(first))
}

const UNSUPPORTED: &str = "unsupported";

/// Why other servers were not asked, in short.
pub(crate) fn reason(error: &EmitError) -> String {
    if let EmitError::Bus(BusError::Unsupported(_)) = error {
        return UNSUPPORTED.into();
    }
    error.to_string()
}

/// The counters of the server for `GET /bus`, as JSON; `None` for a server that is alone.
pub(crate) fn counters(io: &Io) -> Option<String> {
    let counts = io.bus()?.counts();
    let counters = json!({
        "connected": counts.connected,
        "nodes": counts.nodes,
        "published": counts.published,
        "received": counts.received,
        "ignored": counts.ignored,
        "invalid": counts.invalid,
        "dropped": counts.dropped_full + counts.dropped_old + counts.dropped_broken,
        "queued": counts.queued,
        "queued_bytes": counts.queued_bytes,
        "reconnects": counts.reconnects,
        "pending": counts.pending,
        "refused": counts.refused,
        "lost": counts.lost,
        "bytes_in": counts.bytes_in,
        "bytes_out": counts.bytes_out,
        "answered": counts.answered,
        "answer_micros": micros(counts.answer_time),
        "slowest_answer_micros": micros(counts.slowest_answer),
        "last_error": counts.last_error.map(|error| error.text),
    });
    Some(counters.to_string())
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
