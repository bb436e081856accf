//! D: WebSocket frames, end to end.

use sansocket_app::{Config, Reason, Refused, SlowClient, Socket, Violation};
use socket2::SockRef;
use std::io::Read as _;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use super::siege::Siege;
use crate::Serve;
use crate::client::PATIENCE;
use testbed::frame;
use testbed::upgrade;

/// D1, CVE-2016-10542, CVE-2022-35922; D2, CVE-2026-48779; D7; D10; D11: a peer that sends this is told
/// why, and leaves for the rule it broke.
pub fn d01_hostile_frames_end_their_session_and_no_other(serve: Serve) {
    let mut siege = Siege::new(serve);
    let announced = |length: u64| [&[0x82, 0xff][..], &length.to_be_bytes(), &[0; 4]].concat();
    let fragments = |payload: &[u8]| {
        let rest = frame(0x00, payload).repeat(20_000);
        [frame(0x01, b"4"), rest].concat()
    };
    for (bytes, code, violation) in [
        (announced((1 << 63) - 1), 1009, Violation::MessageTooLarge),
        (announced(1 << 62), 1009, Violation::MessageTooLarge),
        (announced(1_000_001), 1009, Violation::MessageTooLarge),
        (fragments(b""), 1008, Violation::TooManyFragments),
        (fragments(b"1"), 1008, Violation::TooManyFragments),
        (frame(0xc1, b"\xf2\x48\x2d\x2e"), 1002, Violation::ReservedBits),
        (frame(0x83, b""), 1002, Violation::UnknownOpcode),
        (vec![0x81, 1, b'3'], 1002, Violation::Mask),
        (frame(0x09, b""), 1002, Violation::ControlFrame),
        (frame(0x89, &[0; 126]), 1002, Violation::ControlFrame),
        (frame(0x88, b"\x03"), 1002, Violation::BadClose),
        (frame(0x81, b"\xce\xba\xed\xa0\x80"), 1007, Violation::InvalidUtf8),
        (frame(0x80, b"3"), 1002, Violation::FragmentOrder),
    ] {
        let mut attacker = siege.attacker();
        attacker.send(&bytes);
        assert_eq!(attacker.farewell(), code, "{violation}");
        assert_eq!(siege.violation(), violation);
        siege.nobody_notices();
    }
    assert_eq!(siege.lift(), [""; 0]);
}

/// D3, ws 8.23: a peer that floods with PINGs and does not read gets the latest PONG and few others.
pub fn d03_a_flood_of_pings_without_reading_is_bounded(serve: Serve) {
    const PINGS: u32 = 60_000;
    let mut siege = Siege::new(serve);
    let mut attacker = siege.attacker();
    // The operating system shall buffer little for a peer that does not read.
    SockRef::from(&attacker.stream).set_recv_buffer_size(64 * 1024).expect("it is TCP");
    for first in (0..PINGS).step_by(1000) {
        // Each is told from the others.
        let payload = |n: u32| [&n.to_be_bytes()[..], &[7; 121]].concat();
        let pings: Vec<u8> = (first..first + 1000).flat_map(|n| frame(0x89, &payload(n))).collect();
        assert!(attacker.send(&pings));
    }
    siege.nobody_notices();
    let mut pongs = 0;
    loop {
        let (first, payload) = attacker.frame().expect("it goes on");
        assert_eq!(first, 0x8a);
        pongs += 1;
        if payload[..4] == (PINGS - 1).to_be_bytes() {
            break;
        }
    }
    assert!(pongs < PINGS, "everything was kept");
    attacker.say("421[\"echo\",1]");
    assert_eq!(attacker.hear(), "431[1]");
    drop(attacker);
    assert_eq!(siege.reason(), Reason::TransportClose);
    assert_eq!(siege.lift(), [""; 0]);
}

/// D6, CVE-2021-32640; D7: extensions that a handshake offers are passed over, a compression of frames
/// too, and a subprotocol is found behind any number of blanks.
pub fn d07_no_extension_is_agreed_on(serve: Serve) {
    let siege = Siege::new(serve);
    for field in [
        "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits".into(),
        "Sec-WebSocket-Extensions: constructor, permessage-deflate; server_max_window_bits=\""
            .into(),
        format!("Sec-WebSocket-Protocol:{}x", " ".repeat(15_000)),
    ] {
        let mut raider = siege.connect();
        let asked = upgrade("/socket.io/?EIO=4&transport=websocket");
        let answer = raider.ask(&asked.replace("Host:", &format!("{field}\r\nHost:")));
        assert_eq!(answer.status, 101);
        assert_eq!(answer.header("sec-websocket-extensions"), None);
        let offered = field.starts_with("Sec-WebSocket-Protocol").then_some("x");
        assert_eq!(answer.header("sec-websocket-protocol"), offered);
    }
    assert_eq!(siege.lift(), [""; 0]);
}

