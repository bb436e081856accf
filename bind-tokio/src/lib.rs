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
//! This crate brings sockets, tasks and a clock; what an application writes is in
//! [`sansocket_app`], re-exported here, and the protocol is in its core.
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
//! | `tracing` | yes | lines of a log about clients, events and handlers, for the [`tracing`] subscriber of the process; without it errors of handlers go to standard error |
//! | `tls` | no | https: [`Tls`] is made from a certificate and given to a [`Listener`] |
//! | `tower` | no | a layer and a service, for axum, hyper and what else speaks tower |
//!
//! [`tracing`]: https://docs.rs/tracing
//!
//! # Where to go on
//!
//! - [`App`]: handlers and everything else that is set before an application is served.
//! - [`sansocket_app`]: parameters and results of handlers, the recipients of an emit, and order.
//! - [`Socket`], [`Io`] and [`Broadcast`]: one client, the whole server, and some of its clients.
//! - [`mod@test`]: tests of an application, in virtual time and without a network.
//! - [`Config`] and [`Limits`]: every setting with its default.
//!
//! The repository has a [tutorial], guides for those who come from [Flask-SocketIO], [socket.io] and
//! [socketioxide], and pages about [deployment] and [limits].
//!
//! [tutorial]: https://github.com/sansocket/sansocket/blob/main/docs/tutorial.md
//! [Flask-SocketIO]: https://github.com/sansocket/sansocket/blob/main/docs/from-flask-socketio.md
//! [socket.io]: https://github.com/sansocket/sansocket/blob/main/docs/from-socket.io.md
//! [socketioxide]: https://github.com/sansocket/sansocket/blob/main/docs/from-socketioxide.md
//! [deployment]: https://github.com/sansocket/sansocket/blob/main/docs/deployment.md
//! [limits]: https://github.com/sansocket/sansocket/blob/main/docs/limits.md
#![cfg_attr(docsrs, feature(doc_cfg))]

mod builder;
mod carry;
mod door;
mod runtime;
mod server;
#[cfg(feature = "tower")]
mod service;

pub use builder::Builder;
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

/// Compiles the examples of the README.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
