//! Socket.IO servers and clients on threads, without an async runtime.
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
//! A client is a [`client::Client`](sansocket_app::client), which [`connect`] starts:
//!
//! ```no_run
//! use sansocket_blocking::client::Client;
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let mut client = Client::new("https://example.com/chat")?;
//!     client.on("said", |who: String, text: String| println!("{who}: {text}"));
//!     let chat = sansocket_blocking::connect(client)?;
//!     chat.emit("say", "hello")?;
//!     let members: u32 = chat.call("count", &()).wait()?;
//!     chat.disconnect().wait();
//!     Ok(())
//! }
//! ```
//!
//! This crate brings sockets, threads and a clock. What an application writes is re-exported from
//! [`sansocket_app`], whose page tells what handlers take and return, who gets an emit, and where to go on.
//!
//! # Threads
//!
//! Handlers are plain functions that may block: read a database, sleep, wait for the answer of a client. The
//! events of one client are handled one after the other, those of different clients side by side.
//!
//! A few threads carry bytes: [`Threads::io`], one per core. Such a thread runs the handlers of the events
//! that it reads, which spares a hand-over to another thread. When a handler blocks, another thread
//! carries the bytes on: at once when the handler waits with `wait`, and after one or two milliseconds when
//! it blocks otherwise. While handlers block often, they are run by workers from the start. Up to
//! [`Threads::workers`] further threads are started when they are needed, and end when they have had nothing
//! to do for ten seconds.
//!
//! There must be more workers than handlers that block at the same time: when all of them wait, the
//! events of others wait too. Connections are read no further when too much waits, so that a queue never
//! grows without bound. Work that goes on for long belongs on a thread of its own: [`Io::thread`].
//!
//! All clients of a process share threads of their own: one carries bytes, one watches the time, and as many as
//! [`Threads::workers`] says by default are started when they are needed. They begin with the first client and end
//! with the last.
//!
//! Async handlers and [`spawn`](sansocket_app::Io::spawn) work as well; such tasks share the threads of handlers.
//!
//! Every future has a method `wait`, which is `.await` for handlers that block:
//!
//! ```
//! use sansocket_blocking::{AckError, App, Socket};
//!
//! let mut app = App::new();
//! app.on("greet me", |socket: Socket| -> Result<String, AckError> {
//!     let name: String = socket.call("name?", &()).wait()?;
//!     Ok(format!("Hello, {name}!"))
//! });
//! ```
//!
//! # Features
//!
//! | feature | on by default | brings |
//! |---|---|---|
//! | `tracing` | yes | lines of a log, see [`sansocket_app`](sansocket_app#features) |
//! | `tls` | no | https: a [`Listener`] takes a [`Tls`], and a client reaches servers over TLS |
#![cfg_attr(docsrs, feature(doc_cfg))]

mod builder;
mod carry;
mod clock;
mod driver;
mod lead;
mod listen;
mod look_up;
mod network;
mod pool;
mod post;
mod runtime;
mod server;
mod start;
mod task;
mod watch;

pub use builder::Builder;
pub use sansocket_app::*;
#[expect(
    hidden_glob_reexports,
    unused_imports,
    reason = "what bindings are made of is no business of applications"
)]
use sansocket_app::{bind, machinery};
pub use server::{Server, Threads};
pub use start::{connect, connect_simply, open};
