//! Clients that say more than handlers can take.

use crate::stage::{POLLING, Stage, payload};
use sansocket::Method;
use sansocket_app::{App, Outcome, Socket, sequential};
use std::future::pending;
use std::time::Duration;

/// A server whose handler never ends.
fn stuck() -> Stage {
    let mut app = App::new();
    app.on("e", sequential(async |_: String| pending::<()>().await));
    Stage::new(app)
}

/// Nearly a megabyte of events.
fn megabyte() -> String {
    payload(&format!("42[\"e\",\"{}\"]", "x".repeat(400)), 2000)
}

#[test]
fn posts_of_ever_new_streams_do_not_pile_up_behind_a_handler() {
    let stage = stuck();
    let (client, body) = (stage.polling(), megabyte());
    let posts = (0..100).map(|_| stage.stream().post(&client.sid, &body));
    let taken = posts.filter(|answer| answer.ends_with("ok")).count();
    assert!((1..50).contains(&taken), "{taken} MB of one client were taken");
}

#[test]
fn posts_to_a_host_do_not_pile_up_behind_a_handler() {
    let stage = stuck();
    let (client, body) = (stage.polling(), megabyte());
    let target = format!("{POLLING}&sid={}", client.sid);
    let statuses = (0..100).map(|_| match stage.host(Method::Post, &target) {
        Outcome::Body { attachment, .. } => attachment.body(body.as_bytes()).status,
        Outcome::Respond(refusal) => {
            let retry = ("retry-after".into(), "1".into());
            assert_eq!(refusal.headers.contains(&retry), refusal.status == 503);
            refusal.status
        }
        Outcome::Hold(_) | Outcome::Pass | Outcome::Upgrade(..) => panic!("it is not a post"),
    });
    let taken = statuses.filter(|&status| status == 200).count();
    assert!((1..50).contains(&taken), "{taken} MB of one client were taken");
}

#[test]
fn messages_that_wait_behind_a_handler_are_bounded_in_bytes() {
    let stage = stuck();
    let mut websocket = stage.stream();
    websocket.upgrade("");
    websocket.send("40");
    stage.run();
    let message = format!("42[\"e\",\"{}\"]", "x".repeat(990_000));
    let mut taken = 0;
    while taken < 100 && websocket.is_read() {
        websocket.send(&message);
        taken += 1;
    }
    assert!((1..=32).contains(&taken), "{taken} MB of one client were taken");
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
