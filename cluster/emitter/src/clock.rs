//! The thread that looks at deadlines.

use std::io;
use std::sync::Arc;
use std::thread;

use crate::state::State;

/// Acts on the deadlines of an emitter, on a thread of its own that ends with it.
pub(crate) fn start(state: Arc<State>) -> io::Result<()> {
    let clock = thread::Builder::new().name("sansocket-clock".into());
    clock.spawn(move || state.keep_time()).map(drop)
}
