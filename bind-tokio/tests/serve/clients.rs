//! What clients of every binding promise, on tokio.

use sansocket_tokio::client::{Client, Manager};
use std::sync::LazyLock;
use tokio::runtime::{Builder, Runtime};

use crate::promises::serve;

suites::every_client!(serve, open);

/// Starts a client on a runtime that all tests share.
fn open(client: Client) -> Manager {
    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
        Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
    });
    let _inside = RUNTIME.enter();
    sansocket_tokio::open(client)
}
