//! Serves an example application on tokio until it is asked to stop.

mod process;

use examples::options::Options;
use sansocket_tokio::{App, Config, Io, Listener, Server};

use process::{runtime, stop_signal};

/// Listens, says where, and serves.
#[allow(dead_code, reason = "some examples bring a listener of their own")]
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
    runtime(options.threads)?.block_on(async {
        let stop = stop_signal();
        println!("listening on {}", listener.local_addr());
        let server = Server::new(app(options.config.clone()));
        begin(&server.io())?;
        let stopping = server.io();
        tokio::spawn(async move {
            stop.await;
            stopping.stop();
        });
        server.serve_on([listener]).await
    })
}
