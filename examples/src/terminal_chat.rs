//! The chat in a terminal: a client that talks to the people on the page.
//!
//! What is typed is said in the room; `/room NAME` goes to another one. When the connection is lost, the client
//! comes back, logs in again, and says what was typed meanwhile.

use sansocket_app::client::{AckError, Client, Reason, Socket, UrlError};
use sansocket_app::{BoxError, State};
use serde::Deserialize;
use serde_json::Value;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Who is at the terminal, and in which room.
#[derive(Clone)]
pub struct Terminal(Arc<Me>);

struct Me {
    name: String,
    room: Mutex<String>,
    show: Show,
}

/// Shows a line to the person at the terminal.
type Show = Box<dyn Fn(&str) + Send + Sync>;

#[derive(Deserialize)]
struct Said {
    author: String,
    text: String,
}

#[derive(Deserialize)]
struct Notice {
    text: String,
}

impl Terminal {
    /// Somebody who is going to enter a room. Lines are shown by `show`.
    pub fn new(name: &str, room: &str, show: impl Fn(&str) + Send + Sync + 'static) -> Self {
        let room = Mutex::new(room.to_owned());
        Self(Arc::new(Me { name: name.to_owned(), room, show: Box::new(show) }))
    }

    /// A client of the chat at `url`. It logs in and enters the room each time that it is connected.
    ///
    /// # Errors
    /// What of the URL cannot be used.
    pub fn client(&self, url: &str) -> Result<Client, UrlError> {
        let mut client = Client::new(url)?;
        client.manage(self.clone());
        client.on_connect(come).on_disconnect(lost);
        client.on("message", |said: Said, here: State<Self>| here.show(&shown(&said)));
        client.on("notice", |notice: Notice, here: State<Self>| {
            here.show(&format!("* {}", notice.text));
        });
        Ok(client)
    }

    /// Says line after line, until there are no more; waits on this thread.
    ///
    /// # Errors
    /// Why nothing can be said any more.
    pub fn talk(
        &self,
        socket: &Socket,
        lines: impl Iterator<Item = String>,
    ) -> Result<(), BoxError> {
        for line in lines.filter(|line| !line.trim().is_empty()) {
            let answer = match line.strip_prefix("/room ") {
                Some(room) => {
                    room.clone_into(&mut self.room());
                    socket.call::<Value>("enter", room)
                }
                None => socket.call("say", &line),
            };
            match answer.wait() {
                Ok(answer) => check(&answer)?,
                // It was on its way when the connection was lost.
                Err(AckError::Disconnected) => self.show(&format!("* perhaps not heard: {line}")),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn room(&self) -> MutexGuard<'_, String> {
        self.0.room.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn show(&self, line: &str) {
        (self.0.show)(line);
    }
}

async fn come(socket: Socket, here: State<Terminal>) -> Result<(), BoxError> {
    check(&socket.call("login", &here.0.0.name).await?)?;
    let room = here.room().clone();
    let entered: Value = socket.call("enter", &room).await?;
    check(&entered)?;
    let history: Vec<Said> = serde_json::from_value(entered["history"].clone())?;
    history.iter().for_each(|said| here.show(&shown(said)));
    here.show(&format!("* you are in {room}, with {}", entered["users"]));
    Ok(())
}

fn lost(reason: Reason, here: State<Terminal>) {
    if reason != Reason::ClientDisconnect {
        here.show(&format!("* the connection is lost: {reason}"));
    }
}

fn shown(said: &Said) -> String {
    format!("{}: {}", said.author, said.text)
}

/// The chat answers `ok: false` with an `error`, or what was asked for.
fn check(answer: &Value) -> Result<(), BoxError> {
    answer["error"].as_str().map_or(Ok(()), |error| Err(error.into()))
}
