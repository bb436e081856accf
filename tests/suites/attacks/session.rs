//! C: Engine.IO sessions, end to end.

use sansocket_app::{Reason, Violation};
use std::time::Duration;

use super::siege::{Raider, Siege};
use crate::Serve;
use crate::proxy::reset;
use testbed::frame;
use testbed::{request, upgrade};

const POLLING: &str = "/socket.io/?EIO=4&transport=polling";
const WEBSOCKET: &str = "/socket.io/?EIO=4&transport=websocket";

/// C4, CVE-2022-21676: bytes that are no frames, right behind an upgrade, cost the WebSocket alone.
pub fn c04_garbage_behind_an_upgrade_ends_the_websocket_alone(serve: Serve) {
    let siege = Siege::new(serve);
    let mut client = siege.poller();
    for session in [String::new(), format!("&sid={}", client.sid)] {
        let mut raider = siege.connect();
        raider.send(upgrade(&format!("{WEBSOCKET}{session}")) + "test");
        assert_eq!(raider.answer().expect("it is answered").status, 101);
        assert_eq!(raider.farewell(), 1002);
    }
    client.post("421[\"echo\",1]");
    assert_eq!(client.poll(), "431[1]");
    client.post("41");
    assert_eq!(siege.reason(), Reason::ClientDisconnect);
    client.post("1");
    assert_eq!(siege.lift(), [""; 0]);
}

/// C5, CVE-2022-41940: odd upgrades are refused, and a reset right behind one is a close.
pub fn c05_odd_upgrades_and_resets_behind_them_are_contained(serve: Serve) {
    let mut siege = Siege::new(serve);
    for value in ["h2c", "WebSocket/13", "x, y", ""] {
        let odd = upgrade(WEBSOCKET).replace("Upgrade: websocket", &format!("Upgrade: {value}"));
        assert_eq!(siege.connect().ask(&odd).status, 400, "{value}");
    }
    let client = siege.poller();
    for session in [String::new(), format!("&sid={}", client.sid)] {
        for _ in 0..50 {
            let mut raider = siege.connect();
            raider.send(upgrade(&format!("{WEBSOCKET}{session}")));
            reset(&raider.stream).expect("it is open");
        }
        siege.nobody_notices();
    }
    let mut client = client;
    client.post("421[\"echo\",1]");
    assert_eq!(client.poll(), "431[1]");
    client.post("1");
    assert_eq!(siege.reason(), Reason::TransportClose);
    assert_eq!(siege.lift(), [""; 0]);
}

/// C6, CVE-2023-31125; C10, engine.io 6.6.11; C15; C16, CVE-2020-28481; C17; C19: a request that is
/// not quite one of ours opens nothing, and learns nothing but the number of its fault.
pub fn c06_odd_requests_open_and_change_nothing(serve: Serve) {
    let siege = Siege::new(serve);
    let mut client = siege.poller();
    let session = format!("{POLLING}&sid={}", client.sid);
    for (target, code) in [
        ("/socket.io/?EIO=4&transport=__proto__", 0),
        ("/socket.io/?EIO=4", 0),
        ("/socket.io/?EIO=4&transport=%3Cscript%3E", 0),
        ("/socket.io/?EIO=4&transport=polling&transport=polling", 3),
        ("/socket.io/?EIO=4&EIO=3&transport=polling", 3),
        ("/socket.io/?EIO=9&transport=polling", 5),
        ("/socket.io/?EIO=4&transport=polling&sid=%3Cscript%3E", 1),
        ("/socket.io/?EIO=4&transport=polling&sid=__proto__", 1),
        (&session.to_lowercase(), 1),
        (&session.replace("EIO=4", "EIO=3"), 3),
        (&session.replace("transport=polling", "transport=websocket"), 3),
    ] {
        let answer = siege.connect().ask(&request("GET", target, "", ""));
        assert_eq!(answer.status, 400, "{target}");
        assert!(answer.body.starts_with(&format!("{{\"code\":{code},")), "{target}: {answer:?}");
        assert!(!answer.body.contains("script"), "{target}");
    }
    for path in ["/socket.iox", "//socket.io/", "/socket%2Eio/", "/engine.io-admin"] {
        let target = format!("{path}?EIO=4&transport=polling");
        assert_eq!(siege.connect().ask(&request("GET", &target, "", "")).status, 404, "{path}");
    }
    let page = "Origin: https://evil.example\r\nCookie: session=1\r\n";
    assert_eq!(siege.connect().ask(&request("GET", POLLING, page, "")).status, 400);
    let websocket = upgrade(WEBSOCKET).replace("Host:", &format!("{page}Host:"));
    assert_eq!(siege.connect().ask(&websocket).status, 400);
    assert_eq!(siege.counts().sessions, 2);
    client.post("421[\"echo\",1]");
    assert_eq!(client.poll(), "431[1]");
    client.post("1");
    assert_eq!(siege.reason(), Reason::TransportClose);
    assert_eq!(siege.lift(), [""; 0]);
}

