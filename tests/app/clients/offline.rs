//! What becomes of events while the connection is lost.

use sansocket_app::App;
use sansocket_app::client::{EmitError, Event, OfflinePolicy, Refused};
use sansocket_app::test::{Network, TestServer};
use std::time::Duration;

use super::{Notes, client, join};

fn hearing() -> (TestServer, Notes) {
    let heard = Notes::default();
    let to = heard.clone();
    let mut app = App::new();
    app.on("n", move |n: u32| to.add(n.to_string()));
    (TestServer::new(app), heard)
}

#[test]
fn c60_events_wait_in_order_within_bounds() {
    let (server, heard) = hearing();
    let mut client = client();
    client.configure(|config| config.offline.events = 3);
    let manager = server.open(client);
    let socket = manager.socket();
    for n in 0..3 {
        socket.emit("n", &n).expect("there is room");
    }
    assert_eq!(socket.emit("n", &3), Err(EmitError::Refused(Refused::Full)));
    assert_eq!(socket.emit_volatile("n", &4), Ok(false));
    assert_eq!(socket.waiting(), 3);
    server.block_on(socket.connect()).expect("it is let in");
    server.block_on(socket.drained()).expect("it is joined");
    assert_eq!(heard.take(), ["0", "1", "2"]);
    assert_eq!(socket.emit_volatile("n", &5), Ok(true));
    server.run();
    assert_eq!(heard.take(), ["5"]);
}

#[test]
fn c60_the_oldest_give_way_or_nothing_waits_if_that_is_wanted() {
    let (server, heard) = hearing();
    let mut client = client();
    client.configure(|config| {
        config.offline.events = 2;
        config.offline.policy = OfflinePolicy::DropOldest;
    });
    let lost = Notes::default();
    let to = lost.clone();
    client.on_event(move |event| {
        if let Event::Lost { namespace, events } = event {
            to.add(format!("{namespace} {events}"));
        }
    });
    let socket = server.open(client).socket();
    (0..4).for_each(|n| socket.emit("n", &n).expect("the oldest give way"));
    server.block_on(socket.connect()).expect("it is let in");
    server.run();
    assert_eq!(
        (heard.take(), lost.take()),
        (vec!["2".into(), "3".into()], vec!["/ 1".into(), "/ 1".into()])
    );
    socket.manager().configure(|config| config.offline.policy = OfflinePolicy::Refuse);
    server.set_network(Network::Down);
    assert_eq!(socket.emit("n", &9), Err(EmitError::Refused(Refused::NotJoined)));
}

#[test]
fn c62_c63_what_waits_can_be_taken_and_expires() {
    let (server, heard) = hearing();
    let socket = join(&server, client());
    server.set_network(Network::Down);
    socket.emit("n", &1).expect("it waits");
    let taken = socket.take_waiting();
    assert_eq!(taken.iter().map(|it| it.name().to_owned()).collect::<Vec<_>>(), ["n"]);
    socket.emit_within("n", &2, Duration::from_millis(10)).expect("it waits");
    socket.emit_within("n", &3, Duration::from_secs(60)).expect("it waits");
    server.advance(Duration::from_secs(1));
    server.set_network(Network::Up);
    server.advance(Duration::from_secs(10));
    assert_eq!(heard.take(), ["3"]);
    socket.disconnect();
    server.run();
    socket.emit("n", &4).expect("it waits until it is joined again");
    assert_eq!(server.block_on(socket.drained()), Err(Refused::NotJoined));
}
