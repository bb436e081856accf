//! Serves an example application on threads until it is asked to stop.

use examples::options::Options;
use sansocket_blocking::{App, Config, Io, Listener, Server, Threads};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// Listens, says where, and serves.
#[allow(dead_code, reason = "some examples do more once there is a server")]
pub(crate) fn run(options: &Options, app: impl FnOnce(Config) -> App) -> std::io::Result<()> {
    let listener = Listener::tcp((options.host.as_str(), options.port))?;
    run_on(listener, options, app, |_| Ok(()))
}

/// The same on a listener of the example's, which does what else it does once there is a server.
pub(crate) fn run_on(
    listener: Listener,
    options: &Options,
    app: impl FnOnce(Config) -> App,
    begin: impl FnOnce(&Io) -> std::io::Result<()>,
) -> std::io::Result<()> {
    let mut threads = Threads::default();
    if let Some(io) = options.threads {
        threads.io = io;
    }
    let server = Server::builder(app(options.config.clone())).threads(threads).build();
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    println!("listening on {}", listener.local_addr());
    begin(&server.io())?;
    let stopping = server.io();
    server.io().thread(move || {
        if signals.forever().next().is_some() {
            stopping.stop();
        }
    });
    server.serve_on([listener])
}