/// C7, CVE-2026-59725: each binary body ends its session, whether or not the client hangs up.
pub fn c07_every_binary_body_ends_its_session(serve: Serve) {
    let siege = Siege::new(serve);
    let mut raiders = Vec::new();
    for _ in 0..200 {
        let client = siege.poller();
        let mut raider = siege.connect();
        let target = format!("{POLLING}&sid={}", client.sid);
        let kind = "Content-Type: application/octet-stream\r\n";
        assert_eq!(raider.ask(&request("POST", &target, kind, "x")).status, 400);
        assert_eq!(siege.violation(), Violation::BinaryBody);
        raiders.push((client, raider));
    }
    // All of them are still connected.
    assert_eq!(siege.lift(), [""; 0]);
}

/// C9: every transport asks the application before anybody is let in.
pub fn c09_no_transport_goes_past_the_application(serve: Serve) {
    let arrange = |app: &mut sansocket_app::App| {
        app.namespace("/closed")
            .on_connect(|| false)
            .on("early", || -> () { panic!("nobody is in") });
    };
    let siege = Siege::with(serve, |_| {}, arrange);
    let mut poller = siege.poller();
    poller.post("40/closed,\u{1e}42/closed,[\"early\"]");
    assert!(poller.poll().starts_with("44/closed,"));
    let mut direct = siege.attacker();
    let mut moved = siege.connect();
    moved.upgrade(&format!("&sid={}", poller.sid));
    moved.say("2probe");
    assert_eq!(moved.hear(), "3probe");
    moved.say("5");
    for raider in [&mut direct, &mut moved] {
        raider.say("40/closed,");
        raider.say("42/closed,[\"early\"]");
        assert!(raider.hear().starts_with("44/closed,"));
    }
    assert_eq!(siege.counts().sockets, 3);
    drop((direct, moved));
    assert_eq!([siege.reason(), siege.reason()], [Reason::TransportClose; 2]);
    assert_eq!(siege.lift(), [""; 0]);
}

/// C11, CVE-2026-48802: a hundred thousand unsolicited PONGs delay no other client.
pub fn c11_a_flood_of_pongs_delays_nobody(serve: Serve) {
    let mut siege = Siege::new(serve);
    let mut attacker = siege.attacker();
    let pongs: Vec<u8> = (0..1000).flat_map(|_| frame(0x81, b"3")).collect();
    for _ in 0..100 {
        assert!(attacker.send(&pongs));
    }
    siege.nobody_notices();
    attacker.say("421[\"echo\",1]");
    assert_eq!(attacker.hear(), "431[1]");
    drop(attacker);
    assert_eq!(siege.reason(), Reason::TransportClose);
    assert_eq!(siege.lift(), [""; 0]);
}

