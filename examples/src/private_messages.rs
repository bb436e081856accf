//! Messages from person to person: a room per person, acknowledged delivery, a list of the people online,
//! and typing notices. The page is in `examples/private_messages`.
//!
//! A person with two tabs or two devices is in their room twice and receives everything in both.
//! The rooms know who is online, so the application keeps no list.

use sansocket_app::{App, Config, NamespaceIo, Refusal, Socket};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::time::Duration;

use crate::pages;

/// The application. Clients join with `{ auth: { name } }`.
#[must_use]
pub fn app(config: Config) -> App {
    let mut app = App::with_config(config);
    app.files(pages::files("private_messages"));
    app.on_connect(arrive);
    app.on("direct", direct);
    app.on("typing", typing);
    app.on_disconnect(leave);
    app
}

/// The auth payload, and the session that comes of it.
#[derive(Clone, Deserialize)]
struct Person {
    name: String,
}

#[derive(Serialize)]
struct Message<'a> {
    from: &'a str,
    to: &'a str,
    text: &'a str,
}

/// How long a tab has to acknowledge a message.
const DELIVERY: Duration = Duration::from_secs(5);

fn arrive(socket: Socket, person: Option<Person>) -> Result<(), Refusal> {
    let name = person.map(|person| person.name.trim().to_owned()).unwrap_or_default();
    if !(1..=24).contains(&name.chars().count()) {
        return Err(Refusal::new("a name has 1 to 24 characters"));
    }
    socket.join(room(&name)).map_err(|error| Refusal::new(error.to_string()))?;
    socket.session().set(Person { name });
    let people = people(&socket.nsp());
    // Broadcasts skip clients whose admission is pending.
    let _ = socket.emit("people", &people);
    let _ = socket.broadcast().emit("people", &people);
    Ok(())
}

/// Delivers a message to all tabs of a person, and acknowledges how many have it.
async fn direct(socket: Socket, to: String, text: String) -> Value {
    let Some(from) = name(&socket) else { return json!({"error": "say who you are"}) };
    let message = Message { from: &from, to: &to, text: &text };
    let asked = socket.within(room(&to)).emit_with_ack("direct", &message, DELIVERY);
    // The sender's other tabs show it too.
    let _ = socket.to(room(&from)).except(room(&to)).emit("direct", &message);
    match asked.await {
        Ok(gathered) if gathered.acks.is_empty() => {
            json!({"error": format!("{to} is not here")})
        }
        Ok(gathered) => json!({"delivered": gathered.acks.len()}),
        Err(error) => json!({"error": error.to_string()}),
    }
}

/// A notice that is late is worth nothing, so it is not kept for slow readers.
fn typing(socket: Socket, to: String, typing: bool) {
    if let Some(from) = name(&socket) {
        let _ = socket.to(room(&to)).volatile().emit("typing", &(from, typing));
    }
}

/// The client has left its rooms already.
fn leave(socket: Socket) {
    if let Some(name) = name(&socket)
        && socket.to(room(&name)).local().count() == 0
    {
        let _ = socket.nsp().emit("people", &people(&socket.nsp()));
    }
}

/// The people online, in order.
fn people(nsp: &NamespaceIo) -> Vec<String> {
    nsp.local()
        .rooms()
        .keys()
        .filter_map(|room| room.strip_prefix(ROOM))
        .map(str::to_owned)
        .collect()
}

fn name(socket: &Socket) -> Option<String> {
    socket.session().read(|person: &Person| person.name.clone())
}

fn room(name: &str) -> String {
    format!("{ROOM}{name}")
}

const ROOM: &str = "person:";
