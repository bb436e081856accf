//! Questions to other servers about their clients and rooms.

use sansocket_app::test::TestCluster;
use sansocket_app::{BusError, EmitError, Format, NodeConfig, RemoteSocket, Socket};
use serde_json::{Value, json};
use std::time::Duration;

use super::stage::{RICH, app, member, two};

const SECOND: Duration = Duration::from_secs(1);

fn sorted(sockets: &[RemoteSocket]) -> Vec<String> {
    let mut ids: Vec<String> = sockets.iter().map(|socket| socket.id().to_owned()).collect();
    ids.sort();
    ids
}

#[test]
fn clients_of_all_servers_are_found() {
    for format in RICH {
        let (cluster, here, there) = two(format);
        let (ann, bob, eve) =
            (member(&here, "tea"), member(&there, "tea"), there.connect().unwrap());
        cluster.advance(SECOND);
        let found = here.block_on(here.io().to("tea").fetch_sockets()).unwrap();
        let mut ids = [ann.id(), bob.id()];
        ids.sort();
        assert_eq!((sorted(&found.sockets), &found.missing), (ids.into(), &None), "{format}");
        let all = here.block_on(here.io().fetch_sockets()).unwrap();
        assert_eq!(all.sockets.len(), 3, "{format}");
        let but = here.block_on(here.io().except([bob.id(), eve.id()]).fetch_sockets()).unwrap();
        assert_eq!(sorted(&but.sockets), [ann.id()], "{format}");
        let nobody: [&str; 0] = [];
        let none = here.block_on(here.io().to(nobody).fetch_sockets()).unwrap();
        assert!(none.sockets.is_empty(), "{format}");
    }
}

#[test]
fn what_is_known_of_a_client_is_told() {
    for format in RICH {
        let mut config = NodeConfig::default();
        config.format = format;
        config.headers = vec!["x-team".into()];
        let cluster = TestCluster::with_config(config);
        let attaching = || {
            let mut app = app();
            app.on("attach", |socket: Socket, value: Value| socket.set_data(&value));
            app
        };
        let (here, there) = (cluster.server(app()), cluster.server(attaching()));
        let ann = there.client().auth(&json!({"token": "t"})).query("name", "A&B");
        let ann = ann.header("X-Team", "red").header("Cookie", "secret=1");
        let ann = ann.address("127.0.0.1:4000".parse().unwrap()).connect().unwrap();
        assert_eq!(ann.call("join", "tea"), Ok(true));
        cluster.advance(SECOND);

        for (asker, is_here) in [(&here, false), (&there, true)] {
            let found = asker.block_on(asker.io().fetch_sockets()).unwrap();
            let [socket] = &found.sockets[..] else { panic!("{format}: {found:?}") };
            assert_eq!((socket.id(), socket.namespace()), (&*ann.id(), "/"), "{format}");
            assert_eq!(socket.rooms(), ["tea"], "{format}");
            assert_eq!(socket.auth_json(), r#"{"token":"t"}"#, "{format}");
            assert_eq!(socket.query("name").as_deref(), Some("A&B"), "{format}");
            assert_eq!(socket.header("x-Team").as_deref(), Some("red"), "{format}");
            assert_eq!(socket.header("cookie").is_some(), is_here, "{format}");
            assert_eq!(socket.address().as_deref(), Some("127.0.0.1"), "{format}");
            assert_eq!(socket.data::<Option<Value>>(), Ok(None), "{format}");
            assert_eq!(socket.local().is_some(), is_here, "{format}");
        }
        let value = json!({"name": "Ann", "list": [1, 2]});
        ann.call::<()>("attach", &value).unwrap();
        for asker in [&here, &there] {
            let found = asker.block_on(asker.io().fetch_sockets()).unwrap();
            assert_eq!(found.sockets[0].data(), Ok(value.clone()), "{format}");
        }
    }
}

#[test]
fn k13_what_clients_gave_is_kept_to_oneself_when_the_settings_say_so() {
    let mut config = NodeConfig::default();
    config.auth = false;
    let cluster = TestCluster::with_config(config);
    let (here, there) = (cluster.server(app()), cluster.server(app()));
    let _ann = there.client().auth(&json!({"token": "t"})).header("x-a", "1").connect().unwrap();
    cluster.advance(SECOND);
    let found = here.block_on(here.io().fetch_sockets()).unwrap();
    assert_eq!((found.sockets[0].auth_json(), found.sockets[0].header("x-a")), ("{}", None));
}

#[test]
fn a_remote_client_does_as_it_is_told() {
    for format in RICH {
        let (cluster, here, there) = two(format);
        let bob = there.connect().unwrap();
        cluster.advance(SECOND);
        let found = here.block_on(here.io().fetch_sockets()).unwrap();
        let [socket] = &found.sockets[..] else { panic!("{format}: {found:?}") };
        socket.join("tea").unwrap();
        assert_eq!(bob.call("rooms", &()), Ok(vec!["tea".to_owned()]), "{format}");
        socket.emit("hello", &1).unwrap();
        assert_eq!(bob.expect::<u32>("hello"), 1);
        let asked = socket.emit_with_ack("q", &(), SECOND);
        bob.expect_event("q").ack(&2);
        assert_eq!(here.block_on(asked).unwrap().decode::<u32>(), Ok(vec![2]), "{format}");
        socket.disconnect().unwrap();
        assert!(!bob.is_connected(), "{format}");
    }
}

#[test]
fn rooms_of_all_servers_are_found() {
    for format in [Format::Native, Format::Classic] {
        let (cluster, here, there) = two(format);
        let (ann, bob) = (member(&here, "tea"), member(&there, "cake"));
        cluster.advance(SECOND);
        let found = here.block_on(here.io().all_rooms()).unwrap();
        let rooms = [ann.id(), bob.id(), "cake".into(), "tea".into()];
        assert_eq!(found.rooms, rooms.into(), "{format}");
        assert_eq!(found.missing, None);
    }
}

#[test]
fn servers_are_counted() {
    for format in RICH {
        let (cluster, here, _there) = two(format);
        cluster.advance(SECOND);
        assert_eq!(here.block_on(here.io().cluster_size()), Ok(2), "{format}");
        let _third = cluster.server(app());
        cluster.advance(SECOND);
        assert_eq!(here.block_on(here.io().cluster_size()), Ok(3), "{format}");
    }
}

#[test]
fn k19_python_has_no_questions() {
    let (_cluster, here, _there) = two(Format::Python);
    let io = here.io();
    let errors = [
        here.block_on(io.fetch_sockets()).err(),
        here.block_on(io.all_rooms()).err(),
        here.block_on(io.cluster_size()).err(),
        here.block_on(io.server_ask("q", &())).err(),
        io.server_emit("note", &()).err(),
    ];
    for error in errors {
        assert!(matches!(error, Some(EmitError::Bus(BusError::Unsupported(_)))), "{error:?}");
    }
}
