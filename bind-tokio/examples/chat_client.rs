//! The chat in a terminal: it talks to the page of the example `chat`.
//!
//! `cargo run -p sansocket-tokio --example chat_client NAME [URL]`, with the address that `examples/chat/run` prints.
//! A line is a message; `/room NAME` goes to another room, and the end of the input ends the program.

use sansocket_tokio::client::{AckError, Client, Reason, Socket};
use serde::Deserialize;
use serde_json::Value;
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::mpsc;

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

/// Where the chat is, when no address is given.
const HERE: &str = "http://127.0.0.1:3000";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().ok_or("give a name, and perhaps the address of the chat")?;
    let mut client = Client::new(&arguments.next().unwrap_or_else(|| HERE.into()))?;

    // A new connection has to log in again, and goes to the room where the one before was.
    let room = Arc::new(Mutex::new("lobby".to_owned()));
    let current = room.clone();
    client.on_connect(async move |socket: Socket| -> Result<(), AckError> {
        socket.call::<Value>("login", &name).await?;
        let room = current.lock().unwrap_or_else(PoisonError::into_inner).clone();
        enter(&socket, &room).await
    });
    client.on("message", |Said { author, text }: Said| println!("{author}: {text}"));
    client.on("notice", |Notice { text }: Notice| println!("* {text}"));
    client.on("typing", |Typing { name, typing }: Typing| {
        if typing {
            println!("* {name} is typing");
        }
    });
    client.on_disconnect(|reason: Reason| println!("* the connection is gone: {reason}"));

    let socket = sansocket_tokio::connect(client).await?;
    let mut lines = lines();
    while let Some(line) = lines.recv().await {
        match line.strip_prefix("/room ") {
            Some(name) => {
                name.trim().clone_into(&mut room.lock().unwrap_or_else(PoisonError::into_inner));
                enter(&socket, name).await?;
            }
            None => {
                let said: Value = socket.call("say", &line).await?;
                if let Some(error) = said["error"].as_str() {
                    println!("* {error}");
                }
            }
        }
    }
    socket.disconnect().await;
    Ok(())
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

/// The lines of the standard input, which are read on a thread that the runtime does not wait for.
fn lines() -> mpsc::Receiver<String> {
    let (sender, lines) = mpsc::channel(1);
    std::thread::spawn(move || {
        let read = std::io::stdin().lines().map_while(Result::ok);
        let mut read = read.filter(|line| !line.trim().is_empty());
        while read.next().is_some_and(|line| sender.blocking_send(line).is_ok()) {}
    });
    lines
}
