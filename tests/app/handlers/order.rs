//! Which events wait for which.

use sansocket_app::{App, Reason, Socket, concurrent, sequential};
use std::time::Duration;

use crate::handlers::stage::{Diary, Door, Stage};

/// Notes when it begins and ends, and waits for the door in between.
fn slow(name: &'static str, diary: &Diary, door: &Door) -> impl AsyncSlow {
    let (diary, door) = (diary.clone(), door.clone());
    move |n: i32| {
        let (diary, door) = (diary.clone(), door.clone());
        diary.note(format!("{name} {n} begins"));
        let rest: sansocket_app::BoxFuture<()> = Box::pin(async move {
            door.wait().await;
            diary.note(format!("{name} {n} ends"));
        });
        rest
    }
}

trait AsyncSlow: Clone + Fn(i32) -> sansocket_app::BoxFuture<()> + Send + Sync + 'static {}
impl<F: Clone + Fn(i32) -> sansocket_app::BoxFuture<()> + Send + Sync + 'static> AsyncSlow for F {}

fn app(diary: &Diary, door: &Door) -> App {
    let mut app = App::new();
    app.on("inline", slow("inline", diary, door));
    app.on("sequential", sequential(slow("sequential", diary, door)));
    app.on("concurrent", concurrent(slow("concurrent", diary, door)));
    let now = diary.clone();
    app.on("now", move |n: i32| now.note(format!("now {n}")));
    let left = diary.clone();
    app.on_disconnect(move |_: Socket, _: Reason| left.note("left"));
    app
}

