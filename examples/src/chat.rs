//! A chat: names, rooms, history and typing notices. The page is in `examples/chat`.
//!
//! The server already knows the people and their rooms: a name is the session of its client, and the rooms are
//! those of Socket.IO. The application itself only keeps the messages. Names are not unique: the `id`
//! of a message is that of its author's socket. Members of one room receive in the namespace
//! `/activity` that something was said in another.
//!
//! In a cluster, events reach the clients of all servers by themselves. What a server has to know about the others is
//! in `chat/others.rs`.

mod others;

use sansocket_app::{Ack, App, Config, Files, Io, Socket, State};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::bus::Bus;
use others::Others;

/// The application on a server that is alone. `page` is the folder of the page.
#[must_use]
pub fn app(config: Config, page: &Path) -> App {
    Chat::new(&Bus::default()).app(config, page)
}

/// The chat on one server.
#[derive(Default)]
pub struct Chat {
    bus: Bus,
    histories: Histories,
    others: Others,
}

impl Chat {
    /// Makes the chat for a server in the cluster that `bus` names, or for one that is alone.
    #[must_use]
    pub fn new(bus: &Bus) -> Arc<Self> {
        Arc::new(Self { bus: bus.clone(), ..Self::default() })
    }

    /// The application. `page` is the folder of the page.
    ///
    /// Ends the process with a message when the command line names no cluster that can be.
    #[must_use]
    pub fn app(self: &Arc<Self>, mut config: Config, page: &Path) -> App {
        config.node = self.server().map(|name| {
            name.parse().unwrap_or_else(|error| {
                eprintln!("--node: {error}");
                std::process::exit(2);
            })
        });
        let mut app = App::with_config(config);
        self.bus.join(&mut app);
        app.files(files(page));
        app.manage_shared(self.clone());
        app.on("login", login);
        app.on("enter", enter);
        app.on("say", say);
        app.on("typing", typing);
        app.on_disconnect(left);
        app.namespace(ACTIVITY);
        if self.server().is_some() {
            app.namespace(others::NAMESPACE);
        }
        app
    }

    /// The name of this server, when it is in a cluster.
    fn server(&self) -> Option<&str> {
        self.bus.url.is_some().then_some(self.bus.node.as_str())
    }

    /// The names of the members of a room.
    fn users(&self, io: &Io, room: &str) -> Vec<String> {
        let sockets = io.local().to(room).sockets();
        let mut users: Vec<String> = sockets.iter().filter_map(name_of).collect();
        users.extend(self.others.users(room));
        users.sort();
        users
    }

    fn rooms(&self, io: &Io) -> Vec<Room> {
        let mut rooms = io.local().rooms();
        for room in self.others.rooms() {
            *rooms.entry(room).or_default() += 1;
        }
        rooms.into_iter().map(|(name, members)| Room { name, members }).collect()
    }

    fn announce_left(&self, io: &Io, room: &str, name: &str) {
        let _ = io.to(room).emit("notice", &notice_that_left(name));
        self.tell_members(io, room);
        self.tell_others(io);
    }

    /// Sends a room its members, and all clients the list of rooms. Each server does so for its own clients.
    fn tell_members(&self, io: &Io, room: &str) {
        let _ = io.local().to(room).emit("users", &self.users(io, room));
        let _ = io.local().emit("rooms", &self.rooms(io));
        self.histories.forget(room, || self.users(io, room).is_empty());
    }
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

#[derive(Clone, Deserialize, Serialize)]
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

fn login(socket: Socket, name: String, chat: State<Chat>) -> Value {
    let Some(name) = trimmed(&name, 24) else {
        return error("a name has 1 to 24 characters");
    };
    socket.session().set(Name(name.clone()));
    json!({"ok": true, "id": socket.id(), "name": name, "server": chat.server()})
}

/// Acknowledges before it tells others, so that the page knows its room when their news comes.
fn enter(socket: Socket, room: String, ack: Ack, chat: State<Chat>) {
    let (name, room, before) = match go(&socket, &room) {
        Ok(went) => went,
        Err(why) => return drop(ack.send(&error(why))),
    };
    let io = socket.io();
    let (users, rooms) = (chat.users(&io, &room), chat.rooms(&io));
    let history = chat.histories.of(&room);
    let entered = json!({"room": room, "users": users, "rooms": rooms, "history": history});
    // A client that has left receives nothing, here and below.
    let _ = ack.send(&entered);
    if let Some(before) = before {
        chat.announce_left(&io, &before, &name);
    }
    let notice = json!({"text": format!("{name} joined"), "time": now()});
    let _ = socket.to(&room).emit("notice", &notice);
    chat.tell_members(&io, &room);
    chat.tell_others(&io);
}

/// Enters a room; returns the person, the room entered and the room left.
fn go(socket: &Socket, room: &str) -> Result<(String, String, Option<String>), &'static str> {
    let room = trimmed(room, 32).ok_or("a room name has 1 to 32 characters")?;
    let name = name_of(socket).ok_or("log in before you enter a room")?;
    let before = room_of(socket).filter(|before| *before != room);
    socket.join(&room).map_err(|_| "this room is somebody's own")?;
    if let Some(before) = &before {
        socket.leave(before);
    }
    Ok((name, room, before))
}

fn say(socket: Socket, text: String, chat: State<Chat>) -> Value {
    let Some(text) = trimmed(&text, LONGEST) else {
        return error("a message has 1 to 4000 characters");
    };
    let (Some(author), Some(room)) = (name_of(&socket), room_of(&socket)) else {
        return error("enter a room before you talk");
    };
    let said = Said { author, id: socket.id().into(), text, time: now() };
    chat.histories.add(&room, said.clone());
    let _ = socket.to(&room).emit("message", &said);
    let _ = socket.io().of(ACTIVITY).emit("said", &room);
    let answer = json!({"ok": true, "time": said.time});
    chat.tell_others_what_was_said(&socket.io(), room, said);
    answer
}

fn typing(socket: Socket, typing: bool) {
    if let (Some(name), Some(room)) = (name_of(&socket), room_of(&socket)) {
        // An old typing notice is worth nothing: it is not queued for slow readers.
        let notice = json!({"name": name, "typing": typing});
        let _ = socket.to(room).volatile().emit("typing", &notice);
    }
}

fn left(socket: Socket, rooms: Vec<Arc<str>>, chat: State<Chat>) {
    if let Some(name) = name_of(&socket) {
        for room in rooms {
            chat.announce_left(&socket.io(), &room, &name);
        }
    }
}

fn notice_that_left(name: &str) -> Value {
    json!({"text": format!("{name} left"), "time": now()})
}

fn name_of(socket: &Socket) -> Option<String> {
    socket.session().read(|Name(name)| name.clone())
}

/// The one room a client is in.
fn room_of(socket: &Socket) -> Option<String> {
    socket.rooms().pop()
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

    /// Forgets a room without members. They are counted under the lock: a message that arrives meanwhile is counted
    /// after them.
    fn forget(&self, room: &str, is_empty: impl FnOnce() -> bool) {
        let mut histories = self.lock();
        if is_empty() {
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
