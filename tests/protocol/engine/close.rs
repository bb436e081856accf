//! Closing from the server's side, and why clients left.

use sansocket::{Counts, Disconnect, Reason, Refused, Violation};
use testbed::{Item, Sim};

#[test]
fn a_websocket_gets_what_waits_then_a_close_frame() {
    let mut sim = Sim::new();
    let mut ws = sim.joined();
    ws.join("/a");
    ws.tcp.take_only(10);
    sim.socket(1).emit("last", "[]").unwrap();
    sim.socket(1).disconnect(Disconnect::Connection);
    assert!(sim.socket(1).emit("late", "[]").is_err());
    ws.tcp.take_only(usize::MAX);
    let texts = ["42[\"last\"]", "41/a,", "41"].map(|text| Item::Text(text.into()));
    assert_eq!(ws.all(), [&texts[..], &[Item::Close(1000)]].concat());
    let mut left = sim.events().split_off(2);
    left.sort();
    assert_eq!(left, ["disconnect 1 ServerDisconnect", "disconnect 2 ServerDisconnect"]);
    ws.send_frame(0x88, &1000u16.to_be_bytes());
    assert!(!ws.tcp.is_open());
    assert_eq!(sim.counts(), Counts::default());
}

#[test]
fn a_held_poll_gets_what_waits_then_close() {
    let mut sim = Sim::new();
    let mut client = sim.polling();
    client.join("/");
    client.get();
    sim.socket(1).disconnect(Disconnect::Connection);
    assert_eq!(client.payload(), "41");
    assert_eq!(client.poll(), "1", "CLOSE travels alone");
    assert_eq!(sim.events()[1..], ["disconnect 1 ServerDisconnect"]);
    assert_eq!(sim.counts(), Counts::default());
}

#[test]
fn without_a_poll_the_next_one_is_awaited() {
    let mut sim = Sim::new();
    let mut client = sim.polling();
    client.join("/");
    for i in 0..20 {
        sim.socket(1).emit("n", &format!("[{i}]")).unwrap();
    }
    sim.socket(1).close_transport();
    assert_eq!(sim.events()[1..], ["disconnect 1 ForcedClose"]);
    assert_eq!(client.try_post("42[\"x\"]").unwrap().status, 400);
    assert_eq!(client.poll().split('\u{1e}').count(), 16);
    assert!(client.poll().ends_with("42[\"n\",19]"));
    assert_eq!(client.poll(), "1");
    assert_eq!(sim.counts(), Counts::default());
}

#[test]
fn the_next_poll_is_awaited_for_so_long() {
    let mut sim = Sim::new();
    let mut client = sim.polling();
    client.join("/");
    client.vanish();
    sim.socket(1).close_transport();
    sim.advance(29_999);
    assert_eq!(sim.counts().sessions, 1);
    sim.advance(1);
    assert_eq!(sim.counts(), Counts::default());
}

#[test]
fn a_websocket_that_does_not_read_its_close_is_cut_off() {
    let mut sim = Sim::new();
    let mut ws = sim.joined();
    ws.tcp.take_only(0);
    let args = format!("[\"{}\"]", "x".repeat(200_000));
    sim.socket(1).emit("x", &args).unwrap();
    sim.socket(1).emit("x", &args).unwrap();
    sim.socket(1).close_transport();
    assert_eq!(sim.counts().sessions, 1);
    sim.advance(30_000);
    assert_eq!(sim.counts(), Counts::default());
    sim.advance(5_000);
    assert!(!ws.tcp.is_open());
}

#[test]
fn dropping_the_transport_sends_no_disconnect_packet() {
    let mut sim = Sim::new();
    let mut ws = sim.joined();
    sim.socket(1).close_transport();
    assert_eq!(ws.all(), [Item::Close(1000)]);
    assert_eq!(sim.events()[1..], ["disconnect 1 ForcedClose"]);
}

