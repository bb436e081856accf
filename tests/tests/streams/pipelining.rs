//! Requests that come before the answers to those in front of them are taken.

use crate::stage::Stage;
use sansocket_app::http::Request;
use sansocket_app::{App, Bytes};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tests::request;

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
