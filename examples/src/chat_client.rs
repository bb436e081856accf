//! The chat in a terminal: it talks to the page of the chat.

use sansocket_app::client::{AckError, Client, Reason, Socket, UrlError};
use serde::Deserialize;
use serde_json::Value;
use std::sync::{Arc, Mutex, PoisonError};

/// The room where a person is. A new connection goes there again.
#[derive(Clone, Debug)]
pub struct Room(Arc<Mutex<String>>);

#[derive(Deserialize)]
struct Said {
    author: String,
    text: String,
}

#[derive(Deserialize)]
struct Notice {
    text: String,
}

#[derive(Deserialize)]
struct Typing {
    name: String,
    typing: bool,
}

/// What `enter` is answered with.
#[derive(Deserialize)]
#[serde(untagged)]
enum Entered {
    Room { room: String, users: Vec<String>, history: Vec<Said> },
    Refused { error: String },
}

/// Makes the client of a person. It logs in each time it connects, and shows what happens.
///
/// # Errors
/// The part of the URL that cannot be used.
pub fn client(url: &str, name: String, room: Room) -> Result<Client, UrlError> {
    let mut client = Client::new(url)?;
    client.on_connect(async move |socket: Socket| {
        if let Err(error) = come_in(&socket, &name, &room).await {
            println!("* {error}");
        }
    });
    client.on("message", |said: Said| println!("{}: {}", said.author, said.text));
    client.on("notice", |notice: Notice| println!("* {}", notice.text));
    client.on("typing", |who: Typing| {
        if who.typing {
            println!("* {} is typing", who.name);
        }
    });
    client.on_disconnect(|reason: Reason| println!("* the connection is gone: {reason}"));
    Ok(client)
}

/// Takes a line of the person: a message, or `/room NAME`.
///
/// # Errors
/// Why the server did not answer.
pub async fn take(socket: &Socket, room: &Room, line: &str) -> Result<(), AckError> {
    if let Some(name) = line.strip_prefix("/room ") {
        room.set(name.trim());
        return enter(socket, name).await;
    }
    let said: Value = socket.call("say", line).await?;
    if let Some(error) = said["error"].as_str() {
        println!("* {error}");
    }
    Ok(())
}

async fn come_in(socket: &Socket, name: &str, room: &Room) -> Result<(), AckError> {
    socket.call::<Value>("login", &name).await?;
    enter(socket, &room.name()).await
}

/// Goes to a room, and shows who is there and what was said.
async fn enter(socket: &Socket, room: &str) -> Result<(), AckError> {
    match socket.call("enter", room).await? {
        Entered::Room { room, users, history } => {
            println!("* {room}: {}", users.join(", "));
            for Said { author, text } in history {
                println!("{author}: {text}");
            }
        }
        Entered::Refused { error } => println!("* {error}"),
    }
    Ok(())
}

impl Default for Room {
    fn default() -> Self {
        Self(Arc::new(Mutex::new("lobby".into())))
    }
}

impl Room {
    fn name(&self) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, name: &str) {
        name.clone_into(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}
