//! The test kit: time that passes when a test says so.

use sansocket_app::test::{AnswerError, TestServer};
use sansocket_app::{App, Config, Io, Reason, Socket};
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const MILLI: Duration = Duration::from_millis(1);

/// Remembers why clients left.
fn farewells(config: Config) -> (App, Arc<Mutex<Vec<String>>>) {
    let reasons = Arc::new(Mutex::new(Vec::new()));
    let heard = reasons.clone();
    let mut app = App::with_config(config);
    app.on_disconnect(move |_: Socket, reason: Reason| {
        heard.lock().expect("nobody panics").push(reason.to_string());
    });
    (app, reasons)
}

#[test]
fn clients_answer_pings_for_days() {
    let (app, reasons) = farewells(Config::default());
    let server = TestServer::new(app);
    let (ann, bob) = (server.connect().unwrap(), server.connect().unwrap());
    server.advance(3 * 24 * 3600 * SECOND);
    assert!(ann.is_connected() && bob.is_connected());
    assert!(reasons.lock().expect("nobody panics").is_empty());
}

#[test]
fn a_mute_client_is_given_up_when_its_time_is_up() {
    let config = Config::default();
    let patience = config.ping_interval + config.ping_timeout;
    let (app, reasons) = farewells(config);
    let server = TestServer::new(app);
    let (mute, other) = (server.connect().unwrap(), server.connect().unwrap());
    mute.mute();
    server.advance(patience - MILLI);
    assert!(mute.is_connected());
    server.advance(MILLI);
    assert!(!mute.is_connected() && other.is_connected());
    assert_eq!(*reasons.lock().expect("nobody panics"), ["ping timeout"]);
}

#[test]
fn deadlines_need_not_be_round() {
    let mut config = Config::default();
    config.ping_interval = Duration::from_nanos(333_333_333);
    config.ping_timeout = Duration::from_nanos(77_777_777);
    let (app, reasons) = farewells(config);
    let server = TestServer::new(app);
    let (mute, other) = (server.connect().unwrap(), server.connect().unwrap());
    mute.mute();
    server.advance(Duration::from_nanos(12_345_678_901));
    assert!(!mute.is_connected() && other.is_connected());
    assert_eq!(*reasons.lock().expect("nobody panics"), ["ping timeout"]);
}

#[test]
fn sleeps_end_in_their_order_and_at_their_time() {
    let mut app = App::new();
    app.on("sleep", async |socket: Socket, millis: u64| {
        socket.io().sleep(Duration::from_millis(millis)).await;
        let _ = socket.emit("slept", &millis);
    });
    let server = TestServer::new(app);
    let client = server.connect().unwrap();
    [30, 10, 20, 10, 0].iter().for_each(|millis| client.emit("sleep", millis));
    let slept = || -> Vec<u64> {
        client.get_received().iter().map(|event| event.decode().expect("a number")).collect()
    };
    assert_eq!(slept(), [0], "nothing is waited for");
    server.advance(Duration::from_millis(10));
    assert_eq!(slept(), [10, 10]);
    server.advance(Duration::from_millis(9));
    assert!(slept().is_empty());
    server.advance(SECOND);
    assert_eq!(slept(), [20, 30]);
}

#[test]
fn an_answer_may_take_time() {
    let mut app = App::new();
    app.on("slowly", async |io: Io, value: String| {
        io.sleep(SECOND).await;
        value
    });
    let server = TestServer::new(app);
    let client = server.connect().unwrap();
    let answer = client.emit_with_ack("slowly", "done");
    assert_eq!(answer.read::<String>(), Err(AnswerError::Missing));
    assert!(!answer.is_here());
    server.advance(SECOND);
    assert!(answer.is_here());
    assert_eq!(answer.read(), Ok("done".to_owned()));
}

#[test]
fn background_tasks_run_in_virtual_time() {
    let server = TestServer::new(App::new());
    let client = server.connect().unwrap();
    let io = server.io();
    let ticker = server.io();
    io.spawn(async move {
        for n in 0.. {
            ticker.sleep(SECOND).await;
            let _ = ticker.emit("tick", &n);
        }
    });
    server.run();
    assert!(client.get_received().is_empty());
    server.advance(10 * SECOND);
    assert_eq!(client.get_received().len(), 10);
}

#[test]
fn a_background_task_that_panics_fails_the_test() {
    let server = TestServer::new(App::new());
    server.io().spawn(async { panic!("oh no") });
    let failed = catch_unwind(AssertUnwindSafe(|| server.run())).expect_err("it fails");
    assert_eq!(failed.downcast_ref(), Some(&"oh no"));
    assert!(server.connect().unwrap().is_connected(), "the server can still be looked at");
}

#[test]
fn a_task_without_rest_fails_the_test() {
    let server = TestServer::new(App::new());
    server.io().spawn(poll_fn(|context| -> Poll<()> {
        context.waker().wake_by_ref();
        Poll::Pending
    }));
    assert!(catch_unwind(AssertUnwindSafe(|| server.run())).is_err());
}

#[test]
fn a_future_of_the_test_is_run_to_its_end() {
    let server = TestServer::with_shards(App::new(), 2);
    let (ann, bob) = (server.connect().unwrap(), server.connect().unwrap());
    let (io, found) = (server.io(), server.io().fetch_sockets());
    let twice = async {
        found.await.unwrap().sockets.len() + io.fetch_sockets().await.unwrap().sockets.len()
    };
    assert_eq!(server.block_on(twice), 4);
    let asked = server.io().of("/").emit_with_ack("ready?", &(), SECOND);
    ann.expect_event("ready?").ack(&true);
    bob.expect_event("ready?").ack(&false);
    let gathered = server.block_on(asked).expect("it was sent");
    assert_eq!((gathered.acks.len(), gathered.missing), (2, 0));
    let stuck = AssertUnwindSafe(|| server.block_on(server.io().sleep(SECOND)));
    assert!(catch_unwind(stuck).is_err(), "time does not pass by itself");
}

#[test]
fn nothing_of_a_server_is_left_behind() {
    let kept = Arc::new(());
    let held = kept.clone();
    let mut app = App::new();
    app.on("wait", move |socket: Socket| {
        let held = held.clone();
        async move {
            let _ = socket.emit_with_ack("question", &(), SECOND).await;
            drop(held);
        }
    });
    app.on("sleep", async |io: Io| io.sleep(SECOND).await);
    let server = TestServer::with_shards(app, 2);
    let clients = [server.connect().unwrap(), server.connect().unwrap()];
    for client in &clients {
        client.emit("wait", &());
        client.emit("sleep", &());
    }
    drop(server);
    assert!(clients[0].is_connected(), "clients keep their server");
    drop(clients);
    assert_eq!(Arc::strong_count(&kept), 1);
}
