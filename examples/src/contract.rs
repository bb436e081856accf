//! The contract server: one handler for everything a client can ask of Socket.IO, so that real
//! clients of every language can be checked against every binding.

use sansocket_app::args::Decoder;
use sansocket_app::{
    Ack, App, ArgsRef, Bytes, Config, EventMessage, Io, Json, Namespace, NoReply, RawRest, Reason,
    Refusal, Socket, http,
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::bus::Bus;
use crate::cluster_events;
use crate::replies::Replies;

/// Short times, so that clients need not wait long for timeouts. Clients of Socket.IO 2 are let in.
#[must_use]
pub fn config() -> Config {
    let mut config = Config::default();
    config.allow_eio3 = true;
    config.ping_interval = Duration::from_secs(1);
    config.ping_timeout = Duration::from_secs(1);
    config.connect_timeout = Duration::from_secs(1);
    config.limits.packets_per_poll = 16;
    config
}

/// The application, with a path that says it is there, and one for the counters of the message queue.
///
/// Ends the process with a message when the URL of the message queue makes no sense.
#[must_use]
pub fn app(config: Config, bus: &Bus) -> App {
    let mut app = events(config, bus);
    app.fallback(|request: http::Request<Bytes>| match request.uri().path() {
        "/health" => Some("ok".to_owned()),
        "/bus" => request.extensions().get().and_then(cluster_events::counters),
        _ => None,
    });
    app
}

/// The application in front of a service that answers all plain requests.
///
/// Ends the process with a message when the URL of the message queue makes no sense.
#[must_use]
pub fn events(config: Config, bus: &Bus) -> App {
    let mut app = App::with_config(config);
    let node = bus.join(&mut app);
    for name in ["/", "/custom", "/unicode-ü世", "/g[ab]", "/glob*", "/glob-x"] {
        handle(app.namespace(name).on_connect(welcome), node);
    }
    handle(app.namespace("/auth").middleware(authorize).on_connect(welcome), node);
    let wait = async |io: Io| io.sleep(Duration::from_millis(300)).await;
    handle(app.namespace("/slow").middleware(wait).on_connect(welcome), node);
    let numbered = app.namespaces(|name| {
        let digits = name.strip_prefix("/dyn-");
        digits
            .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
    });
    handle(numbered.on_connect(welcome), node);
    app
}

fn authorize(auth: Option<Value>) -> Result<(), Refusal> {
    if auth.is_some_and(|auth| auth["token"] == "secret") {
        return Ok(());
    }
    let data = json!({"code": 401, "reason": "bad token"});
    Err(Refusal::new("not authorized").with_data(&data))
}

/// Tells the client which auth payload arrived.
fn welcome(socket: Socket) {
    let auth = RawValue::from_string(socket.auth_json().to_owned());
    // A client that has left receives nothing, here and below.
    let _ = socket.emit("auth", &auth.ok());
}

/// Adds all handlers; those of clusters for a server with a name in one.
fn handle(namespace: &mut Namespace, node: Option<&str>) {
    echoes(namespace);
    questions(namespace);
    introspection(namespace);
    values(namespace);
    order(namespace);
    rooms(namespace);
    broadcasts(namespace);
    endings(namespace);
    if let Some(node) = node {
        cluster_events::handle(namespace, node);
    }
}

fn echoes(on: &mut Namespace) {
    on.on("message", |socket: Socket, message: EventMessage| {
        let _ = socket.emit("message-back", message.args());
        NoReply
    });
    on.on("message-with-ack", |_: Socket, message: EventMessage, ack: Ack| {
        let _ = ack.send(message.args());
    });
    on.on("no-args", |socket: Socket, message: EventMessage| {
        let _ = socket.emit("no-args-back", message.args());
        NoReply
    });
    on.on("slow-ack", async |socket: Socket, ms: u64, value: Value| {
        socket.io().sleep(Duration::from_millis(ms)).await;
        value
    });
    on.on("never-ack", || NoReply);
}

fn questions(on: &mut Namespace) {
    on.on("request-question", |socket: Socket, ms: u64, RawRest(args): RawRest| {
        let asker = socket.clone();
        let timeout = Duration::from_millis(ms);
        let _ = socket.emit_then("question", args, timeout, move |reply| {
            let _ = match reply {
                Ok(args) => asker.emit("answer", args),
                Err(_) => asker.emit("answer-timeout", &()),
            };
        });
        NoReply
    });
    on.on("room-ask", async |socket: Socket, room: String, ms: u64, value: Value, ack: Ack| {
        let timeout = Duration::from_millis(ms);
        let asked = socket.within(room).emit_with_ack("room-question", &(value,), timeout);
        match asked.await {
            Ok(gathered) => {
                Replies::of(&gathered.acks).send(ack, &json!(gathered.missing > 0));
            }
            // Other servers cannot be asked.
            Err(error) => Replies::default().send(ack, &json!(cluster_events::reason(&error))),
        }
        NoReply
    });
}

fn introspection(on: &mut Namespace) {
    on.on("whoami", |socket: Socket| Json(WhoAmI::of(&socket)));
    // Of one namespace, so it is no state of the application.
    let reasons = Arc::new(Mutex::new(HashMap::<String, Reason>::new()));
    let known = reasons.clone();
    on.on("disconnect-reason", move |sid: String| {
        lock(&known).get(&sid).map(|reason| reason.as_str())
    });
    on.on_disconnect(move |socket: Socket, reason: Reason| {
        let mut reasons = lock(&reasons);
        if reasons.len() >= REMEMBERED {
            reasons.clear();
        }
        reasons.insert(socket.id().to_owned(), reason);
    });
}

/// Reasons kept before all are forgotten.
const REMEMBERED: usize = 100_000;

#[derive(Serialize)]
struct WhoAmI {
    sid: String,
    nsp: String,
    transport: &'static str,
    eio: u8,
    auth: Option<Box<RawValue>>,
    query: HashMap<String, String>,
    header: Option<String>,
}

impl WhoAmI {
    fn of(socket: &Socket) -> Self {
        let own = ["EIO", "transport", "t", "sid", "b64", "j"];
        let query = form_urlencoded::parse(socket.handshake().query().as_bytes())
            .filter(|(key, _)| !own.contains(&&**key))
            .map(|(key, value)| (key.into_owned(), value.into_owned()))
            .collect();
        Self {
            sid: socket.id().to_owned(),
            nsp: socket.namespace().to_owned(),
            transport: socket.transport().unwrap_or("gone"),
            eio: socket.handshake().revision(),
            auth: RawValue::from_string(socket.auth_json().to_owned()).ok(),
            query,
            header: socket.header("x-conf").map(str::to_owned),
        }
    }
}

fn values(on: &mut Namespace) {
    on.on("get-types", |socket: Socket| {
        let types = r#"[null,true,false,0,-1.5,9007199254740991,"s","",[],{},[1,[2,[3]]],{"a":{"b":{"c":[null,"x"]}}}]"#;
        let _ = socket.emit("types", ArgsRef::from_valid(types, &[]));
    });
    on.on("get-binary", |socket: Socket, n: usize| {
        let _ = socket.emit("binary", &pattern(n));
    });
    on.on("get-binary-nested", |socket: Socket| {
        let nested = Nested {
            name: "n",
            parts: (pattern(3), Inner { inner: pattern(5) }),
            empty: Bytes::new(),
        };
        let _ = socket.emit("binary-nested", &(nested, "tail", pattern(2)));
    });
    on.on("binary-sizes", |_: Socket, message: EventMessage, ack: Ack| {
        let sizes: Vec<usize> = leaves(message.json())
            .filter_map(|leaf| message.attachments().get(leaf).map(Bytes::len))
            .collect();
        let _ = ack.send(&sizes);
    });
    on.on("length", |_: Socket, message: EventMessage, ack: Ack| {
        let mut args = Decoder::new(message.json(), message.attachments());
        let length = match message.attachments().first() {
            Some(bytes) => Some(bytes.len()),
            None => args.read::<String>().ok().flatten().map(|text| text.len()),
        };
        let _ = ack.send(&(length,));
    });
    on.on("get-string", |n: usize| "x".repeat(n.min(MOST)));
    on.on("get-bytes", pattern);
}

/// More than this is not generated, whatever a client asks for.
const MOST: usize = 8_000_000;

/// The binary value whose byte i is i mod 251.
fn pattern(n: usize) -> Bytes {
    (0..251u8).cycle().take(n.min(MOST)).collect()
}

#[derive(Serialize)]
struct Nested {
    name: &'static str,
    parts: (Bytes, Inner),
    empty: Bytes,
}

#[derive(Serialize)]
struct Inner {
    inner: Bytes,
}

/// The numbers of the placeholders in `json`, in document order.
fn leaves(json: &str) -> impl Iterator<Item = usize> {
    #[derive(Deserialize)]
    struct Placeholder {
        #[serde(rename = "_placeholder")]
        placeholder: bool,
        num: usize,
    }
    json.match_indices('{').filter_map(move |(at, _)| {
        let mut objects =
            serde_json::Deserializer::from_str(&json[at..]).into_iter::<Placeholder>();
        let found = objects.next()?.ok()?;
        found.placeholder.then_some(found.num)
    })
}

fn order(on: &mut Namespace) {
    on.on("burst", |socket: Socket, n: u32| {
        for i in 0..n {
            let _ = socket.emit("seq", &i);
        }
    });
    on.on("burst-mixed", |socket: Socket, n: u32| {
        for i in 0..n {
            let _ = match i % 3 {
                0 => socket.emit("seq-mixed", &(i, pattern(i as usize % 7 + 1))),
                _ => socket.emit("seq-mixed", &(i, format!("t{i}"))),
            };
        }
    });
    on.on("seq-in", |socket: Socket, i: u64| {
        socket.session().update(|Numbers(numbers)| numbers.push(i));
    });
    on.on("seq-check", |socket: Socket| {
        let Numbers(numbers) = socket.session().take().unwrap_or_default();
        let in_order = numbers.iter().zip(0..).all(|(&i, k)| i == k);
        (numbers.len(), in_order)
    });
}

/// The session of a client whose order is checked.
#[derive(Default)]
struct Numbers(Vec<u64>);

fn rooms(on: &mut Namespace) {
    on.on("join", async |socket: Socket, room: String| {
        let _ = socket.join(room);
        // What others send next to the room arrives.
        if let Some(bus) = socket.io().bus() {
            bus.settled().await;
        }
        sorted(&socket)
    });
    on.on("leave", |socket: Socket, room: String| {
        socket.leave(room);
        sorted(&socket)
    });
    on.on("rooms", |socket: Socket| sorted(&socket));
    on.on("room-size", async |socket: Socket, room: String| {
        let room = socket.within(room);
        match room.fetch_sockets().await {
            Ok(found) => found.sockets.len(),
            Err(_) => room.local().count(),
        }
    });
    on.on("room-join-all", |socket: Socket, from: String, to: String| {
        let _ = socket.within(from).join(to);
    });
    on.on("room-disconnect", |socket: Socket, room: String| {
        let _ = socket.within(room).disconnect();
    });
}

fn sorted(socket: &Socket) -> Vec<String> {
    let mut rooms = socket.rooms();
    rooms.sort();
    rooms
}

fn broadcasts(on: &mut Namespace) {
    on.on("room-emit", |socket: Socket, room: String, RawRest(args): RawRest| {
        let _ = socket.within(room).emit("room-msg", args);
    });
    on.on("room-broadcast", |socket: Socket, room: String, RawRest(args): RawRest| {
        let _ = socket.to(room).emit("room-msg", args);
    });
    on.on("rooms-emit", |socket: Socket, rooms: Vec<String>, RawRest(args): RawRest| {
        let _ = socket.within(rooms).emit("room-msg", args);
    });
    on.on(
        "room-emit-except",
        |socket: Socket, room: String, except: String, RawRest(args): RawRest| {
            let _ = socket.within(room).except(except).emit("room-msg", args);
        },
    );
    on.on("broadcast", |socket: Socket, message: EventMessage| {
        let _ = socket.broadcast().emit("broadcast-msg", message.args());
    });
    on.on("emit-all", |socket: Socket, message: EventMessage| {
        let _ = socket.nsp().emit("broadcast-msg", message.args());
    });
    on.on("to-sid", |socket: Socket, sid: String, RawRest(args): RawRest| {
        let _ = socket.within(sid).emit("direct-msg", args);
    });
    on.on("volatile", |socket: Socket, message: EventMessage| {
        let _ = socket.emit_volatile("volatile-msg", message.args());
    });
}

fn endings(on: &mut Namespace) {
    on.on("disconnect-me", |socket: Socket, close: bool| {
        if close {
            socket.disconnect_and_close()
        } else {
            socket.disconnect()
        }
        NoReply
    });
    on.on("drop-transport", |socket: Socket| {
        socket.close_transport();
        NoReply
    });
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
