//! Clients that say more than handlers can take.

use crate::streams::stage::{POLLING, Stage, Stream, payload};
use sansocket::{Config, Layer, Method};
use sansocket_app::bind::{HostLink, Outcome};
use sansocket_app::{App, Socket, concurrent, sequential};
use std::future::{pending, poll_fn};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use testbed::{frame, upgrade};

/// A server whose handler never ends.
fn stuck() -> Stage {
    let mut app = App::new();
    app.on("e", sequential(async |_: String| pending::<()>().await));
    Stage::new(app)
}

/// Holds up handlers until it is opened, and counts those that ended.
#[derive(Clone, Default)]
struct Brake {
    open: Arc<AtomicBool>,
    ended: Arc<AtomicUsize>,
}

impl Brake {
    /// A server whose handlers it holds up.
    fn app(&self, mut app: App) -> App {
        let brake = self.clone();
        app.on(
            "e",
            sequential(move |_: String| {
                let brake = brake.clone();
                async move {
                    poll_fn(|_| match brake.open.load(Ordering::SeqCst) {
                        true => Poll::Ready(()),
                        false => Poll::Pending,
                    })
                    .await;
                    brake.ended.fetch_add(1, Ordering::SeqCst);
                }
            }),
        );
        app
    }

    fn open(&self) {
        self.open.store(true, Ordering::SeqCst);
    }

    /// Lets handlers end, and returns how many did by now.
    fn ended(&self, stage: &Stage) -> usize {
        let mut before = usize::MAX;
        while self.ended.load(Ordering::SeqCst) != before {
            before = self.ended.load(Ordering::SeqCst);
            stage.run();
        }
        before
    }
}

/// Nearly a megabyte of events.
fn megabyte() -> String {
    payload(&event(400), EVENTS)
}

/// How many events that is.
const EVENTS: usize = 2000;

/// An event of about so many bytes.
fn event(size: usize) -> String {
    format!("42[\"e\",\"{}\"]", "x".repeat(size))
}

/// A client on a WebSocket, in `/` once its handlers had their turn.
fn websocket(stage: &Stage) -> Stream {
    let mut stream = stage.stream();
    stream.upgrade("");
    stream.send("40");
    stage.work();
    stage.run();
    stream
}

/// Sends the same bytes until they are read no more, and returns how often they were.
fn flood(stream: &mut Stream, bytes: &[u8]) -> usize {
    let mut taken = 0;
    while taken < 20_000 && stream.is_read() {
        stream.put(bytes);
        taken += 1;
    }
    taken
}

#[test]
fn posts_of_ever_new_streams_do_not_pile_up_behind_a_handler() {
    let stage = stuck();
    let (client, body) = (stage.polling(), megabyte());
    let posts = (0..100).map(|_| stage.stream().post(&client.sid, &body));
    let taken = posts.filter(|answer| answer.ends_with("ok")).count();
    assert!((1..=3).contains(&taken), "{taken} MB of one client were taken");
}

#[test]
fn a_post_waits_until_handlers_have_caught_up() {
    let brake = Brake::default();
    let stage = Stage::new(brake.app(App::new()));
    let (mut client, body) = (stage.polling(), megabyte());
    client.post(&body);
    // Its body comes with its head.
    let mut small = stage.stream();
    assert_eq!(small.post(&client.sid, &event(10)), "");
    assert!(!small.is_read() && small.is_open());
    brake.open();
    assert_eq!(brake.ended(&stage), EVENTS);
    assert!(small.take().ends_with("ok"));
    assert_eq!(brake.ended(&stage), EVENTS + 1);
    // The session goes on.
    brake.open.store(false, Ordering::SeqCst);
    client.post(&body);
    let mut large = stage.stream();
    assert_eq!(large.post(&client.sid, &body), "");
    brake.open();
    assert_eq!(brake.ended(&stage), 2 * EVENTS + 1);
    assert!(large.take().ends_with("ok"));
    assert_eq!(brake.ended(&stage), 3 * EVENTS + 1);
}

#[test]
fn a_post_waits_no_longer_than_a_body_may_take() {
    let mut config = Config::default();
    config.ping_interval = Duration::from_secs(1000);
    let stage = Stage::new(Brake::default().app(App::with_config(config)));
    let mut client = stage.polling();
    client.post(&megabyte());
    let mut late = stage.stream();
    assert_eq!(late.post(&client.sid, &event(10)), "");
    stage.pass(58);
    assert!(late.is_open());
    stage.pass(4);
    assert!(!late.is_open());
}

