use sansocket_tokio::{App, BoxError, EmitError, Files, Reason, Refusal, Server, Socket};
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;

/// What a client says when it connects.
#[derive(Deserialize)]
struct Login {
    name: String,
    password: String,
}

/// What the server remembers of a client while it is here.
#[derive(Clone)]
struct Guest {
    name: String,
}

fn app() -> App {
    let mut app = App::new();
    app.files(Files::new().map("/", "public"));
    app.on_connect(enter).on_disconnect(left);
    app.on("join", join).on("say", say);
    app
}

fn enter(socket: Socket, login: Login) -> Result<(), Refusal> {
    if login.password != "tea" {
        return Err(Refusal::new("wrong password"));
    }
    socket.session().set(Guest { name: login.name });
    Ok(())
}

/// Returns the people present already.
fn join(socket: Socket, room: String) -> Result<Vec<String>, BoxError> {
    let others = socket.to(&room).local().sockets();
    socket.join(&room)?;
    socket.to(&room).emit("joined", &(&room, name(&socket)))?;
    Ok(others.iter().map(name).collect())
}

/// Returns how many heard it; nothing when the speaker is not in the room.
fn say(socket: Socket, room: String, text: String) -> Result<Option<usize>, EmitError> {
    if !socket.rooms().contains(&room) {
        return Ok(None);
    }
    let others = socket.to(&room);
    others.emit("said", &(&room, name(&socket), text))?;
    Ok(Some(others.local().count()))
}

fn left(socket: Socket, reason: Reason, rooms: Vec<Arc<str>>) {
    println!("{} left: {reason}", name(&socket));
    let _ = socket.io().to(rooms).emit("left", &name(&socket));
}

fn name(socket: &Socket) -> String {
    socket.session::<Guest>().get().map(|guest| guest.name).unwrap_or_default()
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let server = Server::new(app());
    let ticking = server.io();
    server.io().spawn(async move {
        loop {
            ticking.sleep(Duration::from_secs(10)).await;
            let _ = ticking.volatile().emit("here", &ticking.local().count());
        }
    });
    println!("open http://127.0.0.1:5000");
    server.run().await
}

#[cfg(test)]
mod tests {
    use super::*;
    use sansocket_tokio::test::{TestClient, TestServer};
    use serde_json::json;

    fn guest(server: &TestServer, name: &str) -> TestClient {
        let login = json!({"name": name, "password": "tea"});
        server.client().auth(&login).connect().expect("the password is right")
    }

    #[test]
    fn a_room_hears_what_is_said_in_it() {
        let server = TestServer::new(app());
        let (ann, bob) = (guest(&server, "Ann"), guest(&server, "Bob"));
        assert_eq!(ann.call("join", "kitchen"), Ok(Vec::<String>::new()));
        assert_eq!(bob.call("join", "kitchen"), Ok(vec!["Ann".to_owned()]));
        assert_eq!(bob.call("say", &("kitchen", "Hello!")), Ok(Some(1)));
        let (room, who, text): (String, String, String) = ann.expect("said");
        assert_eq!((&*room, &*who, &*text), ("kitchen", "Bob", "Hello!"));
        assert_eq!(bob.call("say", &("attic", "Anyone?")), Ok(None::<usize>));
    }

    #[test]
    fn nobody_enters_with_a_wrong_password() {
        let server = TestServer::new(app());
        let login = json!({"name": "Eve", "password": "coffee"});
        let refused = server.client().auth(&login).connect();
        assert!(refused.is_err_and(|error| error.to_string().contains("wrong password")));
    }
}
