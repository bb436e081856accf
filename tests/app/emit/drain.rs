//! Clients that read too slowly, as the application sees them.

use crate::emit::stack::{Bell, Stack, poll, poll_with};
use allocation_counter::measure;
use sansocket_app::{App, Config, Drained, EmitError, Gone, Refusal, Refused, Socket};
use std::sync::{Arc, Mutex};
use std::thread;

fn small() -> App {
    let mut config = Config::default();
    config.limits.max_backlog = 10_000;
    config.limits.low_water = 2_000;
    App::with_config(config)
}

fn fill(socket: &Socket) -> usize {
    let big = "x".repeat(1000);
    for sent in 0..100 {
        match socket.emit("x", &big) {
            Ok(()) => {}
            Err(EmitError::Refused(Refused::Backlog { .. })) => return sent,
            Err(error) => panic!("{error}"),
        }
    }
    panic!("nothing stops it");
}

#[test]
fn there_is_nothing_to_wait_for_while_a_client_keeps_up() {
    let stack = Stack::with(small());
    let ([_client], [socket]) = stack.party();
    assert_eq!(poll(&mut socket.drained()), Some(Ok(())));
    socket.emit("x", &()).unwrap();
    assert_eq!(poll(&mut socket.drained()), Some(Ok(())));
    socket.disconnect();
    assert_eq!(poll(&mut socket.drained()), Some(Err(Gone)));
}

#[test]
fn all_who_wait_for_a_slow_client_hear_that_it_reads_again() {
    let stack = Stack::with(small());
    let ([mut client], [socket]) = stack.party();
    fill(&socket);
    let bell = Arc::new(Bell::default());
    let (mut one, mut two, given_up) = (socket.drained(), socket.drained(), socket.drained());
    assert_eq!(poll_with(&mut one, &bell), None);
    assert_eq!(poll_with(&mut two, &bell), None);
    drop(given_up);
    client.pull(1);
    assert_eq!(bell.rings(), 0, "not yet half of it");
    client.pull(usize::MAX);
    assert_eq!(bell.rings(), 2);
    assert_eq!((poll(&mut one), poll(&mut two)), (Some(Ok(())), Some(Ok(()))));
    assert_eq!(poll(&mut socket.drained()), Some(Ok(())));
    socket.emit("more", &()).unwrap();
}

#[test]
fn who_waits_for_a_slow_client_hears_that_it_left() {
    let stack = Stack::with(small());
    let ([client], [socket]) = stack.party();
    fill(&socket);
    let mut drained = socket.drained();
    assert_eq!(poll(&mut drained), None);
    drop(client);
    assert_eq!(poll(&mut drained), Some(Err(Gone)));
}

#[test]
fn a_thread_waits_for_a_slow_client() {
    let stack = Stack::with(small());
    let ([mut client], [socket]) = stack.party();
    fill(&socket);
    thread::scope(|scope| {
        let drained = socket.drained();
        let waiting = scope.spawn(|| drained.wait());
        client.pull(usize::MAX);
        assert_eq!(waiting.join().unwrap(), Ok(()));
    });
}

#[test]
fn what_is_too_much_for_a_client_being_admitted_is_waited_for_too() {
    let seen: Arc<Mutex<Option<Drained>>> = Arc::default();
    let (mut app, taken) = (small(), seen.clone());
    app.on_connect(move |socket: Socket| {
        fill(&socket);
        *taken.lock().unwrap() = Some(socket.drained());
    });
    let stack = Stack::with(app);
    let mut client = stack.client();
    client.send("40");
    let mut drained = seen.lock().unwrap().take().expect("it asked to join");
    assert_eq!(poll(&mut drained), None);
    client.all();
    assert_eq!(poll(&mut drained), Some(Ok(())));
}

#[test]
fn who_waits_for_a_client_that_is_refused_hears_of_it() {
    let seen: Arc<Mutex<Option<Drained>>> = Arc::default();
    let (mut app, taken) = (small(), seen.clone());
    app.on_connect(move |socket: Socket| -> Result<(), Refusal> {
        fill(&socket);
        *taken.lock().unwrap() = Some(socket.drained());
        Err(Refusal::new("no"))
    });
    let stack = Stack::with(app);
    let mut client = stack.client();
    client.send("40");
    let mut drained = seen.lock().unwrap().take().expect("it asked to join");
    assert_eq!(poll(&mut drained), Some(Err(Gone)));
    assert_eq!(client.all(), [r#"44{"message":"no"}"#]);
}

#[test]
fn who_gives_up_waiting_for_a_slow_client_is_forgotten_while_others_wait() {
    let stack = Stack::with(small());
    let ([mut client], [socket]) = stack.party();
    fill(&socket);
    let mut waits: Vec<_> = (0..3).map(|_| socket.drained()).collect();
    assert!(waits.iter_mut().all(|wait| poll(wait).is_none()));
    let info = measure(|| (0..100_000).for_each(|_| drop(socket.drained())));
    assert!(info.bytes_max < 4096, "{info:?}");
    client.pull(usize::MAX);
    assert!(waits.iter_mut().all(|wait| poll(wait) == Some(Ok(()))));
}
