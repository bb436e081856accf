//! Admission, and what deciding handlers see and may do.

use crate::streams::stage::{Later, POLLING, Stage, sid};
use sansocket::{Caller, Config, Method, Origins, Request};
use sansocket_app::bind::Outcome;
use sansocket_app::{App, HandlerError, Socket};
use std::future::{pending, poll_fn};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::task::Poll;
use std::thread;
use std::time::Duration;
use testbed::frame;

/// Long enough for a thread that is not stuck.
const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn sessions_with_ids_of_the_application_are_found_behind_a_host() {
    let mut app = App::new();
    let made = AtomicUsize::new(0);
    app.generate_id(move |_: &Request<'_>, _| {
        format!("own-{}", made.fetch_add(1, Ordering::SeqCst))
    });
    let stage = Stage::with_shards(app, 4);
    for n in 0..8 {
        let Outcome::Respond(open) = stage.host(Method::Get, POLLING) else { panic!("held") };
        let open = String::from_utf8_lossy(&open.body).into_owned();
        assert_eq!(sid(&open), format!("own-{n}"));
        let post = stage.host(Method::Post, &format!("{POLLING}&sid=own-{n}"));
        let Outcome::Body { attachment, .. } = post else { panic!("own-{n}: {post:?}") };
        assert_eq!(attachment.body(b"40").status, 200);
    }
}

#[test]
fn who_judges_origins_may_ask_the_server() {
    let later = Later::default();
    let mut config = Config::default();
    let judge = later.clone();
    config.origins =
        Origins::matching(move |_| judge.get().is_some_and(|io| io.counts().len() == 1));
    let stage = Stage::new(App::with_config(config));
    assert!(later.set(stage.io.clone()).is_ok());
    let mut stream = stage.stream();
    let (told, answer) = mpsc::channel();
    thread::spawn(move || told.send(stream.ask("GET", POLLING, "Origin: http://b\r\n", "")));
    sid(&answer.recv_timeout(PATIENCE).expect("the judge is not stuck"));
}

#[test]
fn nobody_is_let_in_once_the_server_stops() {
    let later = Later::default();
    let mut app = App::new();
    let gate = later.clone();
    // The server stops while this one is at the gate.
    app.allow_request(move |_: &Request<'_>, _| -> Result<(), &'static str> {
        gate.get().expect("there is a server").stop_within(Duration::from_secs(60));
        Ok(())
    });
    let stage = Stage::new(app);
    assert!(later.set(stage.io.clone()).is_ok());
    let answer = stage.stream().ask("GET", POLLING, "", "");
    assert!(answer.starts_with("HTTP/1.1 ") && !answer.contains("\"sid\""), "{answer}");
}

#[test]
fn the_gate_sees_what_a_trusted_proxy_says() {
    let mut config = Config::default();
    config.trust_forwarded = true;
    let mut app = App::with_config(config);
    app.allow_request(|_: &Request<'_>, caller: Caller| {
        let peer = caller.peer.map(|peer| peer.ip());
        let client = IpAddr::V4(Ipv4Addr::new(1, 2, 3, 4));
        if peer == Some(client) && caller.secure {
            return Ok(());
        }
        Err(format!("{peer:?}, secure: {}", caller.secure))
    });
    let fields = "X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Proto: https\r\n";
    sid(&Stage::new(app).stream().ask("GET", POLLING, fields, ""));
}

#[test]
fn who_is_not_allowed_gets_a_status_that_says_so() {
    let mut app = App::new();
    app.allow_request(|_: &Request<'_>, _| Err::<(), _>("no"));
    let answer = Stage::new(app).stream().ask("GET", POLLING, "", "");
    assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
}

#[test]
fn asking_and_leaving_in_turns_starts_one_connect_handler() {
    static STARTED: AtomicUsize = AtomicUsize::new(0);
    let mut app = App::new();
    app.on_connect(async |_: Socket| {
        STARTED.fetch_add(1, Ordering::SeqCst);
        pending::<()>().await;
    });
    let stage = Stage::new(app);
    let mut stream = stage.stream();
    stream.upgrade("");
    for _ in 0..100 {
        stream.put([frame(0x81, b"40"), frame(0x81, b"41")].concat());
    }
    assert_eq!(STARTED.load(Ordering::SeqCst), 1);
    assert_eq!(stage.io.counts()[0].sessions, 0, "it asked twice");
}

#[test]
fn a_connect_handler_that_panics_late_decides_all_the_same() {
    let mut app = App::new();
    let wakes = Arc::new(AtomicBool::new(false));
    let is_awake = wakes.clone();
    app.on_connect(move |_: Socket| {
        let is_awake = is_awake.clone();
        poll_fn(move |_| match is_awake.load(Ordering::SeqCst) {
            true => panic!("on purpose"),
            false => Poll::<()>::Pending,
        })
    });
    app.on_error(|_: HandlerError| {});
    let stage = Stage::new(app);
    let mut stream = stage.stream();
    stream.upgrade("");
    stream.send("40");
    stream.send("41");
    let sockets = || stage.io.counts().iter().map(|counts| counts.sockets).sum::<usize>();
    assert_eq!(sockets(), 1, "its place is taken");
    wakes.store(true, Ordering::SeqCst);
    stage.run();
    assert_eq!(sockets(), 0);
}
