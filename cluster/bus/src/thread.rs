//! The thread of a broker.

use std::sync::Arc;
use std::thread::JoinHandle;

use crate::{Broker, End};

/// Runs a broker on a thread of its own, again and again, until its end is closed.
///
/// # Errors
/// When the operating system has no thread left.
pub fn spawn(broker: impl Broker, end: Arc<dyn End>) -> std::io::Result<JoinHandle<()>> {
    let _ = (broker, end);
    todo!()
}
