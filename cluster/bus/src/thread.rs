//! The thread of a broker.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Wake, Waker};
use std::thread::{self, JoinHandle, Thread};
use std::time::{Duration, Instant};

use crate::{Broker, End, Link};

/// Runs a broker on a thread of its own, again and again, until its end is closed.
///
/// The thread is named `sansocket-bus`. A broker that panics counts as one that lost its connection. The thread ends
/// when the broker did all that was wanted of it, when [`End::lost`] returns `None`, or when the end is closed during
/// a pause.
///
/// # Errors
/// When the operating system has no thread left.
pub fn spawn(broker: impl Broker, end: Arc<dyn End>) -> std::io::Result<JoinHandle<()>> {
    thread::Builder::new().name("sansocket-bus".into()).spawn(move || drive(broker, &end))
}

fn drive(mut broker: impl Broker, end: &Arc<dyn End>) {
    let link = Link::new(Arc::clone(end));
    while let Err(why) = attempt(&mut broker, &link) {
        let Some(pause) = end.lost(&why) else { break };
        if !rest(&**end, pause) {
            break;
        }
    }
}

/// Runs the broker once. An error is the text that tells why it stopped.
fn attempt(broker: &mut impl Broker, link: &Link) -> Result<(), String> {
    // What a panic leaves half done is the broker's own connection, which `run` begins with anew.
    match catch_unwind(AssertUnwindSafe(|| broker.run(link))) {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(panic) => Err(format!("the broker panicked: {}", text(&*panic))),
    }
}

fn text(panic: &(dyn Any + Send)) -> &str {
    let owned = panic.downcast_ref::<String>().map(String::as_str);
    owned.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("for an unknown reason")
}

/// Waits for so long, and returns `false` as soon as the end is closed.
fn rest(end: &dyn End, pause: Duration) -> bool {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let begin = Instant::now();
    while end.poll_closed(&mut Context::from_waker(&waker)).is_pending() {
        match pause.checked_sub(begin.elapsed()) {
            None | Some(Duration::ZERO) => return true,
            Some(left) => thread::park_timeout(left),
        }
    }
    false
}

/// Wakes the thread that rests.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

#[cfg(test)]
mod tests;