/// C13, engine.io #363: two requests of a kind at once end the session, and all are answered.
pub fn c13_overlapping_requests_are_all_answered(serve: Serve) {
    let siege = Siege::new(serve);
    let target = |sid: &str| format!("{POLLING}&sid={sid}");
    let client = siege.poller();
    let get = request("GET", &target(&client.sid), "", "");
    let mut raiders: Vec<_> = (0..20).map(|_| siege.connect()).collect();
    raiders.iter_mut().for_each(|raider| assert!(raider.send(&get)));
    let mut statuses: Vec<_> =
        raiders.iter_mut().map(|raider| raider.answer().expect("answered").status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [[200].as_slice(), &[400; 19]].concat());
    assert_eq!(siege.violation(), Violation::OverlappingPoll);
    let client = siege.poller();
    let (mut first, mut second) = (siege.connect(), siege.connect());
    first.send(request("POST", &target(&client.sid), "Content-Length: 5\r\n", "") + "42");
    // Whichever is read first, the other overlaps it.
    second.send(request("POST", &target(&client.sid), "Content-Length: 5\r\n", "") + "42");
    assert_eq!(siege.violation(), Violation::OverlappingPoll);
    first.send("[1]");
    second.send("[1]");
    let answers = [first.answer(), second.answer()];
    assert!(answers.iter().all(|answer| answer.as_ref().expect("answered").status == 400));
    assert_eq!(siege.lift(), [""; 0]);
}

/// C14, python-engineio 4.15: upgrades that are begun and left, doubled, or late.
pub fn c14_misused_upgrades_leave_nothing(serve: Serve) {
    let timeout = Duration::from_secs(1);
    let siege = Siege::with(serve, |config| config.upgrade_timeout = timeout, |_| {});
    let mut client = siege.poller();
    let session = format!("&sid={}", client.sid);
    let mut idle = siege.connect();
    idle.upgrade(&session);
    let mut spare = siege.connect();
    spare.upgrade(&session);
    assert_eq!(spare.farewell(), 1000, "one is tried at a time");
    assert_eq!(idle.farewell(), 1000, "it took too long");
    client.post("421[\"echo\",1]");
    assert_eq!(client.poll(), "431[1]");
    let mut moved = siege.connect();
    moved.upgrade(&session);
    moved.say("2probe");
    assert_eq!(moved.hear(), "3probe");
    moved.say("5");
    moved.say("5");
    moved.say("421[\"echo\",2]");
    assert_eq!(moved.hear(), "431[2]");
    assert_eq!(client.request("GET", "").0, 400);
    assert_eq!(client.request("POST", "42[\"late\"]").0, 400);
    drop(moved);
    assert_eq!(siege.reason(), Reason::TransportClose);
    assert_eq!(siege.lift(), [""; 0]);
}

/// C26: one address that opens sessions without end, and joins nothing, keeps no other address out.
pub fn c26_one_address_cannot_keep_others_out(serve: Serve) {
    let siege = Siege::with(serve, |config| config.limits.handshakes = 10, |_| {});
    // Enough of them for every shard.
    let mut greedy: Vec<_> =
        (0..20).map(|_| Raider::connect_from([127, 0, 0, 2], siege.address)).collect();
    let mut open = || -> Vec<String> {
        let all = greedy
            .iter_mut()
            .flat_map(|raider| (0..20).map(|_| opened(raider)).collect::<Vec<_>>());
        all.collect()
    };
    let mut sids = open();
    let before = siege.counts().gave_way;
    assert!(before > 0);
    let mut modest: Vec<_> = (0..5).map(|_| siege.connect()).collect();
    let joining: Vec<_> = modest.iter_mut().map(opened).collect();
    sids.append(&mut open());
    for (raider, sid) in modest.iter_mut().zip(&joining) {
        let path = format!("{POLLING}&sid={sid}");
        let mut ask = |method, body| raider.ask(&request(method, &path, "", body));
        assert_eq!(ask("POST", "40").status, 200, "it gave way to the greedy");
        // Only a client that was admitted is seen to leave, and on workers that takes a moment.
        assert!(ask("GET", "").body.starts_with("40{"));
        assert_eq!(ask("POST", "1").status, 200);
        assert_eq!(siege.reason(), Reason::TransportClose);
    }
    assert!(siege.counts().gave_way > before);
    // Most of them are gone.
    for sid in sids {
        modest[0].ask(&request("POST", &format!("{POLLING}&sid={sid}"), "", "1"));
    }
    assert_eq!(siege.lift(), [""; 0]);
}

/// Opens a session on polling and returns its id.
fn opened(raider: &mut Raider) -> String {
    let answer = raider.ask(&request("GET", POLLING, "", ""));
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body.split('"').nth(3).expect("a sid").to_owned()
}
