//! A chat: names, rooms, history and typing notices. The page is in `examples/chat`.

use sansocket_app::{Ack, App, Bytes, Config, Io, Socket, http};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// The application. `page` is the folder of the page, `library` that of the JavaScript client.
#[must_use]
pub fn app(config: Config, page: &Path) -> App {
    let chat = Chat::default();
    let mut app = App::with_config(config);
    let files = Files::read(page);
    app.fallback(move |request: http::Request<Bytes>| files.answer(request.uri().path()));
    let state = chat.clone();
    app.on("login", move |socket: Socket, name: String| state.login(&socket, &name));
    let state = chat.clone();
    app.on("enter", move |socket: Socket, room: String, ack: Ack| state.enter(&socket, &room, ack));
    let state = chat.clone();
    app.on("say", move |socket: Socket, text: String| state.say(&socket, &text));
    let state = chat.clone();
    app.on("typing", move |socket: Socket, typing: bool| state.typing(&socket, typing));
    app.on_disconnect(move |socket: Socket| chat.left(&socket));
    app
}

/// Who is where and what was said. One lock, never held while anything is sent.
#[derive(Clone, Default)]
struct Chat(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// Names and rooms by socket id.
    people: HashMap<String, Person>,
    history: BTreeMap<String, VecDeque<Said>>,
}

#[derive(Clone)]
struct Person {
    name: String,
    room: Option<String>,
}

#[derive(Clone, Serialize)]
struct Said {
    author: String,
    text: String,
    time: u64,
}

#[derive(Serialize)]
struct Room {
    name: String,
    members: usize,
}

/// Messages a room remembers.
const HISTORY: usize = 50;

/// Characters of a message.
const LONGEST: usize = 4000;

impl Chat {
    fn login(&self, socket: &Socket, name: &str) -> Value {
        let Some(name) = trimmed(name, 24) else {
            return error("a name has 1 to 24 characters");
        };
        let person = Person { name: name.clone(), room: None };
        self.lock().people.insert(socket.id().to_owned(), person);
        json!({"ok": true, "id": socket.id(), "name": name})
    }

    /// Acknowledges before it tells others, so that the page knows its room when their news comes.
    fn enter(&self, socket: &Socket, room: &str, ack: Ack) {
        let (name, room, before) = match self.move_to(socket, room) {
            Ok(moved) => moved,
            Err(why) => return drop(ack.send(&error(why))),
        };
        if let Some(before) = before.as_ref().filter(|before| **before != room) {
            socket.leave(before);
        }
        let _ = socket.join(&room);
        let entered = {
            let state = self.lock();
            let history = state.history.get(&room).cloned().unwrap_or_default();
            let (users, rooms) = (state.users(&room), state.rooms());
            json!({"room": room, "users": users, "rooms": rooms, "history": history})
        };
        let _ = ack.send(&entered);
        if let Some(before) = before.filter(|before| *before != room) {
            self.announce(&socket.io(), &before, format!("{name} left"));
        }
        let notice = json!({"text": format!("{name} joined"), "time": now()});
        let _ = socket.to(&room).emit("notice", &notice);
        self.tell_members(&socket.io(), &room);
    }

    /// Notes that somebody goes to a room; who, where to, and where from.
    fn move_to(
        &self,
        socket: &Socket,
        room: &str,
    ) -> Result<(String, String, Option<String>), &'static str> {
        let room = trimmed(room, 32).ok_or("a room name has 1 to 32 characters")?;
        let mut state = self.lock();
        let person = state.people.get_mut(socket.id()).ok_or("log in before you enter a room")?;
        let before = person.room.replace(room.clone());
        Ok((person.name.clone(), room, before))
    }

    fn say(&self, socket: &Socket, text: &str) -> Value {
        let Some(text) = trimmed(text, LONGEST) else {
            return error("a message has 1 to 4000 characters");
        };
        let (room, said) = {
            let mut state = self.lock();
            let Some(Person { name, room: Some(room) }) = state.people.get(socket.id()).cloned()
            else {
                return error("enter a room before you talk");
            };
            let said = Said { author: name, text, time: now() };
            let history = state.history.entry(room.clone()).or_default();
            history.push_back(said.clone());
            if history.len() > HISTORY {
                history.pop_front();
            }
            (room, said)
        };
        let _ = socket.to(room).emit("message", &said);
        json!({"ok": true, "time": said.time})
    }

    fn typing(&self, socket: &Socket, typing: bool) {
        let person = self.lock().people.get(socket.id()).cloned();
        if let Some(Person { name, room: Some(room) }) = person {
            // An old typing notice is worth nothing: it is not queued for slow readers.
            let notice = json!({"name": name, "typing": typing});
            let _ = socket.to(room).volatile().emit("typing", &notice);
        }
    }

    fn left(&self, socket: &Socket) {
        let person = self.lock().people.remove(socket.id());
        if let Some(Person { name, room: Some(room) }) = person {
            self.announce(&socket.io(), &room, format!("{name} left"));
        }
    }

    /// Tells a room what happened in it, and who is in it now.
    fn announce(&self, io: &Io, room: &str, text: String) {
        let _ = io.to(room).emit("notice", &json!({"text": text, "time": now()}));
        self.tell_members(io, room);
    }

    /// Tells a room its members, and everybody the rooms.
    fn tell_members(&self, io: &Io, room: &str) {
        let (users, rooms) = {
            let mut state = self.lock();
            let users = state.users(room);
            if users.is_empty() {
                state.history.remove(room);
            }
            (users, state.rooms())
        };
        let _ = io.to(room).emit("users", &users);
        let _ = io.emit("rooms", &rooms);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn users(&self, room: &str) -> Vec<String> {
        let here = |person: &&Person| person.room.as_deref() == Some(room);
        let mut users: Vec<String> =
            self.people.values().filter(here).map(|person| person.name.clone()).collect();
        users.sort();
        users
    }

    fn rooms(&self) -> Vec<Room> {
        let mut members: BTreeMap<&str, usize> = BTreeMap::new();
        for room in self.people.values().filter_map(|person| person.room.as_deref()) {
            *members.entry(room).or_default() += 1;
        }
        members.into_iter().map(|(name, members)| Room { name: name.to_owned(), members }).collect()
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

/// The files of the page, read once.
struct Files(Vec<(&'static str, &'static str, Vec<u8>)>);

impl Files {
    fn read(page: &Path) -> Self {
        let library: PathBuf = page.join("node_modules/socket.io-client/dist/socket.io.min.js");
        let wanted = [
            ("/", "text/html; charset=utf-8", page.join("index.html")),
            ("/style.css", "text/css; charset=utf-8", page.join("style.css")),
            ("/chat.js", "text/javascript; charset=utf-8", page.join("chat.js")),
            ("/socket.io.js", "text/javascript; charset=utf-8", library),
        ];
        // A file that is missing is answered with 404: the page knows what to do without the library.
        let found = wanted
            .into_iter()
            .filter_map(|(path, kind, file)| Some((path, kind, std::fs::read(file).ok()?)));
        Self(found.collect())
    }

    fn answer(&self, path: &str) -> Option<http::Response<Vec<u8>>> {
        let (_, kind, content) = self.0.iter().find(|(known, ..)| *known == path)?;
        http::Response::builder().header("content-type", *kind).body(content.clone()).ok()
    }
}
