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
//! - smol's global executor has **one thread** unless the environment says otherwise: start your program
//!   with `SMOL_THREADS=4` for four.
//! - async-std's has a thread per core, or as many as `ASYNC_STD_THREAD_COUNT` says. async-std is
//!   discontinued (RUSTSEC-2025-0052), so it is for applications that have it already:
//!   `default-features = false, features = ["async-std", "tracing"]`.
//!
//! With both, [`Server::new`] takes smol, and [`Builder::executor`] the one it is given.
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
//! | `tracing` | yes | lines of a log about clients, events and handlers, for the [`tracing`] subscriber of the process; without it errors of handlers go to standard error |
//! | `tls` | no | https: [`Tls`] is made from a certificate and given to a [`Listener`] |
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

#[cfg(not(any(feature = "smol", feature = "async-std")))]
compile_error!("sansocket-async-std needs an executor: enable its feature `smol` or `async-std`");

mod builder;
mod carry;
mod door;
mod executor;
mod reactor;
mod server;

pub use builder::Builder;
pub use executor::Executor;
pub use sansocket_app::*;
#[expect(
    hidden_glob_reexports,
    unused_imports,
    reason = "what bindings are made of is no business of applications"
)]
use sansocket_app::{bind, machinery};
pub use server::Server;
