//! What every binding promises, on each executor there is.

use async_io::block_on;
use sansocket_async_std::{App, Executor, Listener, Server};
use std::thread;
use tests::binding::Serving;

#[cfg(feature = "smol")]
mod smol {
    tests::every_binding!(|app, listeners| super::serve(app, super::Executor::SMOL, listeners));
}

#[cfg(feature = "async-std")]
mod async_std {
    tests::every_binding!(|app, listeners| super::serve(
        app,
        super::Executor::ASYNC_STD,
        listeners
    ));
}

/// Serves `app` on four shards.
fn serve(app: App, executor: Executor, listeners: Vec<Listener>) -> (sansocket_app::Io, Serving) {
    let io = Server::on(app, executor, 4);
    ((*io).clone(), thread::spawn(move || block_on(io.serve_on(listeners))))
}
