//! Ten thousand clients that do not say goodbye leave nothing behind.

use sansocket::Counts;
use testbed::{Sim, handshake, request, upgrade};

const MANY: usize = 10_000;

/// Runs many clients and a day, and checks that nothing is left.
fn nothing_is_left(sim: &mut Sim, mut client: impl FnMut(&mut Sim)) {
    for _ in 0..MANY {
        client(sim);
    }
    sim.events();
    sim.advance(24 * 3_600_000);
    assert_eq!(sim.counts(), Counts::default());
    assert_eq!(sim.on(0, |server, _| server.poll_timeout()), None, "no timer runs on");
}

#[test]
fn clients_that_open_and_vanish() {
    nothing_is_left(&mut Sim::new(), |sim| {
        let mut tcp = sim.tcp();
        tcp.send(handshake());
        tcp.vanish();
    });
}

#[test]
fn clients_that_open_a_websocket_and_vanish() {
    let mut sim = Sim::new();
    for _ in 0..MANY {
        sim.websocket().vanish();
    }
    assert_eq!(sim.counts(), Counts::default(), "without waiting");
    nothing_is_left(&mut sim, |_| {});
}

#[test]
fn clients_that_connect_and_vanish() {
    nothing_is_left(&mut Sim::new(), |sim| {
        let mut ws = sim.joined();
        ws.send("40/a,");
        ws.vanish();
    });
    nothing_is_left(&mut Sim::new(), |sim| {
        let mut client = sim.polling();
        client.post("40");
        client.get();
        client.vanish();
    });
}

#[test]
fn clients_that_vanish_while_they_wait_for_admission() {
    let mut sim = Sim::new();
    sim.app(|app| app.holds = true);
    nothing_is_left(&mut sim, |sim| {
        let mut ws = sim.websocket();
        ws.send("40");
        ws.vanish();
    });
}

#[test]
fn probes_that_vanish() {
    nothing_is_left(&mut Sim::new(), |sim| {
        let mut client = sim.polling();
        let mut ws = client.websocket();
        ws.send("2probe");
        ws.vanish();
        client.vanish();
    });
}

#[test]
fn probes_of_one_session_that_vanish() {
    let mut sim = Sim::new();
    let mut client = sim.polling();
    nothing_is_left(&mut sim, |_| {
        let mut ws = client.websocket();
        ws.send("2probe");
        ws.vanish();
    });
}

#[test]
fn clients_that_upgrade_and_vanish() {
    nothing_is_left(&mut Sim::new(), |sim| {
        let mut client = sim.polling();
        client.upgrade().vanish();
        client.vanish();
    });
}

#[test]
fn clients_that_are_refused() {
    let mut sim = Sim::new();
    sim.app(|app| app.refuses = vec![("/", "{}")]);
    nothing_is_left(&mut sim, |sim| {
        let mut ws = sim.websocket();
        assert_eq!(ws.join("/"), "44{}");
        ws.vanish();
    });
}

#[test]
fn one_client_that_is_refused_again_and_again() {
    let mut sim = Sim::new();
    sim.app(|app| app.refuses = vec![("/no", "{}")]);
    let mut ws = sim.joined();
    for _ in 0..MANY {
        assert_eq!(ws.join("/no"), "44/no,{}");
    }
    let counts = sim.counts();
    assert_eq!((counts.sockets, counts.namespaces), (1, 1));
    ws.vanish();
    nothing_is_left(&mut sim, |_| {});
}

#[test]
fn clients_that_are_in_rooms_before_they_are_refused() {
    let mut sim = Sim::new();
    sim.app(|app| app.holds = true);
    let mut number = 0;
    nothing_is_left(&mut sim, |sim| {
        number += 1;
        let mut ws = sim.websocket();
        ws.send("40");
        let socket = sim.socket(number);
        socket.join("room").unwrap();
        socket.emit("x", "[]").unwrap();
        socket.ask("q", 1000).unwrap();
        socket.refuse("{}").unwrap();
        ws.vanish();
    });
}

#[test]
fn clients_that_are_asked_and_vanish() {
    let mut number = 0;
    nothing_is_left(&mut Sim::new(), |sim| {
        number += 1;
        let mut ws = sim.joined();
        sim.socket(number).ask("q", 3_600_000).unwrap();
        sim.ask_all(&sansocket::Target::namespace("/"), "q", 3_600_000);
        ws.send("421[\"back\"]");
        ws.vanish();
    });
}

#[test]
fn clients_that_vanish_with_half_a_packet() {
    nothing_is_left(&mut Sim::new(), |sim| {
        let mut ws = sim.joined();
        ws.send("452-[\"x\",{\"_placeholder\":true,\"num\":0}]");
        ws.send_binary(&[0; 100]);
        ws.vanish();
    });
}

#[test]
fn clients_that_vanish_within_a_frame_or_a_request() {
    nothing_is_left(&mut Sim::new(), |sim| {
        let mut ws = sim.joined();
        ws.send_frame(0x01, b"42[\"half");
        ws.tcp.send([0x80, 0xff, 0]);
        ws.vanish();
        let mut tcp = sim.tcp();
        tcp.send("GET /socket.io/?EIO=4&tra");
        tcp.vanish();
    });
}

#[test]
fn clients_that_vanish_within_a_post() {
    nothing_is_left(&mut Sim::new(), |sim| {
        let mut client = sim.polling();
        client.join("/");
        let whole = request("POST", &client.target(), "", "42[\"half\"]");
        client.posts.send(&whole[..whole.len() - 2]);
        client.vanish();
    });
}

#[test]
fn clients_that_never_read() {
    let mut sim = Sim::with(|config| config.limits.max_backlog = 1000);
    let mut number = 0;
    nothing_is_left(&mut sim, |sim| {
        number += 1;
        let mut ws = sim.joined();
        ws.tcp.take_only(0);
        sim.socket(number).emit("x", "[\"0123456789\"]").unwrap();
    });
}

#[test]
fn handshakes_that_are_refused() {
    nothing_is_left(&mut Sim::new(), |sim| {
        for target in ["/socket.io/?EIO=3&transport=websocket", "/socket.io/?EIO=4&transport=x"] {
            let mut tcp = sim.tcp();
            tcp.send(upgrade(target));
            assert_eq!(tcp.answer().unwrap().status, 400);
            tcp.vanish();
        }
    });
}
