//! How slowly a peer may read and write before it is cut off, and peers that only look slow.

use crate::streams::stage::{POLLING, Stage, Stream, sid};
use sansocket::Config;
use sansocket_app::http::Request;
use sansocket_app::{App, Bytes, Reason, Violation, sequential};
use std::future::pending;
use std::sync::mpsc;
use std::time::Duration;
use testbed::frame;

const LARGE: usize = 400_000;

/// An application that answers `/large` and records the reasons of departures.
fn stage(set: impl FnOnce(&mut Config)) -> (Stage, mpsc::Receiver<Reason>) {
    let mut config = Config::default();
    set(&mut config);
    let (left, reasons) = mpsc::channel();
    let mut app = App::with_config(config);
    app.fallback(|_: Request<Bytes>| "~".repeat(LARGE));
    app.on("never", sequential(async || pending::<()>().await));
    app.on_disconnect(move |reason: Reason| left.send(reason).unwrap());
    (Stage::new(app), reasons)
}

/// A WebSocket in `/`.
fn websocket(stage: &Stage) -> Stream {
    let mut stream = stage.stream();
    stream.upgrade("");
    assert!(stream.send("40").contains("40{"));
    stream
}

/// Lets a client take so many bytes each second, and answer PINGs without having read them; for how
/// many seconds, 300 at most, that goes well.
fn lasts(stage: &Stage, stream: &mut Stream, rate: usize) -> u64 {
    for second in 0..300 {
        stream.take_only(rate);
        stream.take();
        if !stream.is_open() {
            return second;
        }
        stage.pass(1);
    }
    300
}

/// The same on a WebSocket, which answers PINGs that it may not even have read.
fn lasts_beating(stage: &Stage, stream: &mut Stream, rate: usize) -> u64 {
    for second in 0..300 {
        stream.take_only(rate);
        stream.send("3");
        if !stream.is_open() {
            return second;
        }
        stage.pass(1);
    }
    300
}

/// E18, slow read.
#[test]
fn e18_who_takes_a_byte_now_and_then_is_cut_off() {
    let (stage, _reasons) = stage(|_| {});
    for fields in ["", "Connection: close\r\n"] {
        for (rate, seconds) in [(0, 3..=35), (1, 60..=130), (1000, 60..=130), (1100, 300..=300)] {
            let mut stream = stage.stream();
            stream.take_only(0);
            assert_eq!(stream.ask("GET", "/large", fields, ""), "");
            let lasted = lasts(&stage, &mut stream, rate);
            assert!(seconds.contains(&lasted), "{rate} bytes a second: {lasted} s");
        }
    }
}

/// E18: a poll behind a long answer is no way around.
#[test]
fn e18_a_held_poll_keeps_no_answer_before_it() {
    let (stage, _reasons) = stage(|_| {});
    let mut slow = stage.stream();
    let second = sid(&slow.ask("GET", POLLING, "", "")).to_owned();
    slow.post(&second, "40");
    assert!(slow.get(&second).contains("40{"));
    // Little enough waits for the next request to be read.
    slow.take_only(LARGE - 10_000);
    slow.ask("GET", "/large", "", "");
    slow.get(&second);
    let mut seconds = 0;
    while slow.is_open() {
        stage.pass(1);
        // It answers PINGs that it has not read.
        stage.stream().post(&second, "3");
        seconds += 1;
        assert!(seconds < 70, "it is kept");
    }
}

/// E18.
#[test]
fn e18_a_websocket_that_takes_a_byte_now_and_then_is_cut_off() {
    let (stage, reasons) = stage(|_| {});
    let mut websocket = websocket(&stage);
    for (rate, seconds) in [(1100, 300..=300), (1, 59..=125)] {
        websocket.take_only(0);
        stage.io.emit("large", &"x".repeat(LARGE)).unwrap();
        let lasted = lasts_beating(&stage, &mut websocket, rate);
        assert!(seconds.contains(&lasted), "{rate} bytes a second: {lasted} s");
    }
    assert_eq!(reasons.try_recv(), Ok(Reason::Violation(Violation::TooSlow)));
}

