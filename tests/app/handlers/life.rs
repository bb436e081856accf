//! What an application hears of namespaces and rooms that come and go.

use sansocket_app::test::TestServer;
use sansocket_app::{App, Io, Life, Socket};
use std::sync::{Arc, Mutex};

type Lines = Arc<Mutex<Vec<String>>>;

fn app(lines: &Lines) -> App {
    let mut app = App::new();
    let lines = lines.clone();
    app.on_life(move |_: Io, namespace: &str, life: Life| {
        let line = match life {
            Life::NamespaceCreated => "created".to_owned(),
            Life::NamespaceDeleted => "deleted".to_owned(),
            Life::RoomCreated { room } => format!("{room} created"),
            Life::RoomDeleted { room } => format!("{room} deleted"),
            Life::RoomJoined { room, .. } => format!("{room} joined"),
            Life::RoomLeft { room, .. } => format!("{room} left"),
            _ => panic!("there is another one"),
        };
        lines.lock().unwrap().push(format!("{namespace} {line}"));
    });
    app.on("join", |socket: Socket, room: String| socket.join(room));
    app.on("leave", |socket: Socket, room: String| socket.leave(room));
    app
}

#[test]
fn a_room_with_members_on_several_shards_is_created_and_deleted_once() {
    let lines = Lines::default();
    let server = TestServer::with_shards(app(&lines), 4);
    let clients: Vec<_> = (0..8).map(|_| server.connect().unwrap()).collect();
    for client in &clients {
        assert_eq!(client.call("join", "tea"), Ok(true));
    }
    for client in &clients {
        assert_eq!(client.call("leave", "tea"), Ok(true));
    }
    clients.iter().for_each(|client| client.disconnect());
    server.run();
    let mut expected = vec!["/ created".to_owned(), "/ tea created".to_owned()];
    expected.extend(vec!["/ tea joined".to_owned(); 8]);
    expected.extend(vec!["/ tea left".to_owned(); 8]);
    expected.extend(["/ tea deleted".to_owned(), "/ deleted".to_owned()]);
    assert_eq!(*lines.lock().unwrap(), expected);
}

#[test]
fn a_room_of_the_connect_handler_is_heard_of_before_its_namespace() {
    let lines = Lines::default();
    let mut app = app(&lines);
    app.namespace("/a").on_connect(|socket: Socket| {
        let _ = socket.join("hall");
    });
    let server = TestServer::new(app);
    let client = server.client().namespace("/a").connect().unwrap();
    client.close();
    server.run();
    assert_eq!(
        *lines.lock().unwrap(),
        [
            "/a hall created",
            "/a hall joined",
            "/a created",
            "/a hall left",
            "/a hall deleted",
            "/a deleted"
        ]
    );
}

#[test]
fn a_panic_in_there_concerns_nobody_else() {
    let mut app = App::new();
    app.on_life(|_: Io, _: &str, _: Life| panic!("oh"));
    app.on("join", |socket: Socket, room: String| socket.join(room));
    let server = TestServer::new(app);
    let client = server.connect().unwrap();
    assert_eq!(client.call("join", "tea"), Ok(true));
    assert_eq!(client.call("join", "tea"), Ok(false));
}
