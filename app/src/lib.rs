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
//! Up to eight parameters, each one of: [`Socket`], [`Io`], [`Ack`], [`Auth`], [`EventName`],
//! [`State`], [`Session`], [`Extension`], [`Rest`] or [`RawRest`] for the arguments that are left, or a
//! type that serde reads from the next argument. One that may be missing is an `Option`; those come
//! last, before [`Rest`]. A handler of exactly `(Socket, EventMessage)` or
//! `(Socket, EventMessage, Ack)` gets the event undecoded. Connect handlers take the same, with the
//! auth payload as the one argument; disconnect handlers take types that are [`FromDeparture`].
//!
//! What it returns is the acknowledgement: `()` is one without arguments, a tuple several arguments,
//! [`Json`] wraps a type of the application, [`NoReply`] sends none, `Err` goes to the error handler. See
//! [`IntoReply`]. A connect handler returns [`IntoAdmission`].
//!
//! An async closure may own what it captured, `async move |socket: Socket| { … }`: each call takes a
//! clone of that.
//!
//! # What sends to whom
//!
//! | written | reaches |
//! |---|---|
//! | `socket.emit(event, &args)` | that client |
//! | `socket.broadcast().emit(…)` | everybody else in its namespace |
//! | `socket.to(rooms).emit(…)` | the rooms, without the client itself |
//! | `socket.within(rooms).emit(…)` | the rooms, the client too if it is in one |
//! | `socket.except(rooms).emit(…)` | everybody else in its namespace, without the rooms |
//! | `socket.nsp().emit(…)` | everybody in its namespace, itself too |
//! | `io.emit(…)` | everybody in `/` |
//! | `io.to(rooms).emit(…)`, `io.except(rooms).emit(…)` | the rooms of `/`, or all but them |
//! | `io.of("/chat").emit(…)` and so on | the same in another namespace |
//!
//! Arguments are typed, `&value`, or encoded already ([`IntoArgs`]). Rooms are one or many ([`Rooms`]), and the id of a client stands for the client wherever a room
//! does; `to` and `except` chain, and everybody gets one copy.
//!
//! | instead of `emit` | does |
//! |---|---|
//! | `send(&data)`, `send_json(&data)` | emits the event `message` or `json` |
//! | `emit_volatile` of a socket, `volatile().emit` of the others | drops the event for clients that are not ready for it |
//! | `emit_uncompressed` of a socket, `uncompressed().emit` of the others | never compresses the event |
//! | `emit_with_ack` | waits for one [`AckFuture`], or [`Gathering`] those of many |
//! | `call`, `call_within` of a socket | waits for one answer and decodes it |
//! | `emit_then` of a socket | calls a function with the answer |
//!
//! On the same rooms, `join`, `leave`, `disconnect` and `disconnect_and_close` move clients: those of a
//! whole namespace are `io.everyone()` or `io.of("/chat").everyone()`, so that nothing happens to
//! everybody by accident. `fetch_sockets` finds clients on all servers. What is answered at once concerns
//! this process and is behind `local()`: `io.local().count()`, `.rooms()`, `.socket(id)`,
//! `io.to(rooms).local().sockets()`.
//!
//! Every future has a method `wait` that is `.await` for threads outside async code.
//!
//! # Order
//!
//! Events of a shard, and so all events of one client, are handled in the order they arrived. An
//! async handler runs inline up to its first pending `.await` and goes on as a task of the runtime,
//! so what follows it does not wait. Wrapped in [`sequential`], it makes the client's later events
//! wait until it is done; wrapped in [`concurrent`], it neither waits nor is waited for. The handler
//! of a client's leaving comes after all events that waited.
//!
//! Under a runtime with [`Workers`](bind::Workers) handlers may block: those of one client run in order, those of
//! different clients side by side.
//!
//! # Tests
//!
//! [`mod@test`] runs an application without a network, in virtual time. Its clients have handlers by the same
//! rules, and a [class](NamespaceClass) may serve either [`Side`].
//!
//! # Features
//!
//! | feature | on by default | brings |
//! |---|---|---|
//! | `tracing` | yes | lines of a log about clients, events and handlers, for the [`tracing`] subscriber of the process; without it errors of handlers go to standard error |
//! | `tls` | no | https: [`Tls`] is made from a certificate and given to a [`Listener`] |
//!
//! [`tracing`]: https://docs.rs/tracing
//!
//! # Where to go on
//!
//! - [`App`]: handlers and everything else that is set before an application is served.
//! - [`Socket`], [`Io`] and [`Broadcast`]: one client, the whole server, and some of its clients.
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

