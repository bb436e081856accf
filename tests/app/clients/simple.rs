//! The client without handlers.

use sansocket_app::client::{ReceiveError, SimpleClient};
use sansocket_app::test::{Network, TestServer};
use sansocket_app::{App, Socket};
use std::time::Duration;

use super::client;

fn echoing() -> App {
    let mut app = App::new();
    app.on("echo", |socket: Socket, n: u32| socket.emit("back", &(n, "x")).is_ok());
    app.on("leave", |socket: Socket| {
        let _ = socket.emit("last", &());
        socket.disconnect();
    });
    app.on("flood", |socket: Socket, n: u32| {
        (0..n).for_each(|n| {
            let _ = socket.emit("n", &n);
        });
    });
    app
}

fn simply(server: &TestServer) -> SimpleClient {
    let joined = SimpleClient::start(client(), |client| server.open(client));
    server.block_on(joined).expect("it is let in")
}

#[test]
fn c109_events_are_received_in_order_through_losses_and_after_the_end() {
    let server = TestServer::new(echoing());
    let client = simply(&server);
    client.emit("echo", &1).expect("it is joined");
    let (name, args) = server.block_on(client.receive()).expect("it comes back");
    assert_eq!((name.as_str(), args.json()), ("back", r#"[1,"x"]"#));
    server.set_network(Network::Down);
    client.emit("echo", &2).expect("it waits");
    server.set_network(Network::Up);
    server.advance(Duration::from_secs(3));
    let back = server.block_on(client.receive_as::<(u32, String)>());
    assert_eq!(back, Ok(("back".to_owned(), (2, "x".to_owned()))));
    assert_eq!(server.block_on(client.call::<bool>("echo", &3)), Ok(true));
    assert!(matches!(server.block_on(client.receive_as::<String>()), Err(ReceiveError::Decode(_))));
    let patience = client.receive_within(Duration::from_secs(1));
    server.advance(Duration::from_secs(2));
    assert_eq!(server.block_on(patience), Err(ReceiveError::TimedOut));
    client.emit("leave", &()).expect("it is joined");
    server.run();
    assert_eq!(client.receive().decode::<()>().wait(), Ok(("last".to_owned(), ())));
    assert_eq!(server.block_on(client.receive()), Err(ReceiveError::Disconnected));
    assert!(client.emit("echo", &4).is_err());
}

#[test]
fn c109_what_is_not_received_waits_in_bounds_and_comes_in_order() {
    const EVENTS: u32 = 3000;
    let server = TestServer::new(echoing());
    let client = simply(&server);
    client.emit("flood", &EVENTS).expect("it is joined");
    server.run();
    for n in 0..EVENTS {
        assert_eq!(server.block_on(client.receive_as::<u32>()), Ok(("n".to_owned(), n)));
    }
    server.block_on(client.disconnect());
    assert_eq!(server.block_on(client.receive()), Err(ReceiveError::Disconnected));
}

#[test]
fn c109_who_disconnects_while_the_network_is_down_receives_no_more() {
    let server = TestServer::new(echoing());
    let client = simply(&server);
    server.set_network(Network::Down);
    server.block_on(client.disconnect());
    assert_eq!(server.block_on(client.receive()), Err(ReceiveError::Disconnected));
}
