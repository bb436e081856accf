//! How connections end with their server, and how that is observed.

use crate::streams::stage::Stage;
use sansocket_app::App;
use std::future::{Future as _, pending};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

#[derive(Default)]
struct Bell(AtomicUsize);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn the_last_connection_wakes_who_waits_for_none_to_be_left() {
    let stage = Stage::new(App::new());
    let (first, last) = (stage.stream(), stage.stream());
    let bell = Arc::new(Bell::default());
    let waker = Waker::from(bell.clone());
    let mut idle = pin!(stage.hub.idle());
    assert!(idle.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    drop(first);
    assert_eq!(bell.0.load(Ordering::SeqCst), 0, "one is left");
    drop(last);
    assert_eq!(bell.0.load(Ordering::SeqCst), 1);
    assert!(idle.as_mut().poll(&mut Context::from_waker(&waker)).is_ready());
}

#[test]
fn connections_are_cut_off_though_nobody_waits_for_the_end() {
    let mut app = App::new();
    app.fallback(|_: sansocket_app::http::Request<sansocket_app::Bytes>| pending::<&str>());
    let stage = Stage::new(app);
    let mut stream = stage.stream();
    assert_eq!(stream.ask("GET", "/slow", "", ""), "");
    stage.io.stop_within(Duration::from_secs(60));
    {
        // As a binding does whose future is dropped meanwhile.
        let mut ended = pin!(stage.hub.idle());
        assert!(ended.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    // A second call does not prolong it.
    stage.io.stop_within(Duration::from_secs(600));
    stage.pass(59);
    assert!(stream.is_open());
    stage.pass(2);
    assert!(!stream.is_open(), "its time is over");
    drop(stream);
    let mut ended = pin!(stage.hub.idle());
    assert!(ended.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
}
