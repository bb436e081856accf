//! Requests that come before the answers to those in front of them are taken.

use crate::streams::stage::{POLLING, Stage, sid};
use sansocket_app::http::Request;
use sansocket_app::{App, Bytes, Config};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use testbed::request;

#[test]
fn requests_wait_until_the_answers_before_them_are_taken() {
    const REQUESTS: usize = 200;
    const LENGTH: usize = 100_000;
    let asked = Arc::new(AtomicUsize::new(0));
    let mut app = App::new();
    let count = asked.clone();
    app.fallback(move |_: Request<Bytes>| {
        count.fetch_add(1, Ordering::SeqCst);
        "~".repeat(LENGTH)
    });
    let stage = Stage::new(app);
    let mut stream = stage.stream();
    stream.put(request("GET", "/f", "", "").repeat(REQUESTS));
    let waiting = asked.load(Ordering::SeqCst);
    assert!(waiting <= 2, "one read leaves {waiting} answers waiting to be taken");
    let answers = stream.take();
    assert_eq!(asked.load(Ordering::SeqCst), REQUESTS);
    assert_eq!(answers.matches('~').count(), REQUESTS * LENGTH);
}

#[test]
fn a_request_behind_a_body_that_is_too_large_is_answered() {
    let mut config = Config::default();
    config.limits.max_payload = 100;
    let mut app = App::with_config(config);
    app.fallback(|_: Request<Bytes>| "here");
    let stage = Stage::new(app);
    let open = stage.stream().ask("GET", POLLING, "", "");
    let session = format!("{POLLING}&sid={}", sid(&open));
    for target in [&*session, "/upload"] {
        let mut stream = stage.stream();
        let large = request("POST", target, "", &"x".repeat(400));
        let answers = stream.say(large + &request("GET", "/next", "", ""));
        let statuses: Vec<_> =
            answers.split("HTTP/1.1 ").skip(1).map(|answer| &answer[..3]).collect();
        assert_eq!(statuses, ["413", "200"], "{answers}");
    }
}
