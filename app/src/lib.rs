//! What an application writes: handlers, sockets, rooms and broadcasts, without a runtime.
//!
//! An [`App`] collects handlers; a binding such as `sansocket-tokio` serves it and hands out an
//! [`Io`], which reaches every client from any thread. Handlers are plain or async functions:
//!
//! ```
//! use sansocket_app::{Ack, App, Refusal, Socket};
//! use serde_json::Value;
//!
//! let mut app = App::new();
//! app.on_connect(|socket: Socket| -> Result<(), Refusal> {
//!     let auth: Value = socket.auth().unwrap_or_default();
//!     if auth["token"] == "secret" { Ok(()) } else { Err(Refusal::new("not authorized")) }
//! });
//! app.on("add", |_: Socket, a: i64, b: i64| a + b);
//! app.on("say", async |socket: Socket, room: String, text: String| {
//!     let _ = socket.to(room).emit("said", &text);
//! });
//! app.on_disconnect(|socket: Socket, reason: sansocket_app::Reason| {
//!     println!("{} left: {reason}", socket.id());
//! });
//! ```
//!
//! # What a handler takes and returns
//!
//! Any number of parameters, each one of: [`Socket`], [`Io`], [`Ack`], [`Rest`] for the arguments
//! that are left, or a type that serde reads from the next argument (`Option` when it may be
//! missing). A handler of exactly `(Socket, EventMessage)` or `(Socket, EventMessage, Ack)` gets the
//! event undecoded.
//!
//! What it returns is the acknowledgement: `()` is one without arguments, a tuple several arguments,
//! [`Json`] wraps a type of yours, [`NoReply`] sends none, `Err` goes to the error handler. See
//! [`IntoReply`].
//!
//! # Order
//!
//! Events of a shard, and so all events of one client, are handled in the order they arrived. An
//! async handler runs inline up to its first pending `.await` and goes on as a task of the runtime,
//! so what follows it does not wait.

mod ack;
mod app;
pub mod args;
mod connection;
mod dispatch;
mod engine;
mod error;
mod exchange;
mod extract;
mod files;
mod handler;
mod host;
mod hub;
mod io;
mod life;
mod listen;
mod port;
mod reply;
mod runtime;
mod socket;
mod timers;
#[cfg(feature = "tls")]
mod tls;
#[cfg(not(feature = "tls"))]
#[path = "tls/off.rs"]
mod tls;
mod to;
mod watch;
mod web;

pub use ack::{Ack, AckError, Found, Gathered, Gathering, Reply};
pub use app::{App, Namespace};
pub use bytes::Bytes;
pub use connection::Connection;
pub use engine::EngineSession;
pub use error::{BoxError, Cause, EmitError, HandlerError};
pub use extract::{Call, Extract, Rest};
pub use files::{Body, Files};
#[doc(hidden)]
pub use handler::{Async, Plain, Raw};
pub use handler::{ConnectHandler, DisconnectHandler, Handler};
pub use host::{Attachment, Outcome};
pub use http;
pub use hub::Hub;
pub use io::{Io, NamespaceIo};
pub use life::Until;
#[cfg(unix)]
pub use listen::SocketFile;
pub use listen::{Accepted, Address, Inner, Listener, Parts, Stream, pause_after};
pub use reply::{IntoAdmission, IntoReply, Json, NoReply, Refusal};
pub use runtime::{BoxFuture, Runtime, Workers};
pub use sansocket::{
    Args, ArgsRef, Config, Counts, EventMessage, Fields, Handshake, JoinError, KeepHeaders, Layer,
    Limits, Method, Origins, Reason, Received, Refused, Request, Response, Transports,
};
pub use socket::Socket;
pub use timers::Timers;
#[cfg(feature = "tls")]
pub use tls::TlsError;
pub use tls::{Tls, TlsFault, TlsSession};
pub use to::To;
pub use web::{IntoWeb, Origin, WebHandler};
