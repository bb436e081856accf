//! What bindings wait for, dropped before it is ready.

use crate::streams::stage::{POLLING, Stage, poll_and_drop};
use sansocket::Method;
use sansocket_app::App;
use sansocket_app::bind::{HostLink, Outcome};
use std::future::Future as _;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// As often as a future is polled before it is dropped.
const POLLS: std::ops::Range<usize> = 0..4;

#[test]
fn waiting_for_the_end_may_be_given_up() {
    let stage = Stage::new(App::new());
    let hub = stage.hub();
    let mut client = stage.stream();
    client.upgrade("");
    client.send("40");
    let mut beside = pin!(hub.stopping());
    let context = &mut Context::from_waker(Waker::noop());
    assert!(beside.as_mut().poll(context).is_pending());
    POLLS.for_each(|polls| poll_and_drop(hub.stopping(), polls));
    stage.io.stop_within(Duration::from_secs(5));
    // A task that waits beside dropped ones is woken, and so is a later one.
    assert!(beside.as_mut().poll(context).is_ready());
    assert!(pin!(hub.stopping()).poll(context).is_ready());
    // No client is cut off before the grace is over, however many waiting tasks give up.
    for polls in POLLS {
        poll_and_drop(hub.idle(), polls);
    }
    let mut ended = pin!(hub.idle());
    assert!(ended.as_mut().poll(context).is_pending());
    stage.pass(4);
    assert!(ended.as_mut().poll(context).is_pending());
    assert!(client.is_open());
    stage.pass(2);
    assert!(ended.as_mut().poll(context).is_pending());
    assert!(!client.is_open());
    drop(client);
    assert!(ended.as_mut().poll(context).is_ready());
    assert!(pin!(hub.idle()).poll(context).is_ready());
}

#[test]
fn a_new_clockwork_catches_up() {
    for polls in POLLS {
        let stage = Stage::without_timers(App::new());
        let mut client = stage.stream();
        client.upgrade("");
        client.send("40");
        poll_and_drop(stage.timers(), polls);
        // A PING is due, and no timer runs.
        stage.pass(30);
        assert_eq!(client.take(), "");
        stage.start(stage.timers());
        stage.run();
        assert!(client.take().ends_with('2'));
        // It is not answered, nor is the farewell.
        stage.pass(30);
        client.take();
        stage.pass(5);
        assert!(!client.is_open());
    }
}

#[test]
fn sleep_may_be_given_up() {
    let stage = Stage::new(App::new());
    POLLS.for_each(|polls| poll_and_drop(stage.io.sleep(Duration::from_secs(1)), polls));
    let mut slept = pin!(stage.io.sleep(Duration::from_secs(1)));
    let context = &mut Context::from_waker(Waker::noop());
    assert!(slept.as_mut().poll(context).is_pending());
    stage.pass(2);
    assert!(slept.as_mut().poll(context).is_ready());
}

#[test]
fn a_request_that_is_given_up_ends_its_session_only() {
    let stage = Stage::new(App::new());
    let mut steady = stage.polling();
    for polls in POLLS {
        let client = stage.polling();
        let target = format!("{POLLING}&sid={}", client.sid);
        let Outcome::Hold(mut held) = stage.host(Method::Get, &target) else {
            panic!("a poll is held");
        };
        for _ in 0..polls {
            assert!(respond(&mut held).is_pending());
        }
        drop(held);
        stage.run();
        assert_eq!(sessions(&stage), 1);
        steady.post("42[\"x\"]");
    }
    stage.io.emit("go", &()).unwrap();
    assert!(steady.get().contains("42[\"go\"]"));
}

fn respond(attachment: &mut HostLink) -> Poll<()> {
    attachment.poll_response(&Context::from_waker(Waker::noop())).map(drop)
}

fn sessions(stage: &Stage) -> usize {
    stage.io.counts().iter().map(|count| count.sessions).sum()
}
