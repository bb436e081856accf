//! Socket.IO servers on smol and async-std.
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
//! This crate brings sockets, tasks and a clock; what an application writes is in
//! [`sansocket_app`], re-exported here, and the protocol is in its core.
//!
//! # Executors
//!
//! Connections and handlers are tasks of an [`Executor`]; any executor may run the future of
//! [`Server::serve`] itself.
//!
//! - Feature `smol`, on by default: smol's global executor. It has **one thread** unless the
//!   environment says otherwise: start your program with `SMOL_THREADS=4` for four.
//! - Feature `async-std`: async-std's executor, with a thread per core or `ASYNC_STD_THREAD_COUNT`.
//!   async-std is discontinued (RUSTSEC-2025-0052), so this is for applications that have it
//!   already: `default-features = false, features = ["async-std"]`.
//!
//! With both, [`Server::new`] takes smol and [`Server::on`] the one it is told.

#[cfg(not(any(feature = "smol", feature = "async-std")))]
compile_error!("sansocket-async-std needs an executor: enable its feature `smol` or `async-std`");

mod carry;
mod door;
mod executor;
mod server;

pub use executor::Executor;
pub use sansocket_app::*;
pub use server::Server;
