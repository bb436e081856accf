//! A chat: names, rooms, history and typing notices. The page is in `examples/chat`.
//!
//! The server already knows the people and their rooms: a name is the session of its client, and the rooms are
//! those of Socket.IO. The application itself only keeps the messages. Names are not unique: the `id`
//! of a message is that of its author's socket. Members of one room receive in the namespace
//! `/activity` that something was said in another.

use sansocket_app::{Ack, App, Config, Files, NamespaceIo, Socket, State};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// The application. `page` is the folder of the page.
#[must_use]
pub fn app(config: Config, page: &Path) -> App {
    let mut app = App::with_config(config);
    app.files(files(page));
    app.manage(Histories::default());
    app.on("login", login);
    app.on("enter", enter);
    app.on("say", say);
    app.on("typing", typing);
    app.on_disconnect(left);
    app.namespace(ACTIVITY);
    app
}

/// What is served: nothing of the folder but the page itself. When the library is missing the page
/// takes the one on the public CDN.
#[must_use]
pub fn files(page: &Path) -> Files {
    Files::new()
        .map("/", page.join("index.html"))
        .map("/style.css", page.join("style.css"))
        .map("/chat.js", page.join("chat.js"))
        .map("/socket.io.js", page.join("node_modules/socket.io-client/dist/socket.io.min.js"))
}

/// The session of a client that logged in.
#[derive(Clone)]
struct Name(String);

/// The messages of each room that has members.
#[derive(Default)]
struct Histories(Mutex<BTreeMap<String, VecDeque<Said>>>);

#[derive(Clone, Serialize)]
struct Said {
    author: String,
    id: String,
    text: String,
    time: u64,
}

#[derive(Serialize)]
struct Room {
    name: String,
    members: usize,
}

/// The namespace of `said(room)`.
const ACTIVITY: &str = "/activity";

/// Messages a room remembers.
const HISTORY: usize = 50;

/// Characters of a message.
const LONGEST: usize = 4000;

fn login(socket: Socket, name: String) -> Value {
    let Some(name) = trimmed(&name, 24) else {
        return error("a name has 1 to 24 characters");
    };
    socket.session().set(Name(name.clone()));
    json!({"ok": true, "id": socket.id(), "name": name})
}

/// Acknowledges before it tells others, so that the page knows its room when their news comes.
fn enter(socket: Socket, room: String, ack: Ack, histories: State<Histories>) {
    let (name, room, before) = match go(&socket, &room) {
        Ok(went) => went,
        Err(why) => return drop(ack.send(&error(why))),
    };
    let nsp = socket.nsp();
    let (users, rooms, history) = (users(&nsp, &room), rooms(&nsp), histories.of(&room));
    let entered = json!({"room": room, "users": users, "rooms": rooms, "history": history});
    // A client that has left receives nothing, here and below.
    let _ = ack.send(&entered);
    if let Some(before) = before {
        announce_left(&nsp, &before, &name, &histories);
    }
    let notice = json!({"text": format!("{name} joined"), "time": now()});
    let _ = socket.to(&room).emit("notice", &notice);
    tell_members(&nsp, &room);
}

/// Enters a room; returns the person, the room entered and the room left.
fn go(socket: &Socket, room: &str) -> Result<(String, String, Option<String>), &'static str> {
    let room = trimmed(room, 32).ok_or("a room name has 1 to 32 characters")?;
    let Name(name) = socket.session().get().ok_or("log in before you enter a room")?;
    let before = room_of(socket).filter(|before| *before != room);
    socket.join(&room).map_err(|_| "this room is somebody's own")?;
    if let Some(before) = &before {
        socket.leave(before);
    }
    Ok((name, room, before))
}

fn say(socket: Socket, text: String, histories: State<Histories>) -> Value {
    let Some(text) = trimmed(&text, LONGEST) else {
        return error("a message has 1 to 4000 characters");
    };
    let (Some(Name(author)), Some(room)) = (socket.session().get(), room_of(&socket)) else {
        return error("enter a room before you talk");
    };
    let said = Said { author, id: socket.id().into(), text, time: now() };
    histories.add(&room, said.clone());
    let _ = socket.to(&room).emit("message", &said);
    let _ = socket.io().of(ACTIVITY).emit("said", &room);
    json!({"ok": true, "time": said.time})
}

fn typing(socket: Socket, typing: bool) {
    if let (Some(Name(name)), Some(room)) = (socket.session().get(), room_of(&socket)) {
        // An old typing notice is worth nothing: it is not queued for slow readers.
        let notice = json!({"name": name, "typing": typing});
        let _ = socket.to(room).volatile().emit("typing", &notice);
    }
}

fn left(socket: Socket, rooms: Vec<Arc<str>>, histories: State<Histories>) {
    if let Some(Name(name)) = socket.session().get() {
        for room in rooms {
            announce_left(&socket.nsp(), &room, &name, &histories);
        }
    }
}

fn announce_left(nsp: &NamespaceIo, room: &str, name: &str, histories: &Histories) {
    let notice = json!({"text": format!("{name} left"), "time": now()});
    let _ = nsp.to(room).emit("notice", &notice);
    tell_members(nsp, room);
    histories.forget_empty(nsp, room);
}

/// Sends a room its members, and all clients the list of rooms.
fn tell_members(nsp: &NamespaceIo, room: &str) {
    let _ = nsp.to(room).emit("users", &users(nsp, room));
    let _ = nsp.emit("rooms", &rooms(nsp));
}

/// The one room a client is in.
fn room_of(socket: &Socket) -> Option<String> {
    socket.rooms().pop()
}

fn users(nsp: &NamespaceIo, room: &str) -> Vec<String> {
    let sockets = nsp.to(room).local().sockets();
    let name = |socket: &Socket| socket.session().read(|Name(name)| name.clone());
    let mut users: Vec<String> = sockets.iter().filter_map(name).collect();
    users.sort();
    users
}

fn rooms(nsp: &NamespaceIo) -> Vec<Room> {
    nsp.local().rooms().into_iter().map(|(name, members)| Room { name, members }).collect()
}

impl Histories {
    fn of(&self, room: &str) -> VecDeque<Said> {
        self.lock().get(room).cloned().unwrap_or_default()
    }

    fn add(&self, room: &str, said: Said) {
        let mut histories = self.lock();
        let history = histories.entry(room.to_owned()).or_default();
        history.push_back(said);
        if history.len() > HISTORY {
            history.pop_front();
        }
    }

    /// Counted under the lock: a message that arrives meanwhile gets a later number.
    fn forget_empty(&self, nsp: &NamespaceIo, room: &str) {
        let mut histories = self.lock();
        if nsp.to(room).local().count() == 0 {
            histories.remove(room);
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, VecDeque<Said>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The text without space around it, when its length is allowed.
fn trimmed(text: &str, most: usize) -> Option<String> {
    let text = text.trim();
    (1..=most).contains(&text.chars().count()).then(|| text.to_owned())
}

fn error(message: &str) -> Value {
    json!({"ok": false, "error": message})
}

/// Milliseconds since 1970, as JavaScript counts.
fn now() -> u64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
}
