//! Clients whose connections were lost come back to where they were.

use sansocket_app::test::{Network, TestCluster, TestServer};
use sansocket_app::{App, Config, Format, Reason, Recovery, Session, Socket};
use std::time::Duration;

use super::{Notes, client, join};

/// An application that notes who comes and goes, and what it keeps of them.
fn app(notes: &Notes, set: impl FnOnce(&mut Recovery)) -> App {
    let mut recovery = Recovery::default();
    set(&mut recovery);
    let mut config = Config::default();
    config.recovery = Some(recovery);
    let mut app = App::with_config(config);
    let to = notes.clone();
    app.namespace("/").middleware(move |_: Socket| to.add("middleware"));
    let to = notes.clone();
    app.on_connect(move |socket: Socket, visits: Session<u32>| {
        let visits = visits.update(|visits| {
            *visits += 1;
            *visits
        });
        to.add(format!("visit {visits}, recovered {}", socket.recovered()));
        if !socket.recovered() {
            let _ = socket.join("room");
            let _ = socket.emit("hello", &());
        }
    });
    let to = notes.clone();
    app.on_disconnect(move |reason: Reason, visits: Session<u32>| {
        to.add(format!("{reason} of visit {:?}", visits.get()));
    });
    app
}

/// Does something with a server that is alone, and with one that has its events from a stream.
fn with_and_without_a_stream(each: impl Fn(&dyn Fn(App, u16) -> TestServer)) {
    each(&TestServer::with_shards);
    let cluster = TestCluster::with_format(Format::Streams);
    each(&|app, shards| cluster.server_with_shards(app, shards));
}

#[test]
fn a_lost_client_has_its_id_its_rooms_its_session_and_what_it_missed() {
    with_and_without_a_stream(comes_back_six_times);
}

fn comes_back_six_times(serve: &dyn Fn(App, u16) -> TestServer) {
    let (notes, heard) = (Notes::default(), Notes::default());
    let server = serve(app(&notes, |_| {}), 3);
    server.run();
    let mut client = client();
    let to = heard.clone();
    client.on("news", move |n: u32| to.add(n.to_string()));
    let socket = join(&server, client);
    let id = socket.id().expect("it joined");
    for round in 0..6 {
        let name = format!("visit {}, recovered {}", round + 1, round > 0);
        assert_eq!(
            notes.take(),
            if round == 0 { vec!["middleware", &*name] } else { vec![&*name] }
        );
        server.io().to("room").emit("news", &(2 * round)).expect("it can be sent");
        server.run();
        server.set_network(Network::Down);
        assert_eq!(notes.take(), [format!("transport close of visit Some({})", round + 1)]);
        server.io().to("room").emit("news", &(2 * round + 1)).expect("it can be sent");
        server.set_network(Network::Up);
        server.advance(Duration::from_secs(10));
        assert_eq!(heard.take(), [(2 * round).to_string(), (2 * round + 1).to_string()]);
        assert!(socket.is_recovered());
        assert_eq!(socket.id().as_deref(), Some(&*id));
    }
}

#[test]
fn middlewares_may_judge_clients_that_come_back() {
    let notes = Notes::default();
    let server = TestServer::new(app(&notes, |recovery| recovery.skip_middlewares = false));
    let socket = join(&server, client());
    server.run();
    notes.take();
    server.set_network(Network::Down);
    server.set_network(Network::Up);
    server.advance(Duration::from_secs(10));
    let told = ["transport close of visit Some(1)", "middleware", "visit 2, recovered true"];
    assert_eq!(notes.take(), told);
    assert!(socket.is_recovered());
}

#[test]
fn the_session_of_a_client_that_does_not_come_back_is_dropped_where_no_lock_is_held() {
    with_and_without_a_stream(is_dropped_where_no_lock_is_held);
}

fn is_dropped_where_no_lock_is_held(serve: &dyn Fn(App, u16) -> TestServer) {
    /// It reaches the server when it is dropped.
    struct Last(sansocket_app::Io, Notes);

    impl Drop for Last {
        fn drop(&mut self) {
            self.1.add(format!("{} here", self.0.local().count()));
        }
    }

    let notes = Notes::default();
    let mut app = app(&notes, |_| {});
    let to = notes.clone();
    app.on("keep", move |socket: Socket| {
        socket.session().set(Last(socket.io(), to.clone()));
    });
    let server = serve(app, 1);
    server.run();
    let one = server.connect().expect("it is let in");
    one.emit("keep", &());
    notes.take();
    one.close();
    assert_eq!(notes.take(), ["transport close of visit Some(1)"]);
    server.advance(Duration::from_secs(119));
    assert_eq!(notes.take(), [""; 0]);
    server.advance(Duration::from_secs(1));
    assert_eq!(notes.take(), ["0 here"]);
    let other = server.connect().expect("it is let in");
    other.emit("keep", &());
    notes.take();
    other.disconnect();
    assert_eq!(notes.take(), ["client namespace disconnect of visit Some(1)", "0 here"]);
}

#[test]
fn without_recovery_nothing_comes_back() {
    let notes = Notes::default();
    let (mut app, to) = (App::new(), notes.clone());
    app.on_connect(move |socket: Socket| to.add(format!("recovered {}", socket.recovered())));
    let server = TestServer::new(app);
    let socket = join(&server, client());
    server.set_network(Network::Down);
    server.set_network(Network::Up);
    server.advance(Duration::from_secs(10));
    assert_eq!(notes.take(), ["recovered false", "recovered false"]);
    assert!(!socket.is_recovered());
}
