//! What every binding promises, on tokio.

use sansocket_tokio::{App, Listener, Server};
use std::future::{Future as _, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};
use suites::Client;
use suites::{Serving, serving_may_be_dropped_and_connections_go_on};
use tokio::runtime::{Builder, Runtime};

suites::every_binding!(serve);

#[test]
fn nginx_keeps_each_session_on_its_node() {
    suites::nginx_keeps_each_session_on_its_node(serve);
}

#[test]
fn haproxy_keeps_each_session_on_its_node() {
    suites::haproxy_keeps_each_session_on_its_node(serve);
}

#[test]
fn caddy_keeps_each_session_on_its_node() {
    suites::caddy_keeps_each_session_on_its_node(serve);
}

#[test]
fn serve_on_may_be_dropped_and_connections_go_on() {
    serving_may_be_dropped_and_connections_go_on(|app, listener| {
        let runtime = runtime();
        let (server, serving) = runtime.block_on(async {
            let server = Server::builder(app).shards(4).build();
            let serving = server.clone();
            (server, tokio::spawn(async move { serving.serve_on([listener]).await }))
        });
        let handle = server.io();
        // The runtime goes on until the test ends.
        std::mem::forget(runtime);
        (handle, Box::new(move || serving.abort()))
    });
}

#[test]
fn no_task_outlives_the_server() {
    let runtime = runtime();
    let listener = Listener::tcp("127.0.0.1:0").unwrap();
    let address = listener.local_addr().tcp().unwrap();
    let server = runtime.block_on(async { Server::builder(App::new()).shards(4).build() });
    let serving = server.clone();
    let serving = runtime.spawn(async move { serving.serve_on([listener]).await });
    let mut clients: Vec<_> = (0..8).map(|_| Client::connect(address)).collect();
    clients.iter_mut().for_each(|client| client.post("41"));
    assert!(runtime.metrics().num_alive_tasks() > 8);
    server.io().stop();
    drop((clients, server));
    runtime.block_on(serving).unwrap().unwrap();
    // The one that keeps time hears of the end a moment later.
    let patience = Instant::now() + Duration::from_secs(20);
    while runtime.metrics().num_alive_tasks() > 0 {
        assert!(Instant::now() < patience, "{}", runtime.metrics().num_alive_tasks());
        thread::yield_now();
    }
}

#[test]
fn serving_nothing_ends_nothing() {
    let runtime = runtime();
    let listener = Listener::tcp("127.0.0.1:0").unwrap();
    let address = listener.local_addr().tcp().unwrap();
    let server = runtime.block_on(async { Server::builder(App::new()).shards(4).build() });
    let serving = server.clone();
    let serving = runtime.spawn(async move { serving.serve_on([listener]).await });
    // As with inherited listeners, where none were.
    let mut nothing = pin!(server.serve_on([]));
    let mut waits = || {
        let look = poll_fn(|context| Poll::Ready(nothing.as_mut().poll(context)));
        runtime.block_on(look).is_pending()
    };
    assert!(waits(), "the server has not ended, although it has no clients");
    let mut client = Client::connect(address);
    assert!(waits());
    server.io().emit("news", &()).unwrap();
    assert_eq!(client.poll(), r#"42["news"]"#);
    server.io().stop();
    drop(client);
    runtime.block_on(nothing).unwrap();
    runtime.block_on(serving).unwrap().unwrap();
}

#[cfg(target_os = "linux")]
#[test]
fn a_pause_of_one_thread_drops_only_who_is_silent() {
    let name = concat!(module_path!(), "::a_pause_of_one_thread_drops_only_who_is_silent");
    suites::a_pause_of_the_process_drops_only_who_is_silent(serve_on_one, name, "");
}

#[test]
fn a_handler_that_blocks_the_only_thread_hides_no_pong() {
    suites::a_handler_that_blocks_hides_no_pong(serve_on_one);
}

#[cfg(target_os = "linux")]
#[test]
fn connections_that_wait_are_served_in_order() {
    let name = concat!(module_path!(), "::connections_that_wait_are_served_in_order");
    suites::connections_that_wait_are_served_in_order(serve_on_one, name);
}

/// Serves `app` on a runtime that runs where it is waited for.
fn serve_on_one(app: App, listeners: Vec<Listener>) -> (sansocket_app::Io, Serving) {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let server = runtime.block_on(async { Server::new(app) });
    (server.io(), thread::spawn(move || runtime.block_on(server.serve_on(listeners))))
}

/// Serves `app` on four shards and two threads.
pub(crate) fn serve(app: App, listeners: Vec<Listener>) -> (sansocket_app::Io, Serving) {
    let runtime = runtime();
    let server = runtime.block_on(async { Server::builder(app).shards(4).build() });
    (server.io(), thread::spawn(move || runtime.block_on(server.serve_on(listeners))))
}

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}
