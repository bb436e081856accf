//! Authorization: tokens, roles, refusals with a reason, and disconnecting a user. The page is in
//! `examples/auth`.

use sansocket_app::{App, Config, Io, NoReply, Refusal, Socket, State};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::HashMap;

use crate::pages;

/// The application, with two users: `ann` (token `ann-secret`), who is an administrator, and `bob`
/// (token `bob-secret`).
#[must_use]
pub fn app(config: Config) -> App {
    let mut app = App::with_config(config);
    app.files(pages::files("auth"));
    app.manage(Tokens::default());
    app.namespace("/").middleware(authenticate).on_connect(welcome);
    app.on("whoami", |socket: Socket| socket.session::<User>().get());
    app.on("logout", |socket: Socket| {
        socket.disconnect();
        NoReply
    });
    let admin = app.namespace("/admin").middleware(authenticate).middleware(only_administrators);
    admin.on("users", users);
    admin.on("throw-out", throw_out);
    app
}

/// The session of a client: its identity. Every namespace has its own.
#[derive(Clone, Debug, Serialize)]
pub struct User {
    /// The name.
    pub name: String,
    /// What it may do.
    pub role: Role,
}

/// What a user may do.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Join `/admin`.
    Administrator,
    /// Join `/`.
    Guest,
}

/// The auth payload.
#[derive(Deserialize)]
struct Credentials {
    token: String,
}

/// Whose token is which. In earnest these are sessions of your website or signed tokens; a handler
/// that has to ask a database is async.
struct Tokens {
    users: HashMap<&'static str, User>,
}

impl Default for Tokens {
    fn default() -> Self {
        let user = |name: &str, role| User { name: name.into(), role };
        let users = HashMap::from([
            ("ann-secret", user("ann", Role::Administrator)),
            ("bob-secret", user("bob", Role::Guest)),
        ]);
        Self { users }
    }
}

/// Runs before the connect handler, and stores the identity in the session.
fn authenticate(
    socket: Socket,
    credentials: Option<Credentials>,
    tokens: State<Tokens>,
) -> Result<(), Refusal> {
    let Some(Credentials { token }) = credentials else {
        return Err(refusal(401, "send a token as { auth: { token } }"));
    };
    let user = tokens.users.get(&*token).ok_or_else(|| refusal(401, "nobody has this token"))?;
    socket.session().set(user.clone());
    Ok(())
}

fn only_administrators(socket: Socket) -> Result<(), Refusal> {
    match socket.session().read(|user: &User| user.role) {
        Some(Role::Administrator) => Ok(()),
        Some(Role::Guest) | None => Err(refusal(403, "only administrators may come in here")),
    }
}

/// What the `connect_error` of the client shows as `message` and `data`.
fn refusal(code: u16, reason: &str) -> Refusal {
    Refusal::new("not authorized").with_data(&json!({"code": code, "reason": reason}))
}

/// A room per user: whatever is sent there reaches all their tabs and devices.
fn welcome(socket: Socket) -> Result<(), Refusal> {
    let user: User = socket.session().get().ok_or_else(Refusal::default)?;
    socket.join(room(&user.name)).map_err(|error| Refusal::new(error.to_string()))?;
    // A client that has left receives nothing.
    let _ = socket.emit("welcome", &(user,));
    Ok(())
}

/// The names of those in `/`, each with the number of their connections.
fn users(io: Io) -> Vec<(String, usize)> {
    let rooms = io.local().rooms().into_iter();
    rooms.filter_map(|(room, size)| Some((room.strip_prefix(ROOM)?.to_owned(), size))).collect()
}

/// Ends all connections of a user, and returns how many there were.
fn throw_out(io: Io, name: String) -> usize {
    let all = io.to(room(&name));
    let count = all.clone().local().count();
    // This reaches them before the end does.
    let _ = all.emit("thrown-out", &());
    let _ = all.disconnect_and_close();
    count
}

fn room(name: &str) -> String {
    format!("{ROOM}{name}")
}

const ROOM: &str = "user:";
