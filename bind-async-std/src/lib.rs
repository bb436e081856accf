//! Socket.IO servers and clients on smol and async-std.
//!
//! ```no_run
//! # #[cfg(feature = "smol")]
//! use sansocket_async_std::{App, Server, Socket};
//!
//! # #[cfg(feature = "smol")]
//! fn main() -> std::io::Result<()> {
//!     let mut app = App::new();
//!     app.on_connect(|socket: Socket| println!("{} joined", socket.id()));
//!     app.on("say", |socket: Socket, text: String| {
//!         let _ = socket.broadcast().emit("said", &(socket.id(), text));
//!     });
//!     smol::block_on(Server::new(app).serve("127.0.0.1:3000"))
//! }
//! # #[cfg(not(feature = "smol"))]
//! # fn main() {}
//! ```
//!
//! A client is a [`client::Client`](sansocket_app::client), which [`connect`] starts.
//!
//! This crate brings sockets, tasks and a clock. What an application writes is re-exported from
//! [`sansocket_app`], whose page tells what handlers take and return, who gets an emit, and where to go on.
//!
//! # Executors
//!
//! Connections and handlers are tasks of an [`Executor`]; any executor may run the future of
//! [`Server::serve`] itself.
//!
//! - smol's global executor has **one thread** unless the environment says otherwise: start your program
//!   with `SMOL_THREADS=4` for four.
//! - async-std's has a thread per core, or as many as `ASYNC_STD_THREAD_COUNT` says. async-std is
//!   discontinued (RUSTSEC-2025-0052), so it is for applications that have it already:
//!   `default-features = false, features = ["async-std", "tracing"]`.
//!
//! With both, [`Server::new`] and [`open`] take smol; [`Builder::executor`] and [`Executor::open`] are for the other.
//!
//! Handlers run on the thread of the connection, up to their first `.await` that waits: one that blocks
//! holds up other clients, so let it work in `smol::unblock`, or take the package `sansocket-blocking`.
//!
//! # Features
//!
//! | feature | on by default | brings |
//! |---|---|---|
//! | `smol` | yes | the executor of smol |
//! | `async-std` | no | the executor of async-std |
//! | `tracing` | yes | lines of a log, see [`sansocket_app`](sansocket_app#features) |
//! | `tls` | no | https: a [`Listener`] takes a [`Tls`], and a client reaches servers over TLS |
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(not(any(feature = "smol", feature = "async-std")))]
compile_error!("sansocket-async-std needs an executor: enable its feature `smol` or `async-std`");

mod builder;
mod carry;
mod door;
mod executor;
mod network;
mod own;
mod reactor;
mod server;
mod start;

pub use builder::Builder;
pub use executor::Executor;
pub use own::AsyncStream;
pub use sansocket_app::*;
#[expect(
    hidden_glob_reexports,
    unused_imports,
    reason = "what bindings are made of is no business of applications"
)]
use sansocket_app::{bind, machinery};
pub use server::Server;
pub use start::{connect, connect_simply, open};
