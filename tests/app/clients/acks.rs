//! Acknowledgements, exactly once.

use sansocket_app::client::{AckError, EmitError, Refused, Socket};
use sansocket_app::test::{Network, TestServer};
use sansocket_app::{Ack, App, BoxError, Bytes, NO_TIMEOUT, NoReply};
use std::pin::pin;
use std::task::{Context, Waker};
use std::time::Duration;

use super::{Notes, client, join};

/// Asks the client what it is told to.
fn asking() -> App {
    let mut app = App::new();
    app.on("ask", async |socket: sansocket_app::Socket, event: String| {
        let answer = socket.emit_with_ack(&event, &(1, 2), Duration::from_secs(5)).await;
        answer.map_err(|error| error.to_string())
    });
    app.on("add", |a: i64, b: i64| a + b);
    app.on("late", async |socket: sansocket_app::Socket| {
        socket.io().sleep(Duration::from_secs(3)).await;
        "late"
    });
    app
}

#[test]
fn c74_the_server_is_answered_once_now_or_later_or_never() {
    let server = TestServer::new(asking());
    let mut client = client();
    client
        .on("plain", |a: u8, b: u8| a + b)
        .on("several", |a: u8, b: u8| (b, a, Bytes::from_static(&[7])))
        .on("later", async |socket: Socket, ack: Ack<Socket>| -> Result<(), EmitError> {
            socket.manager().sleep(Duration::from_secs(1)).await;
            ack.send("later")
        })
        .on("never", |_: u8| NoReply)
        .on_error(|_| {})
        .on("fails", || Err::<(), _>("no"));
    let socket = join(&server, client);
    let ask = |event: &str| socket.emit_with_ack("ask", event, Duration::from_secs(10));
    let (plain, several) = (ask("plain"), ask("several"));
    assert_eq!(server.block_on(plain).map(|args| args.json().to_owned()), Ok("[3]".to_owned()));
    let several = server.block_on(several).expect("it is answered");
    assert_eq!(several.attachments(), [Bytes::from_static(&[7])]);
    let (later, never, fails) = (ask("later"), ask("never"), ask("fails"));
    server.advance(Duration::from_secs(1));
    assert_eq!(server.block_on(later.decode::<String>()), Ok("later".to_owned()));
    server.advance(Duration::from_secs(10));
    for unanswered in [never, fails] {
        assert_eq!(server.block_on(unanswered), Err(AckError::TimedOut));
    }
}

#[test]
fn c71_a_late_answer_is_overlooked() {
    let server = TestServer::new(asking());
    let socket = join(&server, client());
    let late = socket.call_within::<String>("late", &(), Duration::from_secs(1));
    let in_time = socket.call_within::<String>("late", &(), Duration::from_secs(4));
    server.advance(Duration::from_secs(5));
    assert_eq!(server.block_on(late), Err(AckError::TimedOut));
    assert_eq!(server.block_on(in_time), Ok("late".to_owned()));
    let decode = server.block_on(socket.call::<u8>("add", &(300, 1)));
    assert!(matches!(decode, Err(AckError::Decode(_))), "{decode:?}");
}

#[test]
fn c76_an_answer_is_its_only_argument_or_a_tuple_or_nothing() {
    let mut app = asking();
    app.on("both", |a: u8, text: String| (a, text)).on("nothing", || {});
    let server = TestServer::new(app);
    let socket = join(&server, client());
    assert_eq!(server.block_on(socket.call::<u8>("add", &(1, 2))), Ok(3));
    let both = socket.call::<(u8, String)>("both", &(7, "x"));
    assert_eq!(server.block_on(both), Ok((7, "x".to_owned())));
    assert_eq!(server.block_on(socket.call::<()>("nothing", &())), Ok(()));
}

#[test]
fn c73_questions_are_settled_when_the_connection_is_lost_and_those_that_wait_go_on() {
    let server = TestServer::new(asking());
    let notes = Notes::default();
    let socket = join(&server, client());
    let asked = socket.call::<String>("late", &());
    let to = notes.clone();
    let then = move |answer| to.add(format!("{answer:?}"));
    socket.emit_then("late", &(), Duration::from_secs(60), then).expect("there is room");
    server.run();
    server.set_network(Network::Down);
    assert_eq!(server.block_on(asked), Err(AckError::Disconnected));
    assert_eq!(notes.take(), ["Err(Disconnected)"]);
    let waits = socket.call::<i64>("add", &(20, 22));
    let hasty = socket.call_within::<i64>("add", &(1, 1), Duration::from_millis(100));
    server.advance(Duration::from_millis(200));
    assert_eq!(server.block_on(hasty), Err(AckError::TimedOut));
    assert_eq!(socket.waiting(), 1, "what timed out is not sent");
    server.set_network(Network::Up);
    server.advance(Duration::from_secs(5));
    assert_eq!(server.block_on(waits), Ok(42));
}

#[test]
fn c73_dropping_a_question_withdraws_interest_and_not_the_event() {
    let heard = Notes::default();
    let to = heard.clone();
    let mut app = App::new();
    app.on("say", move |text: String| to.add(text));
    let server = TestServer::new(app);
    let socket = join(&server, client());
    drop(socket.call::<()>("say", "one"));
    drop(socket.emit_with_ack("say", "two", Duration::from_secs(1)));
    server.run();
    assert_eq!(heard.take(), ["one", "two"]);
}

#[test]
fn c65_what_cannot_be_sent_is_refused_before() {
    let server = TestServer::new(asking());
    let socket = join(&server, client());
    for name in ["connect", "disconnect", "connect_error", "newListener"] {
        let refused = socket.emit(name, &());
        assert!(matches!(refused, Err(EmitError::Refused(Refused::Misuse(_)))), "{refused:?}");
        let asked = server.block_on(socket.call::<()>(name, &()));
        assert!(matches!(asked, Err(AckError::Emit(_))), "{asked:?}");
    }
    let large = socket.emit("large", &"x".repeat(2_000_000));
    assert!(matches!(large, Err(EmitError::Refused(Refused::TooLarge { .. }))), "{large:?}");
    assert!(socket.is_connected());
}

#[test]
fn c85_an_answer_that_is_too_large_goes_to_the_error_handler() {
    let server = TestServer::new(asking());
    let mut client = client();
    let notes = Notes::default();
    let to = notes.clone();
    client.on_error(move |error| to.add(error.to_string()));
    client.on("large", || "x".repeat(2_000_000));
    client.on("own", |ack: Ack<Socket>| -> Result<NoReply, BoxError> {
        ack.send(&"x".repeat(2_000_000))?;
        Ok(NoReply)
    });
    let socket = join(&server, client);
    for event in ["large", "own"] {
        let asked = socket.emit_with_ack("ask", event, Duration::from_secs(10));
        server.advance(Duration::from_secs(10));
        assert_eq!(server.block_on(asked), Err(AckError::TimedOut));
        assert!(notes.take().concat().contains("the event takes 2000"), "{event}");
    }
    assert!(socket.is_connected());
}

#[test]
fn an_answer_without_a_timeout_is_awaited_until_the_connection_is_lost() {
    let mut app = App::new();
    app.on("never", |_: Ack| NoReply);
    let server = TestServer::new(app);
    let socket = join(&server, client());
    let mut answer = pin!(socket.call_within::<()>("never", &(), NO_TIMEOUT));
    server.advance(Duration::from_secs(100_000));
    let mut context = Context::from_waker(Waker::noop());
    assert!(answer.as_mut().poll(&mut context).is_pending());
    server.set_network(Network::Down);
    assert_eq!(server.block_on(answer), Err(AckError::Disconnected));
}