mod app;
pub mod args;
pub mod bind;
pub mod client;
mod cluster;
mod dial;
mod handlers;
mod hub;
mod log;
#[doc(hidden)]
pub mod machinery;
mod runtime;
mod serve;
mod shards;
mod sockets;
pub mod test;
mod time;
mod wait;
mod web;

pub use app::App;
pub use args::IntoArgs;
pub use bytes::Bytes;
pub use cluster::bus::Bus;
pub use cluster::cluster::Cluster;
pub use cluster::missing::Missing;
pub use cluster::settled::Settled;
pub use handlers::class::{ClassMethod, Events, NamespaceClass};
pub use handlers::connect::ConnectHandler;
pub use handlers::disconnect::{Departure, DisconnectHandler, FromDeparture};
pub use handlers::extension::Extension;
pub use handlers::extract::{Auth, EventName, Extract, Incoming, RawRest, Rest};
pub use handlers::function::Handler;
pub use handlers::handler::EventHandler;
pub use handlers::namespace::Namespace;
pub use handlers::order::{Concurrent, Sequential, concurrent, sequential};
pub use handlers::refusal::{IntoAdmission, Refusal};
pub use handlers::reply::{IntoReply, Json, NoReply};
pub use handlers::state::State;
pub use http;
pub use runtime::BoxFuture;
pub use sansocket::cluster::bus::{BusLimits, Format, Unsupported};
pub use sansocket::cluster::{BusCounts, BusError, LastError, NodeConfig};
pub use sansocket::{
    Args, ArgsRef, Caller, Config, ConfigError, Cookie, Counts, Deflate, EventMessage, Fields,
    Gone, Handshake, Id, JoinError, KeepHeaders, Layer, Life, Limits, MessageKind, Method, Misuse,
    Msgpack, Origins, PacketKind, Parser, Protocols, RawPacket, Reason, Received, Recovery,
    Refused, Request, RequestContext, Response, SameSite, SlowClient, Transports, Violation,
};
pub use sansocket_args::Rooms;
pub use sansocket_bus::{Broker, BrokerError, Link};
pub use serve::listen::{Address, Listener};
pub use serve::tls::Tls;
#[cfg(feature = "tls")]
pub use serve::tls::TlsError;
pub use sockets::answers::ack::{Ack, AckError, AckFuture, Calling, NO_TIMEOUT};
pub use sockets::answers::drain::Drained;
pub use sockets::answers::fetch::{FetchSockets, Fetched};
pub use sockets::answers::gather::{AckStream, Gathered, Gathering, NextAck};
pub use sockets::broadcast::Broadcast;
pub use sockets::engine::EngineSession;
pub use sockets::error::{BoxError, Cause, EmitError, HandlerError};
pub use sockets::extent::{Everywhere, Extent, Local};
pub use sockets::io::Io;
pub use sockets::namespace::NamespaceIo;
pub use sockets::outgoing::Outgoing;
pub use sockets::remote::RemoteSocket;
pub use sockets::servers::ask::{AskServers, ServerReplies};
pub use sockets::servers::event::ServerEvent;
pub use sockets::servers::rooms::{AllRooms, FindRooms};
pub use sockets::servers::size::ClusterSize;
pub use sockets::session::Session;
pub use sockets::side::Side;
pub use sockets::socket::Socket;
pub use wait::wait;
pub use web::files::{Body, Files};
pub use web::handler::{IntoWeb, WebHandler};
pub use web::refused::RefusedRequest;
