//! Lines to standard error, for processes that collect no logs.
//!
//! Whoever reads standard error may be slow, or not there: then writing to it waits, for ever if need
//! be. So a thread of its own writes, and lines that it has no room for are counted and left out.

use std::io::{self, Write as _};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread::Builder;

/// Lines that may wait to be written.
const WAITING: usize = 64;

static LINES: LazyLock<Option<SyncSender<String>>> = LazyLock::new(|| {
    let (lines, queue) = mpsc::sync_channel(WAITING);
    let thread = Builder::new().name("sansocket-log".into());
    thread.spawn(move || write(&queue)).ok().map(|_| lines)
});

/// Lines that there was no room for.
static LOST: AtomicU64 = AtomicU64::new(0);

/// Writes a line, soon. It never waits.
pub(super) fn print(line: String) {
    let sent = LINES.as_ref().is_some_and(|lines| lines.try_send(line).is_ok());
    if !sent {
        LOST.fetch_add(1, Ordering::Relaxed);
    }
}

fn write(lines: &Receiver<String>) {
    for line in lines {
        // An error cannot be reported anywhere.
        let _ = io::stderr().write_all(format!("sansocket: {line}\n").as_bytes());
        let lost = LOST.swap(0, Ordering::Relaxed);
        if lost > 0 {
            let line = format!("sansocket: … and {lost} more lines\n");
            let _ = io::stderr().write_all(line.as_bytes());
        }
    }
}
