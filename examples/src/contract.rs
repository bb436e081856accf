//! The contract server: one handler for everything a client can ask of Socket.IO, so that real
//! clients of every language can be checked against every binding.

use sansocket_app::args::Decoder;
use sansocket_app::{
    Ack, App, ArgsRef, Bytes, Config, EventMessage, Json, Namespace, NoReply, Reason, Refusal,
    Socket, http,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Short times, so that clients need not wait long for timeouts.
#[must_use]
pub fn config() -> Config {
    let mut config = Config::default();
    config.ping_interval = Duration::from_secs(1);
    config.ping_timeout = Duration::from_secs(1);
    config.connect_timeout = Duration::from_secs(1);
    config.limits.packets_per_poll = 16;
    config
}

/// The application.
#[must_use]
pub fn app(config: Config) -> App {
    let mut app = App::with_config(config);
    app.fallback(|request: http::Request<Bytes>| {
        (request.uri().path() == "/health").then_some("ok")
    });
    for name in ["/", "/custom", "/unicode-ü世"] {
        handle(app.namespace(name).on_connect(welcome));
    }
    handle(app.namespace("/auth").on_connect(|socket: Socket| {
        let auth: Value = socket.auth().unwrap_or_default();
        if auth["token"] != "secret" {
            let data = serde_json::json!({"code": 401, "reason": "bad token"});
            return Err(Refusal::new("not authorized").with_data(&data));
        }
        welcome(socket);
        Ok(())
    }));
    handle(app.namespace("/slow").on_connect(async |socket: Socket| {
        socket.io().sleep(Duration::from_millis(300)).await;
        welcome(socket);
    }));
    let numbered = app.namespaces(|name| {
        let digits = name.strip_prefix("/dyn-");
        digits
            .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
    });
    handle(numbered.on_connect(welcome));
    app
}

/// Tells the client which auth payload arrived.
fn welcome(socket: Socket) {
    let auth = RawValue::from_string(socket.auth_json().to_owned());
    // A client that is gone already hears nothing, here and below.
    let _ = socket.emit("auth", &auth.ok());
}

fn handle(namespace: &mut Namespace) {
    let seen = Arc::new(Seen::default());
    echoes(namespace);
    questions(namespace);
    introspection(namespace, &seen);
    values(namespace);
    order(namespace, &seen);
    rooms(namespace);
    broadcasts(namespace);
    endings(namespace);
}

/// What the server remembers of clients.
#[derive(Default)]
struct Seen {
    reasons: Mutex<HashMap<String, Reason>>,
    numbers: Mutex<HashMap<String, Vec<u64>>>,
}

fn echoes(on: &mut Namespace) {
    on.on("message", |socket: Socket, message: EventMessage| {
        let _ = socket.emit_raw("message-back", message.args());
        NoReply
    });
    on.on("message-with-ack", |_: Socket, message: EventMessage, ack: Ack| {
        ack.send_raw(message.args());
    });
    on.on("no-args", |socket: Socket, message: EventMessage| {
        let _ = socket.emit_raw("no-args-back", message.args());
        NoReply
    });
    on.on("slow-ack", async |socket: Socket, ms: u64, value: Value| {
        socket.io().sleep(Duration::from_millis(ms)).await;
        value
    });
    on.on("never-ack", || NoReply);
}

fn questions(on: &mut Namespace) {
    on.on("request-question", |socket: Socket, message: EventMessage| {
        let timeout = millis(&message);
        let rest = without_first(&message, 1);
        let args = ArgsRef::from_valid(&rest, message.attachments());
        let asker = socket.clone();
        let _ = socket.emit_raw_then("question", args, timeout, move |reply| {
            let _ = match reply {
                Ok(args) => asker.emit_raw("answer", args.as_ref()),
                Err(_) => asker.emit("answer-timeout", &()),
            };
        });
        NoReply
    });
    on.on("room-ask", async |socket: Socket, room: String, ms: u64, value: Value| {
        let timeout = Duration::from_millis(ms);
        let all = socket.io().of(socket.namespace()).to(room);
        let gathered = all.emit_with_ack("room-question", &(value,), timeout).await;
        let gathered = gathered.unwrap_or_default();
        let mut replies: Vec<Option<Value>> = gathered.decode().unwrap_or_default();
        replies.sort_by_key(|reply| reply.as_ref().map(Value::to_string));
        (gathered.missing > 0, replies)
    });
}

fn introspection(on: &mut Namespace, seen: &Arc<Seen>) {
    on.on("whoami", |socket: Socket| Json(WhoAmI::of(&socket)));
    let reasons = seen.clone();
    on.on("disconnect-reason", move |sid: String| {
        lock(&reasons.reasons).get(&sid).map(|reason| reason.as_str())
    });
    let left = seen.clone();
    on.on_disconnect(move |socket: Socket, reason: Reason| {
        lock(&left.numbers).remove(socket.id());
        let mut reasons = lock(&left.reasons);
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
        let handshake = socket.handshake();
        let own = ["EIO", "transport", "t", "sid", "b64", "j"];
        let query = form_urlencoded::parse(handshake.query().as_bytes())
            .filter(|(key, _)| !own.contains(&&**key))
            .map(|(key, value)| (key.into_owned(), value.into_owned()))
            .collect();
        Self {
            sid: socket.id().to_owned(),
            nsp: socket.namespace().to_owned(),
            transport: socket.transport().unwrap_or("gone"),
            eio: 4,
            auth: RawValue::from_string(socket.auth_json().to_owned()).ok(),
            query,
            header: handshake.header("x-conf").map(str::to_owned),
        }
    }
}

fn values(on: &mut Namespace) {
    on.on("get-types", |socket: Socket| {
        let types = r#"[null,true,false,0,-1.5,9007199254740991,"s","",[],{},[1,[2,[3]]],{"a":{"b":{"c":[null,"x"]}}}]"#;
        let _ = socket.emit_raw("types", ArgsRef::from_valid(types, &[]));
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

fn order(on: &mut Namespace, seen: &Arc<Seen>) {
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
    let numbers = seen.clone();
    on.on("seq-in", move |socket: Socket, i: u64| {
        lock(&numbers.numbers).entry(socket.id().to_owned()).or_default().push(i);
    });
    let numbers = seen.clone();
    on.on("seq-check", move |socket: Socket| {
        let numbers = lock(&numbers.numbers).remove(socket.id()).unwrap_or_default();
        let in_order = numbers.iter().enumerate().all(|(k, &i)| k as u64 == i);
        (numbers.len(), in_order)
    });
}

fn rooms(on: &mut Namespace) {
    on.on("join", |socket: Socket, room: String| {
        let _ = socket.join(room);
        sorted(&socket)
    });
    on.on("leave", |socket: Socket, room: String| {
        socket.leave(room);
        sorted(&socket)
    });
    on.on("rooms", |socket: Socket| sorted(&socket));
    on.on("room-size", async |socket: Socket, room: String| {
        socket.io().of(socket.namespace()).to(room).sockets().await.len()
    });
    on.on("room-join-all", |socket: Socket, from: String, to: String| {
        socket.io().of(socket.namespace()).to(from).join(to);
    });
    on.on("room-disconnect", |socket: Socket, room: String| {
        socket.io().of(socket.namespace()).to(room).disconnect();
    });
}

fn sorted(socket: &Socket) -> Vec<String> {
    let mut rooms = socket.rooms();
    rooms.sort();
    rooms
}

fn broadcasts(on: &mut Namespace) {
    on.on("room-emit", |socket: Socket, message: EventMessage| {
        if let (Some(room), rest) = split::<String>(&message) {
            let all = socket.io().of(socket.namespace()).to(room);
            let _ = all.emit_raw("room-msg", ArgsRef::from_valid(&rest, message.attachments()));
        }
    });
    on.on("room-broadcast", |socket: Socket, message: EventMessage| {
        if let (Some(room), rest) = split::<String>(&message) {
            let args = ArgsRef::from_valid(&rest, message.attachments());
            let _ = socket.to(room).emit_raw("room-msg", args);
        }
    });
    on.on("rooms-emit", |socket: Socket, message: EventMessage| {
        if let (Some(rooms), rest) = split::<Vec<String>>(&message) {
            let all = socket.io().of(socket.namespace()).all();
            let union = rooms.iter().fold(all, |to, room| to.to(room));
            let _ = union.emit_raw("room-msg", ArgsRef::from_valid(&rest, message.attachments()));
        }
    });
    on.on("room-emit-except", |socket: Socket, message: EventMessage| {
        let mut args = Decoder::new(message.json(), message.attachments());
        if let (Ok(Some(room)), Ok(Some(except))) = (args.read::<String>(), args.read::<String>()) {
            let rest = without_first(&message, 2);
            let all = socket.io().of(socket.namespace()).to(room).except(except);
            let _ = all.emit_raw("room-msg", ArgsRef::from_valid(&rest, message.attachments()));
        }
    });
    on.on("broadcast", |socket: Socket, message: EventMessage| {
        let _ = socket.broadcast().emit_raw("broadcast-msg", message.args());
    });
    on.on("emit-all", |socket: Socket, message: EventMessage| {
        let all = socket.io().of(socket.namespace()).all();
        let _ = all.emit_raw("broadcast-msg", message.args());
    });
    on.on("to-sid", |socket: Socket, message: EventMessage| {
        if let (Some(sid), rest) = split::<String>(&message) {
            let one = socket.io().of(socket.namespace()).to(sid);
            let _ = one.emit_raw("direct-msg", ArgsRef::from_valid(&rest, message.attachments()));
        }
    });
    on.on("volatile", |socket: Socket, message: EventMessage| {
        let _ = socket.emit_raw_volatile("volatile-msg", message.args());
    });
}

fn endings(on: &mut Namespace) {
    on.on("disconnect-me", |socket: Socket, close: bool| {
        if close {
            socket.disconnect_all()
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

/// The first argument, and the array of the others.
fn split<T: for<'a> Deserialize<'a>>(message: &EventMessage) -> (Option<T>, String) {
    let mut args = Decoder::new(message.json(), message.attachments());
    (args.read().ok().flatten(), without_first(message, 1))
}

fn millis(message: &EventMessage) -> Duration {
    let mut args = Decoder::new(message.json(), message.attachments());
    Duration::from_millis(args.read().ok().flatten().unwrap_or_default())
}

/// The array of arguments without the first `n`, as it was written.
fn without_first(message: &EventMessage, n: usize) -> String {
    let all: Vec<&RawValue> = serde_json::from_str(message.json()).unwrap_or_default();
    let rest: Vec<&str> = all.iter().skip(n).map(|raw| raw.get()).collect();
    format!("[{}]", rest.join(","))
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
