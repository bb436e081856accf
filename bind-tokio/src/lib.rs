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

mod carry;
mod door;
mod runtime;
mod server;
#[cfg(feature = "tower")]
mod service;

pub use sansocket_app::*;
pub use server::Server;
#[cfg(feature = "tower")]
pub use service::{
    Content, NotFound, SocketIoBody, SocketIoFuture, SocketIoLayer, SocketIoService,
};

/// Compiles the examples of the README.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
