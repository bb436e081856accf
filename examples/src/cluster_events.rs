//! What the contract server does for clients that look at a whole cluster.

use sansocket_app::{
    ArgsRef, Broadcast, EmitError, EventMessage, Io, Json, Namespace, RawRest, RemoteSocket,
    ServerEvent, Socket,
};
use sansocket_app::cluster::BusError;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
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
        let (error, mut found) = find(&target(&socket, room), |found| found.id().to_owned()).await;
        if error.as_deref() == Some(UNSUPPORTED) {
            found = ids_here(target(&socket, room));
        }
        found.sort();
        (error, found)
    });
    on.on("fetch-full", async |socket: Socket, room: Option<String>| {
        let (error, mut found) = find(&target(&socket, room), Described::of).await;
        found.sort_by(|one, other| one.id.cmp(&other.id));
        (error, Json(found))
    });
    on.on("all-rooms", async |socket: Socket| match socket.nsp().all_rooms().await {
        Ok(all) => {
            let mut rooms = all.rooms;
            rooms.sort();
            (all.missing.map(|missing| missing.to_string()), rooms)
        }
        Err(error) => (Some(reason(&error)), socket.nsp().local().rooms().into_keys().collect()),
    });
    on.on("set-data", |socket: Socket, value: Value| {
        let _ = socket.set_data(&value);
    });
}

/// The clients of a room, or of the whole namespace.
fn target(socket: &Socket, room: Option<String>) -> Broadcast {
    match room {
        Some(room) => socket.within(room),
        None => socket.nsp().everyone(),
    }
}

/// What is told of clients, and what stood in the way of the others.
async fn find<T>(
    clients: &Broadcast,
    describe: impl Fn(&RemoteSocket) -> T,
) -> (Option<String>, Vec<T>) {
    match clients.fetch_sockets().await {
        Ok(found) => {
            let error = found.missing.map(|missing| missing.to_string());
            (error, found.sockets.iter().map(describe).collect())
        }
        Err(error) => (Some(reason(&error)), Vec::new()),
    }
}

fn ids_here(clients: Broadcast) -> Vec<String> {
    clients.local().sockets().iter().map(|socket| socket.id().to_owned()).collect()
}

#[derive(Serialize)]
struct Described {
    id: String,
    rooms: Vec<String>,
    data: Option<Value>,
    auth: Option<Box<RawValue>>,
}

impl Described {
    fn of(client: &RemoteSocket) -> Self {
        let mut rooms: Vec<String> = client.rooms().iter().map(|room| room.to_string()).collect();
        rooms.sort();
        Self {
            id: client.id().to_owned(),
            rooms,
            data: client.data().ok(),
            auth: RawValue::from_string(client.auth_json().to_owned()).ok(),
        }
    }
}

fn clients(on: &mut Namespace) {
    on.on("sid-join", |socket: Socket, sid: String, room: String| {
        socket.within(sid).join(room);
    });
    on.on("sid-leave", |socket: Socket, sid: String, room: String| {
        socket.within(sid).leave(room);
    });
    on.on("sid-disconnect", |socket: Socket, sid: String| {
        socket.within(sid).disconnect();
    });
    on.on("sid-ask", async |socket: Socket, sid: String, ms: u64, value: Value| {
        let timeout = Duration::from_millis(ms);
        let asked = socket.within(sid).emit_with_ack("room-question", &(value,), timeout);
        let gathered = asked.await.unwrap_or_default();
        let reply: Option<Value> =
            gathered.acks.first().and_then(|args| args.decode::<(Value,)>().ok()).map(|(first,)| first);
        (gathered.missing > 0, reply)
    });
}

fn rooms(on: &mut Namespace) {
    on.on("room-leave-all", |socket: Socket, room: String, from: String| {
        socket.within(room).leave(from);
    });
    on.on("room-close", |socket: Socket, room: String| {
        socket.nsp().close_room(room);
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
                let replies = answered.replies.iter();
                let mut replies: Vec<Value> = replies
                    .filter_map(|args| args.decode::<(Value,)>().ok())
                    .map(|(reply,)| reply)
                    .collect();
                replies.sort_by_key(Value::to_string);
                (answered.missing.map(|missing| missing.to_string()), replies)
            }
            Err(error) => (Some(reason(&error)), Vec::new()),
        }
    });
    let name = node.to_owned();
    on.on_server_event("note", move |event: ServerEvent| {
        let args = event.raw();
        let json = preceded(&name, args.json());
        let here = event.nsp().local();
        let _ = here.emit("server-note", ArgsRef::from_valid(&json, args.attachments()));
    });
    let name = node.to_owned();
    on.on_server_event("question", move |event: ServerEvent| {
        let value = event.args::<(Value,)>().map_or(Value::Null, |(value,)| value);
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        event.reply(&format!("{name}:{value}"));
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
    match error {
        EmitError::Bus(BusError::Unsupported(_)) => UNSUPPORTED.into(),
        error => error.to_string(),
    }
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
        "dropped": counts.dropped_full + counts.dropped_old,
        "queued": counts.queued,
        "reconnects": counts.reconnects,
        "pending": counts.pending,
        "refused": counts.refused,
        "lost": counts.lost,
        "bytes_in": counts.bytes_in,
        "bytes_out": counts.bytes_out,
    });
    Some(counters.to_string())
}
