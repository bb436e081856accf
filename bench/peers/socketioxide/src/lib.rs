//! The measured part of the contract server on socketioxide and axum.
//!
//! Arguments are typed tuples, the cheapest form its documentation offers; they depend on what the
//! scenario sends, so text and binary payloads are two configurations. Handlers must be asynchronous
//! and become tasks; on several threads these finish in any order.

use axum::serve::ListenerExt;
use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};
use socketioxide::SocketIo;
use socketioxide::extract::{AckSender, Data, SocketRef};
use std::time::Duration;

/// Reads the command line and serves until killed.
pub fn main() {
    let (mut port, mut threads, mut binary) = (0, 1, false);
    let mut args = lexopt::Parser::from_env();
    while let Some(arg) = args.next().expect("readable arguments") {
        use lexopt::prelude::*;
        match arg {
            Long("port") => port = args.value().unwrap().parse().expect("a port"),
            Long("threads") => {
                threads = args.value().unwrap().parse().expect("a number, 0: current thread")
            }
            Long("binary") => binary = true,
            other => panic!("{}", other.unexpected()),
        }
    }
    let runtime = match threads {
        0 => tokio::runtime::Builder::new_current_thread().enable_all().build(),
        n => tokio::runtime::Builder::new_multi_thread().worker_threads(n).enable_all().build(),
    };
    runtime.expect("a runtime").block_on(serve(port, binary));
}

async fn serve(port: u16, binary: bool) {
    let (layer, io) = SocketIo::builder()
        // A request of `burst` is answered by a thousand packets; those that find no room are lost.
        .max_buffer_size(2048)
        .ping_interval(Duration::from_secs(25))
        .ping_timeout(Duration::from_secs(20))
        .build_layer();
    io.ns("/", async move |socket: SocketRef, Data(auth): Data<Auth>| {
        if binary {
            echo::<Bytes>(&socket)
        } else {
            echo::<String>(&socket)
        }
        burst(&socket);
        rooms(&socket);
        socket.emit("auth", &auth).ok();
    });
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.expect("a free port");
    println!("listening on http://{}", listener.local_addr().expect("bound"));
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    axum::serve(listener, axum::Router::new().layer(layer)).await.expect("serves");
}

/// The authentication object of the client, `{}` if none.
#[derive(Default, serde::Deserialize, Serialize)]
#[serde(default)]
struct Auth {}

fn echo<T: DeserializeOwned + Serialize + Send + Sync + 'static>(socket: &SocketRef) {
    socket.on("message", async |socket: SocketRef, Data(args): Data<(u64, T)>| {
        socket.emit("message-back", &args).ok();
    });
    socket.on("message-with-ack", async |Data(args): Data<(u64, T)>, ack: AckSender| {
        ack.send(&args).ok();
    });
}

fn burst(socket: &SocketRef) {
    socket.on("burst", async |socket: SocketRef, Data(count): Data<u32>| {
        for i in 0..count {
            socket.emit("seq", &i).ok();
        }
    });
}

fn rooms(socket: &SocketRef) {
    socket.on("join", async |socket: SocketRef, Data(room): Data<String>, ack: AckSender| {
        socket.join(room.clone());
        ack.send(&[room]).ok();
    });
    socket.on(
        "room-emit",
        async |socket: SocketRef, Data((room, n, text)): Data<(String, u64, String)>| {
            socket.within(room).emit("room-msg", &(n, text)).await.ok();
        },
    );
}
