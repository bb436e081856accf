//! Socket.IO servers on threads, without an async runtime.
//!
//! ```no_run
//! use sansocket_blocking::{App, Server, Socket};
//!
//! fn main() -> std::io::Result<()> {
//!     let mut app = App::new();
//!     app.on_connect(|socket: Socket| println!("{} joined", socket.id()));
//!     app.on("say", |socket: Socket, text: String| {
//!         let _ = socket.broadcast().emit("said", &(socket.id(), text));
//!     });
//!     Server::new(app).serve("127.0.0.1:3000")
//! }
//! ```
//!
//! This crate brings sockets, threads and a clock; what an application writes is in
//! [`sansocket_app`], re-exported here, and the protocol is in its core.
//!
//! # Threads
//!
//! A few threads carry bytes, and never run handlers: [`Threads::io`], one per core. Handlers are
//! plain functions that may block (read a database, sleep, wait for the answer of a client) and run
//! on a pool of up to [`Threads::workers`] threads, which are started when they are needed and end
//! when they have had nothing to do for ten seconds. The events of one client are handled one after
//! the other, those of different clients side by side.
//!
//! The pool must be larger than the number of handlers that block at the same time: one that waits
//! holds its worker, and when all of them wait, the others' events wait too. Connections are read
//! no further when too much waits, so that a queue never grows without bound. Work that goes on for
//! long belongs on a thread of its own: [`Server::thread`].
//!
//! Async handlers and [`spawn`](sansocket_app::Io::spawn) work as well; such tasks share the pool.

mod carry;
mod clock;
mod driver;
mod listen;
mod pool;
mod post;
mod runtime;
mod server;
mod task;

pub use sansocket_app::*;
pub use server::{Server, Threads};