#[test]
fn by_default_events_wait_up_to_the_first_pending_await() {
    let (diary, door) = (Diary::default(), Door::default());
    let stage = Stage::new(app(&diary, &door));
    let mut client = stage.join(&["/"]);
    client.send(&[r#"42["inline",1]"#, r#"42["now",2]"#]);
    assert_eq!(diary.take(), ["inline 1 begins", "now 2"]);
    door.open();
    stage.run();
    assert_eq!(diary.take(), ["inline 1 ends"]);
}

#[test]
fn events_wait_until_a_sequential_handler_is_done() {
    let (diary, door) = (Diary::default(), Door::default());
    let stage = Stage::new(app(&diary, &door));
    let (mut one, mut other) = (stage.join(&["/"]), stage.join(&["/"]));
    one.send(&[r#"42["sequential",1]"#, r#"42["now",2]"#, r#"42["sequential",3]"#]);
    one.send(&[r#"42["now",4]"#]);
    one.vanish();
    other.send(&[r#"42["now",5]"#]);
    stage.run();
    assert_eq!(diary.take(), ["sequential 1 begins", "now 5"]);
    door.open();
    stage.run();
    let after = ["sequential 1 ends", "now 2", "sequential 3 begins", "sequential 3 ends", "now 4"];
    let noted = diary.take();
    assert_eq!(noted[..5], after);
    assert_eq!(noted[5..], ["left"], "the disconnect handler comes after queued events");
    assert_eq!(stage.tasks(), 0);
}

#[test]
fn an_event_behind_something_else_in_one_read_reaches_its_handler() {
    let (diary, door) = (Diary::default(), Door::default());
    let mut app = app(&diary, &door);
    app.namespace("/other");
    let mut client = Stage::new(app).join(&["/"]);
    client.send(&[r#"42["now",1]"#]);
    client.send(&["40/other,", r#"42["now",2]"#, r#"42["now",3]"#]);
    client.send(&["41/other,", r#"42["now",4]"#]);
    assert_eq!(diary.take(), ["now 1", "now 2", "now 3", "now 4"]);
}

#[test]
fn a_sequential_handler_that_is_done_at_once_holds_up_nobody() {
    let (diary, door) = (Diary::default(), Door::default());
    door.open();
    let stage = Stage::new(app(&diary, &door));
    let mut client = stage.join(&["/"]);
    client.send(&[r#"42["sequential",1]"#, r#"42["now",2]"#]);
    assert_eq!(diary.take(), ["sequential 1 begins", "sequential 1 ends", "now 2"]);
    assert_eq!(stage.tasks(), 0);
}

#[test]
fn a_concurrent_handler_waits_for_nobody_and_nobody_for_it() {
    let (diary, door) = (Diary::default(), Door::default());
    let stage = Stage::new(app(&diary, &door));
    let mut client = stage.join(&["/"]);
    client.send(&[r#"42["concurrent",1]"#, r#"42["now",2]"#]);
    assert_eq!(diary.take(), ["now 2"]);
    client.send(&[r#"42["sequential",3]"#, r#"42["concurrent",4]"#, r#"42["now",5]"#]);
    stage.run();
    let begun = ["sequential 3 begins", "concurrent 1 begins", "concurrent 4 begins"];
    assert_eq!(diary.take(), begun);
    door.open();
    stage.run();
    let mut rest = diary.take();
    rest.sort();
    assert_eq!(rest, ["concurrent 1 ends", "concurrent 4 ends", "now 5", "sequential 3 ends"]);
}

#[test]
fn a_whole_namespace_may_be_sequential() {
    let (diary, door) = (Diary::default(), Door::default());
    let mut app = app(&diary, &door);
    app.namespace("/").sequential();
    let stage = Stage::new(app);
    let mut client = stage.join(&["/"]);
    client.send(&[r#"42["inline",1]"#, r#"42["now",2]"#, r#"42["concurrent",3]"#]);
    stage.run();
    assert_eq!(diary.take(), ["inline 1 begins", "concurrent 3 begins"]);
    door.open();
    stage.run();
    let mut rest = diary.take();
    rest.sort();
    assert_eq!(rest, ["concurrent 3 ends", "inline 1 ends", "now 2"]);
}

#[test]
fn a_sequential_handler_that_panics_lets_the_next_event_in() {
    let (diary, door) = (Diary::default(), Door::default());
    let mut app = app(&diary, &door);
    app.on_error(|_| ());
    let inner = door.clone();
    let bad = move || {
        let door = inner.clone();
        async move {
            door.wait().await;
            assert!(door.is_closed(), "on purpose");
        }
    };
    app.on("bad", sequential(bad));
    let stage = Stage::new(app);
    let mut client = stage.join(&["/"]);
    client.send(&[r#"42["bad"]"#, r#"42["now",1]"#]);
    assert!(diary.take().is_empty());
    door.open();
    stage.run();
    assert_eq!(diary.take(), ["now 1"]);
}

#[test]
fn callbacks_of_acknowledgements_stand_in_line() {
    let (diary, door) = (Diary::default(), Door::default());
    let mut app = app(&diary, &door);
    let seen = diary.clone();
    app.on("ask", move |socket: Socket| {
        let seen = seen.clone();
        socket.emit_then("q", &(), Duration::from_secs(9), move |answer| {
            seen.note(format!("answer {}", answer.unwrap().json()));
        })
    });
    let stage = Stage::new(app);
    let mut client = stage.join(&["/"]);
    assert_eq!(client.say(r#"42["ask"]"#), r#"420["q"]"#);
    client.send(&[r#"42["sequential",1]"#, r#"42["now",2]"#, "430[7]", r#"42["now",3]"#]);
    assert_eq!(diary.take(), ["sequential 1 begins"]);
    door.open();
    stage.run();
    assert_eq!(diary.take(), ["sequential 1 ends", "now 2", "answer [7]", "now 3"]);
}

#[test]
fn a_client_whose_handler_is_slow_is_read_no_further_and_loses_nothing() {
    let (diary, door) = (Diary::default(), Door::default());
    let stage = Stage::new(app(&diary, &door));
    let mut client = stage.join(&["/"]);
    client.send(&[r#"42["sequential",0]"#]);
    // Together they pass 1 MiB.
    let rest = "x".repeat(1 << 16);
    for n in 1..=16 {
        assert!(client.is_read(), "before {n}");
        client.send(&[&format!(r#"42["now",{n},"{rest}"]"#)]);
    }
    assert!(!client.is_read(), "more than may wait");
    stage.run();
    assert!(!client.is_read());
    door.open();
    stage.run();
    assert!(client.is_read());
    let expected = ["sequential 0 begins".into(), "sequential 0 ends".into()];
    let expected = expected.into_iter().chain((1..=16).map(|n| format!("now {n}")));
    assert_eq!(diary.take(), expected.collect::<Vec<_>>());
}

#[test]
fn a_runtime_that_ends_takes_what_waits_with_it() {
    let (diary, door) = (Diary::default(), Door::default());
    let stage = Stage::new(app(&diary, &door));
    let mut client = stage.join(&["/"]);
    client.send(&[r#"42["sequential",1]"#, r#"42["now",2]"#]);
    stage.end_runtime();
    assert_eq!(diary.take(), ["sequential 1 begins"]);
    client.send(&[r#"42["now",3]"#]);
    assert_eq!(diary.take(), ["now 3"], "nothing waits for a handler that is gone");
}
