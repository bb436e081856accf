//! Socket.IO servers on tokio.
//!
//! ```no_run
//! use sansocket_tokio::{App, Server, Socket};
//!
//! #[tokio::main]
//! async fn main() -> std::io::Result<()> {
//!     let mut app = App::new();
//!     app.on_connect(|socket: Socket| println!("{} joined", socket.id()));
//!     app.on("say", |socket: Socket, text: String| {
//!         let _ = socket.broadcast().emit("said", &(socket.id(), text));
//!     });
//!     Server::new(app).serve("127.0.0.1:3000").await
//! }
//! ```
//!
//! This crate brings sockets, tasks and a clock. What an application writes is re-exported from
//! [`sansocket_app`], whose page tells what handlers take and return, who gets an emit, and where to go on.
//!
//! # Tasks
//!
//! Connections are tasks of the runtime that [`Server::new`] is called in. Handlers run on the thread of
//! the connection, up to their first `.await` that waits: one that blocks holds up other clients, so let
//! it work in `tokio::task::spawn_blocking`, or take the package `sansocket-blocking`.
//!
//! # In front of axum
//!
//! With the feature `tower`, `Server::layer` puts Socket.IO in front of a router on the same port, and
//! `Server::service` makes it a service of its own.
//!
//! # Features
//!
//! | feature | on by default | brings |
//! |---|---|---|
//! | `tower` | no | a layer and a service, for axum, hyper and what else speaks tower |
//! | `tracing` | yes | lines of a log, see [`sansocket_app`](sansocket_app#features) |
//! | `tls` | no | https: a [`Listener`] takes a [`Tls`] |
#![cfg_attr(docsrs, feature(doc_cfg))]

mod builder;
mod carry;
mod door;
mod own;
mod runtime;
mod server;
#[cfg(feature = "tower")]
mod service;
mod start;

pub use builder::Builder;
pub use own::AsyncStream;
pub use sansocket_app::*;
#[expect(
    hidden_glob_reexports,
    unused_imports,
    reason = "what bindings are made of is no business of applications"
)]
use sansocket_app::{bind, machinery};
pub use server::Server;
#[cfg(feature = "tower")]
pub use service::{
    NotFound, OwnBody, SocketIoBody, SocketIoFuture, SocketIoLayer, SocketIoService,
};
pub use start::{connect, connect_simply, open};

/// Compiles the examples of the README.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