/// E19.
#[test]
fn e19_a_message_that_drips_is_cut_off() {
    let message = frame(0x81, format!("42[\"x\",\"{}\"]", "x".repeat(500_000)).as_bytes());
    for (rate, seconds) in [(1, 60..=125), (900, 60..=125), (1100, 300..=300)] {
        let (stage, reasons) = stage(|config| config.monitor_clients = false);
        let mut websocket = websocket(&stage);
        let (begin, rest) = message.split_at(5000);
        websocket.say(begin);
        let mut pieces = rest.chunks(rate);
        let mut lasted = 0;
        while lasted < 300 && websocket.is_open() {
            websocket.say(pieces.next().unwrap());
            stage.pass(1);
            lasted += 1;
        }
        assert!(seconds.contains(&lasted), "{rate} bytes a second: {lasted} s");
        let cut_off = reasons.try_recv() == Ok(Reason::Violation(Violation::TooSlow));
        assert_eq!(cut_off, lasted < 300);
    }
}

/// E19: it does not help to say something else meanwhile.
#[test]
fn e19_a_message_of_many_small_frames_is_cut_off_too() {
    let (stage, reasons) = stage(|config| config.monitor_clients = false);
    let mut websocket = websocket(&stage);
    websocket.say(frame(0x01, &[b'4'; 5000]));
    for second in 0..125 {
        websocket.say([frame(0x00, b"x"), frame(0x8a, b"")].concat());
        if !websocket.is_open() {
            assert!(second >= 60, "{second}");
            break;
        }
        stage.pass(1);
    }
    assert_eq!(reasons.try_recv(), Ok(Reason::Violation(Violation::TooSlow)));
}

#[test]
fn who_has_nothing_to_take_or_give_is_not_slow() {
    let (stage, reasons) = stage(|_| {});
    let mut websocket = websocket(&stage);
    // Both ways it lags for a moment, time and again, with much between.
    let message = frame(0x81, format!("42[\"x\",\"{}\"]", "x".repeat(10_000)).as_bytes());
    for round in 0..20 {
        websocket.take_only(0);
        stage.io.emit("large", &"x".repeat(20_000)).unwrap();
        websocket.say(&message[..9_000]);
        stage.pass(1);
        websocket.take_only(usize::MAX);
        websocket.say(&message[9_000..]);
        websocket.send("3");
        stage.pass(17);
        assert!(websocket.is_open(), "cut off in round {round}");
    }
    assert!(reasons.try_recv().is_err());
}

#[test]
fn a_small_message_may_take_its_time() {
    let (stage, _reasons) = stage(|config| config.monitor_clients = false);
    let mut websocket = websocket(&stage);
    let message = frame(0x81, format!("42[\"x\",\"{}\"]", "x".repeat(3_000)).as_bytes());
    for piece in message.chunks(10) {
        websocket.say(piece);
        stage.pass(1);
    }
    assert!(websocket.is_open());
}

#[test]
fn who_is_not_read_is_not_slow() {
    let (stage, _reasons) = stage(|config| config.monitor_clients = false);
    let mut websocket = websocket(&stage);
    let event = frame(0x81, format!("42[\"never\",\"{}\"]", "x".repeat(30_000)).as_bytes());
    // Cut so that the server stops in the middle of a message.
    let (mut sent, mut rest) = (0, Vec::new());
    while websocket.is_read() {
        rest.extend_from_slice(&event);
        let piece = rest.drain(..20_000.min(rest.len())).collect::<Vec<_>>();
        websocket.say(piece);
        sent += 1;
        assert!(sent < 1000, "it is read for ever");
    }
    stage.pass(300);
    assert!(websocket.is_open());
}

#[test]
fn a_rate_of_nothing_cuts_nobody_off() {
    let (stage, _reasons) = stage(|config| config.limits.least_rate = 0);
    let mut stream = stage.stream();
    stream.take_only(1);
    stream.ask("GET", "/large", "", "");
    assert_eq!(lasts(&stage, &mut stream, 1), 300);
    let mut websocket = websocket(&stage);
    websocket.take_only(0);
    stage.io.emit("large", &"x".repeat(LARGE)).unwrap();
    assert_eq!(lasts_beating(&stage, &mut websocket, 0), 300);
}

#[test]
fn what_came_while_the_process_was_paused_is_read_before_its_sender_is_too_slow() {
    let (stage, _reasons) = stage(|config| config.ping_interval = Duration::from_secs(1000));
    let mut stream = websocket(&stage);
    let message = frame(0x81, format!("42[\"x\",\"{}\"]", "~".repeat(10_000)).as_bytes());
    let (first, rest) = message.split_at(8000);
    stream.put(first);
    assert!(stream.is_open());
    stage.pause(300);
    stream.put_unread(rest);
    assert!(stream.is_open(), "all of it had come");
    stream.put(first);
    assert!(stream.is_open());
    stage.pause(300);
    assert!(!stream.is_open(), "the rest never came");
}
