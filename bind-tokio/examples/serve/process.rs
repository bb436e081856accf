//! What a server process needs besides the server.

use tokio::runtime::{Builder, Runtime};

/// Makes a runtime with so many threads, or one per core.
pub(crate) fn runtime(threads: Option<usize>) -> std::io::Result<Runtime> {
    match threads {
        Some(1) => Builder::new_current_thread().enable_all().build(),
        Some(threads) => Builder::new_multi_thread().worker_threads(threads).enable_all().build(),
        None => Runtime::new(),
    }
}

/// Waits for Ctrl-C or SIGTERM; from the call on, neither ends the process by itself.
#[cfg(unix)]
pub(crate) fn stop_signal() -> impl Future<Output = ()> {
    use tokio::signal::unix::{SignalKind, signal};
    let both = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
    async {
        let (Ok(mut interrupt), Ok(mut terminate)) = both else { return };
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    }
}

/// Waits for Ctrl-C.
#[cfg(not(unix))]
pub(crate) async fn stop_signal() {
    let _ = tokio::signal::ctrl_c().await;
}
