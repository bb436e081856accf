//! How long a stream may take, and that nothing else ends it.

use crate::streams::stage::{POLLING, Stage, Stream, payload, sid};
use sansocket::Config;
use sansocket_app::http::Request;
use sansocket_app::{App, Bytes, Io, Socket, sequential};
use std::future::{pending, poll_fn};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::task::Poll;
use std::time::Duration;
use testbed::request;

#[test]
fn a_poll_is_held_on_any_stream_until_the_ping() {
    let stage = Stage::new(App::new());
    let mut client = stage.polling();
    assert_eq!(client.get(), "");
    stage.pass(25);
    assert!(client.polls.take().ends_with("\r\n\r\n2"));
    // The streams change places: the pong goes where the poll was.
    assert!(client.polls.post(&client.sid, "3").ends_with("ok"));
    assert_eq!(client.posts.get(&client.sid), "");
    stage.pass(24);
    assert!(client.posts.is_open(), "the held poll was cut off");
    stage.pass(2);
    assert!(client.posts.take().ends_with("\r\n\r\n2"));
}

#[test]
fn a_client_is_not_blamed_for_a_ping_that_its_blocked_thread_did_not_write() {
    let (stage, mut client) = pinged_by_a_blocked_thread();
    assert!(client.take().ends_with("\u{1}2"), "the PING leaves when the thread is free");
    assert!(client.is_open(), "the client could not answer before");
    client.send("3");
    stage.pass(44);
    assert!(client.take().ends_with("\u{1}2"));
    assert!(client.is_open());
    stage.pass(2);
    assert!(client.take().ends_with(GOODBYE), "the next PING was never answered");
}

#[test]
fn a_silent_client_is_excused_once() {
    let (stage, mut client) = pinged_by_a_blocked_thread();
    assert!(client.is_open());
    stage.pass(19);
    // Something waits for it whenever it is looked at.
    stage.io.emit("news", &()).unwrap();
    stage.pass(2);
    assert!(client.take().ends_with(GOODBYE));
}

#[test]
fn a_poll_is_released_although_the_answer_to_the_probe_is_not_written_yet() {
    let stage = Stage::new(App::new());
    let mut client = stage.polling();
    let mut websocket = stage.stream();
    websocket.upgrade(&format!("&sid={}", client.sid));
    websocket.put(testbed::frame(0x81, b"2probe"));
    assert_eq!(client.get(), "");
    assert!(websocket.take().ends_with("3probe"));
    assert!(client.polls.take().ends_with("\r\n\r\n6"));
}

/// The status of a CLOSE frame: 1000.
const GOODBYE: &str = "\u{3}\u{fffd}";

/// A client on a WebSocket to which a PING waits to be written for twice the time it has to answer: its thread is
/// blocked.
fn pinged_by_a_blocked_thread() -> (Stage, Stream) {
    let stage = Stage::new(App::new());
    let mut client = stage.stream();
    client.upgrade("");
    client.send("40");
    stage.pass(25);
    stage.pause(21);
    stage.pause(21);
    (stage, client)
}

#[test]
fn line_breaks_between_requests_move_no_deadline() {
    let stage = Stage::new(App::new());
    for (breaks, seconds) in [(&["\r", "\n"][..], 30), (&["\r\n"], 30), (&["\r", "\n", "\r"], 45)] {
        let mut stream = stage.stream();
        let mut passed = 0;
        for text in breaks.iter().chain(std::iter::repeat(&"")) {
            stream.put(*text);
            stage.pass(9);
            passed += 9;
            if !stream.is_open() {
                break;
            }
            assert!(passed <= seconds, "{breaks:?}");
        }
    }
    // One is skipped, also when it comes in halves, and the head that follows has its own time.
    let mut stream = stage.stream();
    for text in ["\r", "\n", "G"] {
        stream.put(text);
        stage.pass(9);
        assert!(stream.is_open());
    }
    let rest = &request("GET", POLLING, "", "")[1..];
    assert!(stream.say(rest).starts_with("HTTP/1.1 200 "));
    assert!(
        stream.say(["\r\n", &request("GET", "/", "", "")].concat()).starts_with("HTTP/1.1 404 ")
    );
    let answer = stream.say(["\r\n\r\n", &request("GET", "/", "", "")].concat());
    assert!(answer.starts_with("HTTP/1.1 400 "), "two are no stray end of a body: {answer}");
}