#[test]
fn posts_to_a_host_do_not_pile_up_behind_a_handler() {
    let brake = Brake::default();
    let stage = Stage::new(brake.app(App::new()));
    let (client, body) = (stage.polling(), megabyte());
    let target = format!("{POLLING}&sid={}", client.sid);
    let asked = || match stage.host(Method::Post, &target) {
        Outcome::Body { attachment, .. } => attachment,
        Outcome::Forward(_)
        | Outcome::Hold(_)
        | Outcome::Pass
        | Outcome::Respond(_)
        | Outcome::Upgrade(..) => {
            panic!("a body is wanted")
        }
    };
    let is_ready = |attachment: &mut HostLink| {
        attachment.poll_ready(&Context::from_waker(Waker::noop())).is_ready()
    };
    let mut taken = 0;
    let mut waiting = loop {
        let mut attachment = asked();
        if taken == 50 || !is_ready(&mut attachment) {
            break attachment;
        }
        assert_eq!(attachment.body(body.as_bytes()).status, 200);
        taken += 1;
    };
    assert!((1..=3).contains(&taken), "{taken} MB of one client were taken");
    brake.open();
    assert_eq!(brake.ended(&stage), taken * EVENTS);
    assert!(is_ready(&mut waiting));
    assert_eq!(waiting.body(body.as_bytes()).status, 200);
}

#[test]
fn messages_that_wait_behind_a_handler_are_bounded_in_bytes() {
    let stage = stuck();
    let message = frame(0x81, event(990_000).as_bytes());
    let taken = flood(&mut websocket(&stage), &message);
    assert!((1..=3).contains(&taken), "{taken} MB of one client were taken");
}

#[test]
fn engine_messages_that_wait_for_a_thread_are_bounded_in_bytes() {
    static HEARD: AtomicUsize = AtomicUsize::new(0);
    let mut config = Config::default();
    config.layer = Layer::EngineIo;
    let mut app = App::with_config(config);
    app.on_engine_message(|_, _| {
        HEARD.fetch_add(1, Ordering::SeqCst);
    });
    let stage = Stage::pooled(app);
    let mut client = stage.stream();
    client.upgrade("");
    for (message, size) in [(frame(0x82, &[1; 10_000]), 10_000), (frame(0x81, b"4"), 64)] {
        HEARD.store(0, Ordering::SeqCst);
        let taken = flood(&mut client, &message);
        assert!((1..3_000_000 / size).contains(&taken), "{taken} of {size} bytes were taken");
        stage.work();
        assert_eq!(HEARD.load(Ordering::SeqCst), taken);
        assert!(client.is_read(), "its handlers have caught up");
    }
}

#[test]
fn arrivals_that_wait_for_a_thread_are_bounded_in_bytes() {
    let mut app = App::new();
    app.always_connect();
    let stage = Stage::pooled(app);
    let auth = format!("40{{\"token\":\"{}\"}}", "x".repeat(100_000));
    let mut client = stage.stream();
    client.upgrade("");
    let mut taken = 0;
    while taken < 60 && client.is_read() {
        let visit = auth.replacen("40", &format!("40/n{taken},"), 1);
        client.send(&visit);
        client.send(&format!("41/n{taken},"));
        taken += 1;
    }
    assert!((1..30).contains(&taken), "{taken} visits of one client were taken");
    stage.work();
    assert!(client.is_read(), "its handlers have caught up");
}

#[test]
fn answers_that_wait_for_a_thread_are_bounded_in_bytes() {
    static ANSWERED: AtomicUsize = AtomicUsize::new(0);
    let mut app = App::new();
    app.on_connect(|socket: Socket| {
        for _ in 0..50 {
            let answered = |_| {
                ANSWERED.fetch_add(1, Ordering::SeqCst);
            };
            socket.emit_then("q", &(), Duration::from_secs(60), answered).unwrap();
        }
    });
    let stage = Stage::pooled(app);
    let mut client = websocket(&stage);
    let mut taken = 0;
    while taken < 50 && client.is_read() {
        client.send(&format!("43{taken}[\"{}\"]", "x".repeat(500_000)));
        taken += 1;
    }
    assert!((1..=5).contains(&taken), "{taken} answers of one client were taken");
    stage.work();
    assert_eq!(ANSWERED.load(Ordering::SeqCst), taken);
    assert!(client.is_read());
}

