//! Serves an example application on tokio until it is asked to stop.

mod process;

use examples::options::Options;
use sansocket_tokio::{App, Config, Io, Listener};

use process::{runtime, stop_signal};

/// Listens, says where, and serves.
pub(crate) fn run(options: &Options, app: impl FnOnce(Config) -> App) -> std::io::Result<()> {
    runtime(options.threads)?.block_on(async {
        let listener = Listener::tcp((options.host.as_str(), options.port))?;
        println!("listening on {}", listener.local_addr());
        let io = Io::new(app(options.config.clone()));
        let stopping = io.clone();
        tokio::spawn(async move {
            stop_signal().await;
            stopping.stop();
        });
        io.serve_on([listener]).await
    })
}