#[test]
fn an_answer_may_take_longer_than_any_request() {
    let done = Arc::new(AtomicBool::new(false));
    let mut app = App::new();
    let is_done = done.clone();
    app.fallback(move |_: Request<Bytes>| {
        let done = is_done.clone();
        poll_fn(move |_| match done.load(Ordering::SeqCst) {
            true => Poll::Ready("late"),
            false => Poll::Pending,
        })
    });
    let stage = Stage::new(app);
    let mut stream = stage.stream();
    assert_eq!(stream.ask("GET", "/slow", "", ""), "");
    stage.pass(100);
    assert!(stream.is_open());
    done.store(true, Ordering::SeqCst);
    stage.run();
    assert!(stream.take().ends_with("\r\n\r\nlate"));
}

#[test]
fn a_slow_client_gets_all_of_a_large_last_answer() {
    const LENGTH: usize = 4_000_000;
    let mut app = App::new();
    app.fallback(|_: Request<Bytes>| "~".repeat(LENGTH));
    let stage = Stage::new(app);
    let mut stream = stage.stream();
    stream.take_only(0);
    assert_eq!(stream.ask("GET", "/large", "Connection: close\r\n", ""), "");
    let mut body = 0;
    while body < LENGTH {
        assert!(stream.is_open(), "cut off after {body} bytes");
        stream.take_only(LENGTH / 10);
        body += stream.take().matches('~').count();
        stage.pass(1);
    }
}

#[test]
fn a_stream_may_be_idle_for_its_time_after_a_compressed_answer() {
    let stage = Stage::new(App::new());
    let mut client = stage.polling();
    let target = format!("{POLLING}&sid={}", client.sid);
    assert_eq!(client.polls.ask("GET", &target, "Accept-Encoding: gzip\r\n", ""), "");
    stage.pass(20);
    stage.io.emit("large", &"x".repeat(5000)).unwrap();
    assert!(client.polls.take().contains("content-encoding: gzip"));
    stage.pass(25);
    assert!(client.polls.is_open(), "closed after 25 seconds of 30");
    stage.pass(10);
    assert!(!client.polls.is_open(), "open after 35 seconds of 30");
}