#[test]
fn a_shutdown_delivers_what_waits_and_closes_everything() {
    let mut sim = Sim::sharded(2, |_| {});
    let mut ws = sim.on_shard(1).joined();
    let mut client = sim.on_shard(0).polling();
    client.join("/");
    client.get();
    let mut idle = sim.polling();
    let mut probing = sim.polling();
    let mut probe = probing.websocket();
    probe.send("2probe");
    assert_eq!(probe.recv(), "3probe");
    sim.socket(1).emit("last", "[]").unwrap();
    for shard in 0..2 {
        sim.on(shard, |server, now| server.shutdown(now));
    }
    assert_eq!(ws.all(), [Item::Text("42[\"last\"]".into()), Item::Close(1000)]);
    assert_eq!(client.payload(), "1");
    assert_eq!(idle.poll(), "1");
    assert_eq!(probe.all(), [Item::Close(1000)]);
    assert_eq!(probing.poll(), "1");
    let mut left = sim.events().split_off(2);
    left.sort();
    assert_eq!(left, ["disconnect 1 ShuttingDown", "disconnect 2 ShuttingDown"]);
    assert_eq!(sim.counts(), Counts::default());
}

#[test]
fn a_shutdown_of_clients_that_are_gone_ends_in_time() {
    let mut sim = Sim::new();
    for _ in 0..10 {
        sim.polling().vanish();
    }
    sim.on(0, |server, now| server.shutdown(now));
    sim.on(0, |server, now| server.shutdown(now));
    sim.advance(30_000);
    assert_eq!(sim.counts(), Counts::default());
}

#[test]
fn what_a_client_says_while_the_server_hangs_up_is_not_heard() {
    let mut sim = Sim::new();
    let mut ws = sim.joined();
    ws.tcp.take_only(0);
    sim.socket(1).emit("x", &format!("[\"{}\"]", "x".repeat(100_000))).unwrap();
    sim.socket(1).close_transport();
    ws.send("42[\"late\"]");
    ws.send("40/a,");
    assert_eq!(sim.events()[1..], ["disconnect 1 ForcedClose"]);
}

#[test]
fn a_poll_dropped_while_the_server_hangs_up_is_the_end() {
    let sim = Sim::new();
    let mut client = sim.polling();
    client.join("/");
    sim.socket(1).close_transport();
    client.vanish();
    assert_eq!(sim.counts().sessions, 1);
    let mut client = sim.polling();
    client.join("/");
    client.get();
    client.vanish();
    assert_eq!(sim.counts().sessions, 1);
}

#[test]
fn a_stale_key_reaches_nobody() {
    let mut sim = Sim::new();
    let mut ws = sim.joined();
    let stale = sim.socket(1);
    ws.vanish();
    let mut newcomer = sim.joined();
    assert_eq!(stale.emit("x", "[]"), Err(Refused::Gone));
    assert!(stale.join("room").is_err());
    stale.disconnect(Disconnect::Connection);
    stale.close_transport();
    assert_eq!(newcomer.next(), None);
    assert_eq!(sim.events().len(), 3);
}

#[test]
fn reasons_read_as_in_javascript() {
    for (reason, text) in [
        (Reason::ClientDisconnect, "client namespace disconnect"),
        (Reason::ServerDisconnect, "server namespace disconnect"),
        (Reason::ShuttingDown, "server shutting down"),
        (Reason::PingTimeout, "ping timeout"),
        (Reason::TransportClose, "transport close"),
        (Reason::TransportError, "transport error"),
        (Reason::ForcedClose, "forced close"),
        (Reason::SlowConsumer, "transport error"),
        (Reason::Violation(Violation::UnknownPacket), "parse error"),
        (Reason::Violation(Violation::InvalidBase64), "parse error"),
        (Reason::Violation(Violation::TooManyPackets), "parse error"),
        (Reason::Violation(Violation::OverlappingPoll), "transport error"),
        (Reason::Violation(Violation::BinaryBody), "transport error"),
        (Reason::Violation(Violation::BodyTooLarge), "transport error"),
        (Reason::Violation(Violation::HeartbeatDirection), "transport error"),
        (Reason::Violation(Violation::MessageTooLarge), "transport error"),
        (Reason::Violation(Violation::ReservedBits), "transport error"),
        (Reason::Violation(Violation::InvalidUtf8), "transport error"),
        (Reason::Violation(Violation::InvalidPacket), "forced close"),
        (Reason::Violation(Violation::InvalidJson), "forced close"),
        (Reason::Violation(Violation::ReservedEvent), "forced close"),
        (Reason::Violation(Violation::AttachmentUnexpected), "forced close"),
        (Reason::Violation(Violation::DuplicateConnect), "forced close"),
        (Reason::Violation(Violation::ConnectTimeout), "forced close"),
    ] {
        assert_eq!(reason.as_str(), text, "{reason:?}");
        assert_eq!(reason.to_string(), text);
    }
}
