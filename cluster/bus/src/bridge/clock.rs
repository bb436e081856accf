//! The thread that looks at deadlines.

use std::io;
use std::sync::Arc;
use std::thread;

use super::shared::Shared;

/// Acts on the deadlines of a bridge, on a thread of its own that ends with it.
pub(super) fn start(shared: Arc<Shared>) -> io::Result<()> {
    let clock = thread::Builder::new().name("sansocket-clock".into());
    clock.spawn(move || shared.keep_time()).map(drop)
}