#[test]
fn a_stream_is_not_closed_for_what_handlers_keep_from_being_read() {
    let mut app = App::new();
    app.on("never", sequential(async || pending::<()>().await));
    let stage = Stage::new(app);
    let mut client = stage.polling();
    stage.run();
    for count in [1, 10_000] {
        client.post(&payload(r#"42["never"]"#, count));
    }
    assert!(!client.posts.is_read());
    stage.pass(40);
    assert!(client.posts.is_open(), "it had no chance to say more");
}

#[test]
fn the_stream_of_a_handshake_does_not_hold_the_end_up_for_its_idle_time() {
    let stage = Stage::new(App::new());
    let mut first = stage.stream();
    let sid = sid(&first.ask("GET", POLLING, "", "")).to_owned();
    let mut websocket = stage.stream();
    websocket.upgrade(&format!("&sid={sid}"));
    for packet in ["2probe", "5", "40"] {
        websocket.send(packet);
    }
    stage.io.stop_within(Duration::from_secs(60));
    websocket.say(testbed::frame(0x88, &1000_u16.to_be_bytes()));
    assert!(!websocket.is_open());
    first.take();
    stage.pass(5);
    assert!(!first.is_open(), "its session has left it for the WebSocket");
}

#[test]
fn a_time_without_end_is_allowed() {
    let mut config = Config::default();
    config.limits.idle_time = Duration::MAX;
    let stage = Stage::new(App::with_config(config));
    let mut stream = stage.stream();
    stage.pass(100);
    assert!(stream.is_open());
}

#[test]
fn who_is_not_decided_about_in_time_leaves_no_session() {
    let held = Arc::new(Mutex::new(Weak::new()));
    let mut app = App::new();
    let keep = held.clone();
    app.on_connect(move |socket: Socket| {
        let value = Arc::new(());
        *keep.lock().unwrap() = Arc::downgrade(&value);
        socket.session().set(value);
        async move {
            socket.io().sleep(Duration::from_secs(60)).await;
            true
        }
    });
    let stage = Stage::new(app);
    let (mut polls, mut posts) = (stage.stream(), stage.stream());
    let sid = sid(&polls.ask("GET", POLLING, "", "")).to_owned();
    assert!(posts.post(&sid, "40").ends_with("ok"));
    stage.run();
    assert!(held.lock().unwrap().upgrade().is_some());
    stage.pass(70);
    assert!(held.lock().unwrap().upgrade().is_none(), "what was set for it is kept");
}

#[test]
fn who_ends_its_side_is_not_kept_for_an_answer_that_never_comes() {
    let mut app = App::new();
    app.fallback(|_: Request<Bytes>| pending::<&str>());
    let stage = Stage::new(app);
    let ask = "GET /slow HTTP/1.1\r\nHost: a\r\n\r\n";
    let mut streams = [1, 2].map(|_| stage.stream());
    for stream in &mut streams {
        assert_eq!(stream.say(ask), "");
    }
    streams[0].end();
    stage.pass(58);
    assert!(streams.iter_mut().all(|stream| stream.is_open()));
    stage.pass(4);
    assert_eq!(streams.each_mut().map(|stream| stream.is_open()), [false, true]);
}

#[test]
fn a_pipelined_request_of_who_ended_its_side_is_given_the_same_time() {
    let mut app = App::new();
    app.fallback(async |request: Request<Bytes>| {
        let io = request.extensions().get::<Io>().unwrap().clone();
        let wait = if request.uri().path() == "/first" { 30 } else { 1_000_000 };
        io.sleep(Duration::from_secs(wait)).await;
        "done"
    });
    let stage = Stage::new(app);
    let mut stream = stage.stream();
    let both = ["first", "second"].map(|path| format!("GET /{path} HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_eq!(stream.say(both.concat()), "");
    stream.end();
    stage.pass(31);
    assert!(stream.take().ends_with("done"));
    stage.pass(57);
    assert!(stream.is_open());
    stage.pass(4);
    assert!(!stream.is_open());
}

#[test]
fn a_request_that_came_before_the_deadline_of_its_stream_is_answered() {
    let stage = Stage::new(App::new());
    let [mut idle, mut dripping, mut silent] = [1, 2, 3].map(|_| stage.stream());
    assert!(idle.ask("GET", POLLING, "", "").starts_with("HTTP/1.1 200 "));
    let head = request("GET", POLLING, "", "");
    let (first, rest) = head.split_at(10);
    dripping.put(first);
    stage.pass(32);
    idle.put_unread(head.as_str());
    assert!(idle.take().starts_with("HTTP/1.1 200 "));
    dripping.put_unread(rest);
    assert!(dripping.take().starts_with("HTTP/1.1 200 "));
    silent.put_unread("");
    assert!(idle.is_open() && dripping.is_open() && !silent.is_open());
}

#[test]
fn a_stream_that_only_drips_at_its_deadline_is_cut_off() {
    let stage = Stage::new(App::new());
    let mut stream = stage.stream();
    stream.put("G");
    stage.pass(32);
    stream.put_unread("E");
    assert!(!stream.is_open());
}
