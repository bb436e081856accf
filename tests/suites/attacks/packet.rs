//! A: Socket.IO packets, end to end.

use sansocket_app::{Reason, Socket, Violation};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use super::siege::Siege;
use crate::Serve;
use crate::client::PATIENCE;
use testbed::frame;

/// A1, CVE-2020-36049; A2, CVE-2022-2421; A3, CVE-2023-32695; A4; A6, CVE-2026-33151; A7,
/// CVE-2026-69185; A10, socketioxide #357; A14; A15; A16; A27: on either transport, a peer that sends this is
/// told, and leaves for the rule it broke.
pub fn a01_hostile_packets_end_their_session_and_no_other(serve: Serve) {
    let mut siege = Siege::new(serve);
    let again = [r#"{"_placeholder":true,"num":0}"#; 29_000].join(",");
    for (packet, violation) in [
        (format!("45{}", "1".repeat(900_000)), Violation::TooManyAttachments),
        (format!("42{}", "9".repeat(900_000)), Violation::InvalidPacket),
        (r#"451-["a",{"_placeholder":true,"num":"splice"}]"#.into(), Violation::IllegalAttachments),
        (format!("451-[\"a\",[{again}]]"), Violation::IllegalAttachments),
        (r#"42[{"toString":"foo"}]"#.into(), Violation::InvalidPacket),
        (r#"40/admin,"invalid""#.into(), Violation::ConnectPayload),
        (r#"42["disconnecting"]"#.into(), Violation::ReservedEvent),
        (r#"4559999999999-["a"]"#.into(), Violation::TooManyAttachments),
        (r#"450-["x"]"#.into(), Violation::IllegalAttachments),
        ("45invalid".into(), Violation::InvalidPacket),
        (format!("42[\"e\",{}", "[".repeat(900_000)), Violation::TooDeep),
        (format!("42{}[\"e\"]", "9".repeat(25)), Violation::InvalidPacket),
        ("44{}".into(), Violation::InvalidPacket),
        ("4".into(), Violation::InvalidPacket),
        ("bAAEC!".into(), Violation::InvalidBase64),
    ] {
        let mut attacker = siege.attacker();
        attacker.say(&packet);
        assert_eq!(attacker.farewell(), 1008, "{packet:.40}");
        assert_eq!(siege.violation(), violation, "{packet:.40}");
        assert_eq!(siege.poller().request("POST", &packet).0, 400, "{packet:.40}");
        assert_eq!(siege.violation(), violation, "{packet:.40}");
        siege.nobody_notices();
    }
    assert_eq!(siege.lift(), [""; 0]);
}

/// A8, CVE-2026-48804; A11, socketioxide #811; A12, GHSA-55mf-67qm-4wpg: attachments that no packet
/// announced, are too many bytes, or do not come in time.
pub fn a12_attachments_are_bounded_in_bytes_and_time(serve: Serve) {
    let siege = Siege::with(serve, |config| config.limits.attachment_bytes = 1_000_000, |_| {});
    let mut stranger = siege.stranger();
    stranger.say(r#"451-/admin,["e",{"_placeholder":true,"num":0}]"#);
    assert_eq!(stranger.farewell(), 1008);
    let mut large = siege.attacker();
    large.say("4510-[\"x\"]");
    for _ in 0..3 {
        large.send(frame(0x82, &[0; 400_000]));
        assert!(siege.counts().bytes < 1_100_000);
    }
    assert_eq!(large.farewell(), 1009);
    assert_eq!(siege.violation(), Violation::AttachmentsTooLarge);
    let mut mixed = siege.attacker();
    mixed.say("451-[\"x\"]");
    mixed.say("42[\"other\"]");
    assert_eq!(mixed.farewell(), 1008);
    assert_eq!(siege.violation(), Violation::AttachmentsMissing);
    let mut half = siege.attacker();
    half.say("452-[\"x\"]");
    half.send(frame(0x82, &[0; 1000]));
    drop(half);
    assert_eq!(siege.reason(), Reason::TransportClose);
    assert_eq!(siege.lift(), [""; 0]);
    let soon = Duration::from_millis(200);
    let siege = Siege::with(serve, |config| config.limits.attachment_time = soon, |_| {});
    let mut slow = siege.attacker();
    slow.say("4510-[\"x\"]");
    slow.send(frame(0x82, &[0; 1000]));
    assert_eq!(slow.farewell(), 1008);
    assert_eq!(siege.violation(), Violation::AttachmentsLate);
    assert_eq!(siege.lift(), [""; 0]);
}

/// A18, socket.io 4.7.2, socketioxide #627: namespaces that do not exist cost an answer each, those
/// that do are counted.
pub fn a18_a_flood_of_namespaces_ends_at_the_limit(serve: Serve) {
    let arrange = |app: &mut sansocket_app::App| {
        app.namespace("/open-{n}");
        app.namespace("/shut-{n}").on_connect(|| false);
    };
    let siege = Siege::with(serve, |config| config.limits.namespaces = 8, arrange);
    let mut attacker = siege.attacker();
    let before = siege.counts();
    for n in 0..1000 {
        attacker.say(&format!("40/nowhere-{n},"));
        assert!(attacker.hear().starts_with("44/nowhere-"));
        attacker.say(&format!("40/shut-{n},"));
        assert!(attacker.hear().starts_with("44/shut-"));
    }
    assert_eq!(siege.counts(), before);
    for n in 0..7 {
        attacker.say(&format!("40/open-{n},"));
        assert!(attacker.hear().starts_with("40/open-"));
    }
    attacker.say("40/open-7,");
    assert_eq!(attacker.farewell(), 1008);
    assert_eq!(siege.violation(), Violation::TooManyNamespaces);
    assert_eq!(siege.lift(), [""; 0]);
}

/// A19: a connection that joins nothing is closed, on either transport.
pub fn a19_who_joins_nothing_is_hung_up_on(serve: Serve) {
    let timeout = Duration::from_secs(1);
    let siege = Siege::with(serve, |config| config.connect_timeout = timeout, |_| {});
    let mut strangers: Vec<_> = (0..20).map(|_| siege.stranger()).collect();
    let target = "/socket.io/?EIO=4&transport=polling";
    let mut pollers: Vec<_> = (0..20).map(|_| siege.connect()).collect();
    for poller in &mut pollers {
        assert_eq!(poller.ask(&testbed::request("GET", target, "", "")).status, 200);
    }
    strangers.iter_mut().for_each(|stranger| assert_eq!(stranger.farewell(), 1008));
    assert_eq!(siege.lift(), [""; 0]);
}

/// A17, socketioxide #801; A20, python-socketio 5.17: a client that is not admitted yet is not heard and hears
/// nothing, and asking again does not help.
pub fn a20_nobody_is_heard_before_the_admission(serve: Serve) {
    let (asked, asking) = mpsc::channel();
    let arrange = |app: &mut sansocket_app::App| {
        app.namespace("/guarded")
            .on_connect(move |socket: Socket| {
                let (decide, decided) = mpsc::channel::<()>();
                asked.send(decide).expect("the test goes on");
                async move {
                    while decided.try_recv() == Err(mpsc::TryRecvError::Empty) {
                        socket.io().sleep(Duration::from_millis(1)).await;
                    }
                    true
                }
            })
            .on("admin", || -> () { panic!("it was heard") });
    };
    let siege = Siege::with(serve, |_| {}, arrange);
    let mut attacker = siege.attacker();
    attacker.say("40/guarded,");
    attacker.say("42/guarded,[\"admin\"]");
    let decide = asking.recv_timeout(PATIENCE).expect("it is asked");
    siege.io.of("/guarded").emit("secret", &()).expect("it is sent to nobody");
    attacker.say("421[\"echo\",1]");
    assert_eq!(attacker.hear(), "431[1]", "a secret was told");
    decide.send(()).expect("it waits");
    assert!(attacker.hear().starts_with("40/guarded,"));
    let mut twice = siege.attacker();
    twice.say("40/guarded,");
    let decide = asking.recv_timeout(PATIENCE).expect("it is asked");
    twice.say("40/guarded,{\"again\":1}");
    twice.say("42/guarded,[\"admin\"]");
    twice.say("421[\"echo\",1]");
    assert_eq!(twice.hear(), "431[1]", "it was let in");
    decide.send(()).expect("it waits");
    assert!(twice.hear().starts_with("40/guarded,"));
    twice.say("40/guarded,{\"again\":2}");
    twice.say("421[\"echo\",2]");
    assert_eq!(twice.hear(), "431[2]", "it was told twice");
    drop(twice);
    assert_eq!(siege.reason(), Reason::TransportClose);
    drop(attacker);
    assert_eq!(siege.reason(), Reason::TransportClose);
    thread::yield_now();
    assert!(asking.try_recv().is_err(), "it was asked again");
    assert_eq!(siege.lift(), [""; 0]);
}
