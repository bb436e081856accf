//! What every binding promises, on each executor there is.

#[cfg(feature = "smol")]
use async_io::Async;
use async_io::block_on;
#[cfg(feature = "smol")]
use sansocket_async_std::AsyncStream;
use sansocket_async_std::{App, Executor, Listener, Server};
#[cfg(feature = "smol")]
use std::net::TcpStream;
use std::thread;
use suites::Serving;

#[cfg(feature = "smol")]
mod smol {
    use super::{Executor, Server};

    suites::every_binding!(|app, listeners| super::serve(app, Executor::SMOL, listeners));
    suites::every_client!(
        |app, listeners| super::serve(app, Executor::SMOL, listeners),
        |client| Executor::SMOL.open(client)
    );

    #[cfg(target_os = "linux")]
    #[test]
    fn a_pause_of_two_threads_drops_only_who_is_silent() {
        let name = concat!(module_path!(), "::a_pause_of_two_threads_drops_only_who_is_silent");
        suites::a_pause_of_the_process_drops_only_who_is_silent(
            |app, listeners| super::serve(app, Executor::SMOL, listeners),
            name,
            "export SMOL_THREADS=2",
        );
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn connections_that_wait_are_served_in_order() {
        let name = concat!(module_path!(), "::connections_that_wait_are_served_in_order");
        suites::connections_that_wait_are_served_in_order(
            |app, listeners| super::serve(app, Executor::SMOL, listeners),
            name,
        );
    }

    #[test]
    fn serve_on_may_be_dropped_and_connections_go_on() {
        suites::serving_may_be_dropped_and_connections_go_on(|app, listener| {
            let server = Server::builder(app).executor(Executor::SMOL).shards(4).build();
            let handle = server.io();
            let serving = ::smol::spawn(async move { server.serve_on([listener]).await });
            // Dropping the task drops its future.
            (handle, Box::new(move || drop(serving)))
        });
    }
}

#[cfg(feature = "async-std")]
mod async_std {
    use super::{Executor, Server};

    suites::every_binding!(|app, listeners| super::serve(app, Executor::ASYNC_STD, listeners));
    suites::every_client!(
        |app, listeners| super::serve(app, Executor::ASYNC_STD, listeners),
        |client| Executor::ASYNC_STD.open(client)
    );

    #[cfg(target_os = "linux")]
    #[test]
    fn a_pause_of_one_thread_drops_only_who_is_silent() {
        let name = concat!(module_path!(), "::a_pause_of_one_thread_drops_only_who_is_silent");
        suites::a_pause_of_the_process_drops_only_who_is_silent(
            |app, listeners| super::serve(app, Executor::ASYNC_STD, listeners),
            name,
            "export ASYNC_STD_THREAD_COUNT=1",
        );
    }

    #[test]
    fn serve_on_may_be_dropped_and_connections_go_on() {
        suites::serving_may_be_dropped_and_connections_go_on(|app, listener| {
            let server = Server::builder(app).executor(Executor::ASYNC_STD).shards(4).build();
            let handle = server.io();
            let serving =
                ::async_std::task::spawn(async move { server.serve_on([listener]).await });
            (handle, Box::new(move || drop(super::block_on(serving.cancel()))))
        });
    }
}

#[cfg(feature = "smol")]
#[test]
fn c102_a_stream_of_the_application_leads_to_the_server() {
    suites::c102_a_stream_of_the_application_leads_to_the_server(
        |app, listeners| serve(app, Executor::SMOL, listeners),
        |client| Executor::SMOL.open(client),
        |client, address| {
            client.connector(move |_| async move {
                Async::<TcpStream>::connect(address).await.map(AsyncStream::new)
            });
        },
    );
}

/// Serves `app` on four shards.
fn serve(app: App, executor: Executor, listeners: Vec<Listener>) -> (sansocket_app::Io, Serving) {
    let server = Server::builder(app).executor(executor).shards(4).build();
    (server.io(), thread::spawn(move || block_on(server.serve_on(listeners))))
}