#[test]
fn concurrent_events_that_wait_for_a_thread_are_bounded_in_bytes() {
    let mut app = App::new();
    app.on("e", concurrent(|_: String| ()));
    let stage = Stage::pooled(app);
    let mut client = websocket(&stage);
    let taken = flood(&mut client, &frame(0x81, event(100_000).as_bytes()));
    assert!((1..30).contains(&taken), "{taken} events of one client were taken");
    stage.work();
    assert!(client.is_read());
}

#[test]
fn what_comes_while_a_plain_handler_runs_is_bounded_in_bytes() {
    static OTHER: OnceLock<Mutex<Stream>> = OnceLock::new();
    static TAKEN: AtomicUsize = AtomicUsize::new(0);
    static HEARD: AtomicUsize = AtomicUsize::new(0);
    let mut app = App::new();
    // As if on another thread, where events are read meanwhile.
    app.on("slow", || {
        let mut other = OTHER.get().unwrap().lock().unwrap();
        let taken = flood(&mut other, &frame(0x81, event(100_000).as_bytes()));
        TAKEN.store(taken, Ordering::SeqCst);
    });
    app.on("e", |_: String| {
        HEARD.fetch_add(1, Ordering::SeqCst);
    });
    let stage = Stage::new(app);
    assert!(OTHER.set(Mutex::new(websocket(&stage))).is_ok());
    websocket(&stage).send("42[\"slow\"]");
    let taken = TAKEN.load(Ordering::SeqCst);
    assert!((1..30).contains(&taken), "{taken} events of one client were taken");
    assert_eq!(HEARD.load(Ordering::SeqCst), taken);
    assert!(OTHER.get().unwrap().lock().unwrap().is_read());
}

#[test]
fn a_shard_whose_handlers_are_far_behind_decodes_no_more() {
    let brake = Brake::default();
    let stage = Stage::new(brake.app(App::new()));
    let message = frame(0x81, event(990_000).as_bytes());
    let mut clients = Vec::new();
    let mut taken = 0;
    while taken < 200 {
        let mut client = stage.stream();
        client.put(upgrade("/socket.io/?EIO=4&transport=websocket"));
        if !client.is_read() {
            break;
        }
        client.send("40");
        taken += flood(&mut client, &message);
        clients.push(client);
    }
    // A third of it is with handlers that have begun, and does not wait.
    assert!((90..110).contains(&taken), "{taken} MB were taken");
    // The first messages of a WebSocket, and bodies of posts, may come with their heads.
    let mut joined = stage.stream();
    let head = upgrade("/socket.io/?EIO=4&transport=websocket").into_bytes();
    joined.put([head, frame(0x81, b"40")].concat());
    assert!(!joined.take().contains("40{"));
    brake.open();
    assert_eq!(brake.ended(&stage), taken);
    assert!(clients.iter_mut().all(Stream::is_read));
    assert!(joined.take().contains("40{"));
}

#[test]
fn a_handler_is_answered_by_a_client_with_much_to_say() {
    let mut app = App::new();
    app.on(
        "part",
        sequential(async |socket: Socket, _: u32| {
            let _ = socket.call_within::<u32>("ok?", &(), Duration::from_secs(60)).await;
        }),
    );
    let stage = Stage::new(app);
    let mut client = stage.polling();
    for count in [1, 1, 200] {
        client.post(&payload(r#"42["part",0]"#, count));
    }
    stage.run();
    assert!(client.get().contains("ok?"));
    assert!(client.posts.is_read(), "the acknowledgement comes next on this stream");
}

#[test]
fn a_pong_behind_what_handlers_hold_up_is_heard() {
    for says_pong in [true, false] {
        let brake = Brake::default();
        let stage = Stage::new(brake.app(App::new()));
        let mut stream = websocket(&stage);
        flood(&mut stream, &frame(0x81, event(4000).as_bytes()));
        stage.pass(25);
        assert!(!stream.is_read());
        if says_pong {
            stream.put(frame(0x81, b"3"));
        }
        stage.pass(60);
        assert!(stream.is_open(), "it was not read, and blamed for it");
        brake.open();
        brake.ended(&stage);
        // What it said before is read now, and is a sign of life.
        assert!(stream.is_open());
        brake.ended(&stage);
        stage.pass(21);
        assert_eq!(stream.is_open(), says_pong);
    }
}
