//! What all shards of a process take together.

use crate::streams::stage::{POLLING, Polling, Stage, sid};
use sansocket::Config;
use sansocket_app::{App, Counts};
use std::sync::mpsc;

const SHARDS: u16 = 4;

/// A process of several shards.
fn process(set: impl FnOnce(&mut Config)) -> (Stage, mpsc::Receiver<&'static str>) {
    let mut config = Config::default();
    set(&mut config);
    let (left, reasons) = mpsc::channel();
    let mut app = App::with_config(config);
    app.on_disconnect(move |reason: sansocket_app::Reason| left.send(reason.as_str()).unwrap());
    (Stage::with_shards(app, SHARDS), reasons)
}

fn sum(stage: &Stage, count: impl Fn(&Counts) -> usize) -> usize {
    stage.io.counts().iter().map(count).sum()
}

/// Opens a session as a client would; whether that was possible.
fn opens(stage: &Stage) -> bool {
    let answer = stage.stream().ask("GET", POLLING, "", "");
    match answer.starts_with("HTTP/1.1 200 ") {
        true => true,
        false => {
            assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
            assert!(answer.contains("retry-after: 5\r\n"), "{answer}");
            false
        }
    }
}

/// C27.
#[test]
fn c27_sessions_of_all_shards_are_counted_together() {
    let (stage, _reasons) = process(|config| config.limits.sessions = 6);
    let mut clients: Vec<_> = (0..6).map(|_| stage.polling()).collect();
    assert!((0..8).all(|_| !opens(&stage)));
    assert_eq!(sum(&stage, |counts| counts.sessions), 6);
    assert_eq!(sum(&stage, |counts| counts.refused), 8);
    clients.pop().unwrap().post("1");
    assert!(opens(&stage) && !opens(&stage));
}

/// C28.
#[test]
fn c28_who_takes_most_is_ended_on_whatever_shard_it_is() {
    const LIMIT: usize = 400_000;
    let (stage, reasons) = process(|config| config.limits.bytes = LIMIT);
    let greedy = stage.polling();
    let id = stage.io.local().sockets().pop().expect("it is there").id().to_owned();
    let mut others: Vec<Polling> = (0..8).map(|_| stage.polling()).collect();
    (0..30).for_each(|n| stage.io.to(&id).emit("mine", &(n, "x".repeat(10_000))).unwrap());
    assert!(reasons.try_recv().is_err(), "there is room for it");
    let mut rounds = 0;
    while let Err(error) = reasons.try_recv() {
        assert_eq!(error, mpsc::TryRecvError::Empty);
        stage.io.emit("all", &(rounds, "x".repeat(1000))).unwrap();
        others.iter_mut().for_each(|client| assert!(client.get().contains("all")));
        stage.run();
        rounds += 1;
        assert!(rounds < 200, "nobody is ended");
    }
    stage.io.emit("all", "still").unwrap();
    others.iter_mut().for_each(|client| assert!(client.get().contains("still")));
    assert_eq!(sum(&stage, |counts| counts.sessions), 8);
    assert_eq!(sum(&stage, |counts| counts.cut_off), 1);
    drop(greedy);
}

/// C28.
#[test]
fn c28_broadcasts_to_sessions_that_never_poll_stay_within_the_limit() {
    const LIMIT: usize = 1_000_000;
    let (stage, _reasons) = process(|config| config.limits.bytes = LIMIT);
    let mut reader = stage.polling();
    for _ in 0..10 {
        let _deaf: Vec<_> = (0..32).map(|_| stage.polling()).collect();
        for n in 0..300 {
            stage.io.emit("news", &n).unwrap();
            stage.run();
            // What shards hold is told in steps, and each is charged with what many share.
            let most = LIMIT + LIMIT / 4 + usize::from(SHARDS) * 64 * 1024;
            assert!(sum(&stage, |counts| counts.bytes + counts.heads) <= most, "{n}");
            assert!(reader.get().ends_with(&format!("42[\"news\",{n}]")), "who reads is served");
        }
        assert!(sum(&stage, |counts| counts.cut_off) > 0);
        let handshake = stage.stream().ask("GET", POLLING, "", "");
        assert!(!sid(&handshake).is_empty(), "there is room for newcomers");
    }
    assert_eq!(sum(&stage, |counts| counts.refused), 0);
}

#[test]
fn a_large_broadcast_to_many_is_no_reason_to_end_anybody() {
    let (stage, reasons) = process(|config| config.limits.bytes = 1_000_000);
    let mut clients: Vec<_> = (0..64).map(|_| stage.polling()).collect();
    for n in 0..3 {
        stage.io.emit("large", &(n, "x".repeat(100_000))).unwrap();
        assert!(opens(&stage));
    }
    assert!(sum(&stage, |counts| counts.bytes) > 15_000_000, "each is charged with it");
    assert!(reasons.try_recv().is_err());
    for client in &mut clients {
        assert_eq!(client.get().matches("large").count(), 3);
    }
}
