//! Serves an example application on tokio until it is asked to stop.

use examples::options::Options;
use sansocket_tokio::{App, Config, Io, Listener};
use tokio::runtime::{Builder, Runtime};

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

fn runtime(threads: Option<usize>) -> std::io::Result<Runtime> {
    match threads {
        Some(1) => Builder::new_current_thread().enable_all().build(),
        Some(threads) => Builder::new_multi_thread().worker_threads(threads).enable_all().build(),
        None => Runtime::new(),
    }
}

/// Waits for Ctrl-C or SIGTERM.
async fn stop_signal() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let Ok(mut terminate) = signal(SignalKind::terminate()) else { return };
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
    }
    #[cfg(not(unix))]
    let _ = tokio::signal::ctrl_c().await;
}