/// D9, CVE-2020-35896: a peer that never reads costs its backlog at most, and is then refused or cut
/// off, as the settings say.
pub fn d09_who_never_reads_costs_no_more_than_its_budget(serve: Serve) {
    const BUDGET: usize = 200_000;
    for slow in [SlowClient::Refuse, SlowClient::Disconnect] {
        let set = |config: &mut Config| {
            config.limits.max_backlog = BUDGET;
            config.slow = slow;
        };
        let (joined, sockets) = mpsc::channel();
        let arrange = |app: &mut sansocket_app::App| {
            app.on_connect(move |socket: Socket| drop(joined.send(socket)));
        };
        let mut siege = Siege::with(serve, set, arrange);
        let _witness = sockets.recv_timeout(PATIENCE).expect("it joined first");
        let attacker = siege.attacker();
        let socket = sockets.recv_timeout(PATIENCE).expect("it joined");
        let text = "x".repeat(20_000);
        let refused = loop {
            match socket.emit("news", &text) {
                Ok(()) => assert!(siege.counts().bytes <= BUDGET + 3 * text.len()),
                Err(sansocket_app::EmitError::Refused(refused)) => break refused,
                Err(error) => panic!("{error}"),
            }
        };
        siege.nobody_notices();
        if slow == SlowClient::Refuse {
            assert!(matches!(refused, Refused::Backlog { .. }), "{refused}");
            socket.join("slow").expect("it is there");
            // The system may have taken some more meanwhile.
            while siege.io.local().count() > 1 {
                siege.io.to("slow").emit("news", &text).expect("it is an event");
            }
        }
        assert_eq!(siege.reason(), Reason::SlowConsumer);
        // It still holds its end, and reads nothing.
        assert_eq!(siege.lift(), [""; 0]);
        drop(attacker);
    }
}

/// E18: a WebSocket that takes next to nothing of what waits for it is cut off.
pub fn e18_a_websocket_that_reads_next_to_nothing_is_cut_off(serve: Serve) {
    let (joined, sockets) = mpsc::channel();
    let arrange = |app: &mut sansocket_app::App| {
        app.on_connect(move |socket: Socket| drop(joined.send(socket)));
    };
    let mut siege = Siege::with(serve, hurried, arrange);
    let _witness = sockets.recv_timeout(PATIENCE).expect("it joined first");
    let mut attacker = siege.attacker();
    let socket = sockets.recv_timeout(PATIENCE).expect("it joined");
    // More than any system takes on its way.
    let text = "x".repeat(1_000_000);
    let sent = (0..30).take_while(|_| socket.emit("news", &text).is_ok()).count();
    assert!(sent > 1, "it is cut off for what it does not read");
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut byte = [0];
            while attacker.send(frame(0x8a, b"")) && attacker.stream.read(&mut byte).is_ok() {
                thread::sleep(Duration::from_millis(10));
            }
        });
        assert_eq!(siege.violation(), Violation::TooSlow);
    });
    siege.nobody_notices();
    assert_eq!(siege.lift(), [""; 0]);
}

/// E19: a message that drips is cut off.
pub fn e19_a_message_that_drips_in_is_cut_off(serve: Serve) {
    let siege = Siege::with(serve, hurried, |_| {});
    let mut attacker = siege.attacker();
    let message = frame(0x81, &[b'4'; 500_000]);
    let (begin, rest) = message.split_at(20_000);
    attacker.send(begin);
    thread::scope(|scope| {
        scope.spawn(|| {
            for byte in rest {
                if !attacker.send([*byte]) {
                    return;
                }
                thread::sleep(Duration::from_millis(5));
            }
        });
        assert_eq!(siege.violation(), Violation::TooSlow);
    });
    assert_eq!(siege.lift(), [""; 0]);
}

/// Settings under which slow peers are found out within seconds.
pub(super) fn hurried(config: &mut Config) {
    config.limits.least_rate = 100_000;
    config.limits.rate_window = Duration::from_millis(500);
    config.limits.idle_time = Duration::from_millis(500);
    config.limits.max_backlog = 64 * 1024 * 1024;
}
