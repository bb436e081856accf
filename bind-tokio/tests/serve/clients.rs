//! What clients of every binding promise, on tokio.

use sansocket_tokio::AsyncStream;
use sansocket_tokio::client::{Client, Manager};
use std::sync::LazyLock;
use tokio::io::BufStream;
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};

use crate::promises::serve;

suites::every_client!(serve, open);

#[test]
fn c102_a_stream_of_the_application_leads_to_the_server() {
    suites::c102_a_stream_of_the_application_leads_to_the_server(serve, open, |client, address| {
        // One that keeps what it is given until it is flushed.
        client.connector(move |_| async move {
            TcpStream::connect(address).await.map(BufStream::new).map(AsyncStream::new)
        });
    });
}

/// Starts a client on a runtime that all tests share.
fn open(client: Client) -> Manager {
    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
        Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
    });
    let _inside = RUNTIME.enter();
    sansocket_tokio::open(client)
}
