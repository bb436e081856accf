//! Clients of Socket.IO servers: handlers, emits, acknowledgements, and a connection that comes back.
//!
//! A [`Client`] is a plain value, as an [`App`](crate::App) is: the address of a server, settings, and handlers. A
//! binding starts it: `sansocket_tokio::connect(client)` joins the namespace of the URL and returns its
//! [`Socket`], `sansocket_tokio::open(client)` returns the [`Manager`] without connecting.
//!
//! ```
//! use sansocket_app::client::{Client, Reason, Socket};
//!
//! # fn main() -> Result<(), sansocket_app::client::UrlError> {
//! let mut client = Client::new("https://example.com/chat")?; // the path is the namespace
//! client
//!     .on_connect(|socket: Socket| println!("joined as {:?}", socket.id()))
//!     .on("said", |who: String, text: String| println!("{who}: {text}"))
//!     .on("sum", |a: i64, b: i64| a + b) // what a handler returns is the acknowledgement
//!     .on_disconnect(|reason: Reason| println!("lost: {reason}"));
//! # Ok(())
//! # }
//! ```
//!
//! Handlers take and return what those of a server do, with [`Socket`] for the server's
//! [`Socket`](crate::Socket): see [`sansocket_app`](crate#what-a-handler-takes-and-returns). Those of one
//! namespace are called in the order of events; [`sequential`](crate::sequential) and
//! [`concurrent`](crate::concurrent) apply.
//!
//! # Connecting, and connecting again
//!
//! A client that loses its connection tries to get it back, as [`Config::reconnect`] says, until it
//! leaves its last namespace or is dropped. So does one whose first attempt fails. Events that are sent
//! meanwhile wait, as [`Config::offline`] says. Everything that makes up a request, and the auth payload, may be
//! [made anew](Client::before_attempt) for each attempt.
//!
//! The client ends when its last [`Socket`] and [`Manager`] are dropped: it leaves its namespaces and closes the
//! connection. Handlers count while they run. A handler that captures a handle of its own client keeps it
//! alive; take the [`Socket`] as a parameter instead.
//!
//! # Memory
//!
//! Clones of a [`Client`] share settings and handlers. All clients of a runtime share one timer.
//!
//! | file | about |
//! |---|---|
//! | `client.rs`, `space.rs`, `auth.rs` | a client before it is started: settings, handlers, auth payloads |
//! | `manager.rs`, `socket.rs`, `waits.rs` | handles of one that runs, and what they wait for |
//! | `simple.rs` | a client without handlers |
//! | `error.rs`, `event.rs`, `loss.rs` | what goes wrong; what becomes of the connection |
//! | `shared.rs`, `state.rs`, `seat.rs` | what handles share; what its lock guards; one namespace |
//! | `job.rs`, `dispatch.rs`, `hold.rs`, `meeting.rs` | calls of handlers, and their order |
//! | `stream.rs` | one stream |
//! | `host.rs`, `clock.rs` | what clients of one runtime share |

mod auth;
#[expect(clippy::module_inception, reason = "a map has no code, and this is the client's")]
mod client;
mod clock;
mod dispatch;
mod error;
mod event;
mod hold;
pub(crate) mod host;
mod job;
mod loss;
mod manager;
mod meeting;
mod seat;
mod shared;
mod simple;
mod socket;
mod space;
mod state;
pub(crate) mod stream;
mod waits;

pub use crate::dial::proxies::{Proxies, ProxiesError};
#[cfg(feature = "tls")]
pub use crate::dial::tls::{Tls, TlsBuilder, TlsError};
pub use client::Client;
pub use error::{AckError, ConnectError, EmitError};
pub use event::Event;
pub use loss::Loss;
pub use manager::Manager;
pub use sansocket::client::{
    Backoff, Config, Endpoint, Fault, Kind, Offline, OfflinePolicy, Proxy, Reason, Refused,
    Retries, Timestamps, Transport, UrlError,
};
pub use simple::{ConnectingSimply, ReceiveError, Receiving, SimpleClient};
pub use socket::Socket;
pub use space::Space;
pub use waits::{Closed, Connecting, Drained};
