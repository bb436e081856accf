//! Nothing is left of clients that vanish, in the shards or around them.

use crate::streams::stage::{POLLING, Stage, Stream, payload, sid};
use allocation_counter::measure;
use sansocket::Counts;
use sansocket_app::{App, Socket, sequential};
use std::time::Duration;
use testbed::frame;

/// Clients of one kind.
const MANY: usize = 2000;

/// Those that keep handlers busy after they are gone.
const SOME: usize = 200;

/// Long enough for everything that clients owe to be given up: sleeping handlers, heartbeats,
/// questions, closing sessions.
const LONG: u64 = 200;

/// An application with handlers that touch every client.
fn app() -> App {
    let mut app = App::new();
    app.on_connect(|socket: Socket| {
        let (io, hour) = (socket.io(), Duration::from_secs(3600));
        let _ = socket.join(["lobby", socket.id()]);
        socket.session().set(vec![0_u8; 100]);
        let _ = socket.emit("welcome", &());
        drop(socket.emit_with_ack("q", &(), hour));
        let _ = socket.emit_then("q", &(), hour, |_| ());
        drop(io.emit_with_ack("all", &(), hour));
        drop(io.fetch_sockets());
        drop(socket.drained());
    });
    app.on(
        "rest",
        sequential(async |socket: Socket| socket.io().sleep(Duration::from_secs(5)).await),
    );
    app.namespace("/closed").on_connect(async |socket: Socket| {
        let _ = socket.join("x");
        let _ = socket.emit("x", &());
        socket.session().set(vec![0_u8; 100]);
        false
    });
    app
}

/// Lets many clients come and go, and checks that nothing is left.
fn nothing_is_left_of(many: usize, visit: impl Fn(&Stage)) {
    let stage = Stage::new(app());
    let visits = || {
        (0..many).for_each(|_| {
            visit(&stage);
            stage.run();
        });
        stage.pass(LONG);
    };
    // Room for as many as are there at once may be kept, so that what grows once need not be a leak.
    let mut visits = (0..8).map(|_| measure(visits));
    let stays = visits.any(|info| info.bytes_current <= 0 && info.count_current <= 0);
    assert!(stays, "it grows every time");
    assert_eq!(stage.io.counts(), [Counts::default()]);
}

/// A client on a WebSocket, in `/`.
fn websocket(stage: &Stage) -> Stream {
    let mut stream = stage.stream();
    stream.upgrade("");
    stream.send("40");
    stream
}

/// A polling session, and a WebSocket that would take it over.
fn probe(stage: &Stage) -> (Stream, Stream) {
    let (mut polls, mut probe) = (stage.stream(), stage.stream());
    let open = polls.ask("GET", POLLING, "", "");
    probe.upgrade(&format!("&sid={}", sid(&open)));
    probe.send("2probe");
    (polls, probe)
}

#[test]
fn open_and_vanish() {
    nothing_is_left_of(MANY, |stage| {
        stage.stream().ask("GET", POLLING, "", "");
        stage.stream().upgrade("");
        stage.stream().put("GET /socket.io/");
    });
}

#[test]
fn connect_and_vanish() {
    nothing_is_left_of(MANY, |stage| {
        drop(websocket(stage));
    });
    // They are noticed late; until then each new client asks them.
    nothing_is_left_of(SOME, |stage| drop(stage.polling()));
}

#[test]
fn probe_and_vanish() {
    nothing_is_left_of(MANY, |stage| drop(probe(stage)));
}

#[test]
fn upgrade_and_vanish() {
    nothing_is_left_of(MANY, |stage| {
        let (_polls, mut websocket) = probe(stage);
        websocket.send("5");
        websocket.send("40");
    });
}

#[test]
fn be_refused() {
    nothing_is_left_of(MANY, |stage| {
        let mut stream = stage.stream();
        stream.upgrade("");
        let refused = ["40/nowhere,", "40/closed,{\"token\":1}"];
        let refused = refused.map(|packet| stream.send(packet)).concat();
        assert!(refused.contains("44/nowhere,") && refused.contains("44/closed,"));
    });
}

#[test]
fn vanish_before_it_is_refused() {
    nothing_is_left_of(MANY, |stage| {
        let mut stream = stage.stream();
        stream.upgrade("");
        stream.send("40/closed,");
    });
}

#[test]
fn be_asked_and_vanish() {
    nothing_is_left_of(MANY, |stage| {
        let mut stream = websocket(stage);
        // One question is answered, a stranger is, and one asks back.
        stream.send("430[]");
        stream.send("4399[]");
        stream.send("427[\"nobody\"]");
    });
}

#[test]
fn say_half_of_it_and_vanish() {
    nothing_is_left_of(MANY, |stage| {
        let mut stream = websocket(stage);
        stream.send(r#"452-["x",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#);
        stream.put(frame(0x82, &[0; 100]));
        stream.put(&frame(0x82, &[0; 100])[..50]);
    });
}

#[test]
fn say_more_than_is_handled_and_vanish() {
    nothing_is_left_of(SOME, |stage| {
        let mut stream = websocket(stage);
        (0..3).for_each(|_| drop(stream.send("42[\"rest\"]")));
    });
}

#[test]
fn post_more_than_is_handled_and_vanish() {
    let events = payload(&format!("42[\"rest\",\"{}\"]", "x".repeat(90_000)), 10);
    nothing_is_left_of(SOME / 20, |stage| {
        let mut client = stage.polling();
        (0..2).for_each(|_| client.post(&events));
        let mut waits = stage.stream();
        assert_eq!(waits.post(&client.sid, "42[\"rest\"]"), "");
        assert!(!waits.is_read());
    });
}
