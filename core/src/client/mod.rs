//! A Socket.IO client as a state machine: no sockets, clock, threads or randomness.
//!
//! [`Client`] is what [`Server`](crate::Server) is at the other end. Its host opens the streams that it asks
//! for, hands over what they deliver, and writes what a [`Conn`](crate::Conn) pulls. A host with its own HTTP
//! and WebSockets leaves `Conn` out: it calls [`Client::next_exchange`](crate::Feed::next_exchange) and
//! [`Client::next_frame`](crate::Feed::next_frame) itself, and hands over answers and messages as
//! [`Inbound`](crate::Inbound)s.
//!
//! This is a whole connection, without a network:
//!
//! ```
//! use sansocket::client::{Action, Client, Config, Endpoint, Event};
//! use sansocket::{ArgsRef, Conn};
//! use std::{io::IoSlice, sync::Arc, time::Instant};
//!
//! let config = Arc::new(Config::new(Endpoint::parse("http://a.example/")?));
//! let limits = Arc::new(config.limits.clone());
//! let now = Instant::now();
//! let mut client = Client::new(config, [7; 32], now);
//! let chat = client.namespace("/chat")?;
//! let mut socket = client.socket(now, chat).expect("it was just made");
//! socket.join();
//! socket.emit("hello", ArgsRef::from_valid("[1]", &[]))?; // waits until the namespace is joined
//!
//! // The client asks for a stream. The host opens it and says so.
//! let Some(Action::Open { link, endpoint, .. }) = client.poll_action() else { panic!() };
//! assert_eq!((endpoint.host(), endpoint.port()), ("a.example", 80));
//! let mut conn = Conn::client(limits, Some(link), client.draw_seed());
//! client.handle_opened(now, link);
//!
//! // What the stream should take.
//! let Some(Action::Transmit(_)) = client.poll_action() else { panic!() };
//! conn.pull(&mut client);
//! let mut slices = [IoSlice::new(&[]); 4];
//! let filled = conn.poll_write(&mut slices);
//! let bytes: Vec<u8> = slices[..filled].iter().flat_map(|slice| slice.to_vec()).collect();
//! assert!(bytes.starts_with(b"GET /socket.io/?EIO=4&transport=polling&t="));
//!
//! // What the stream delivers.
//! let mut read = *b"HTTP/1.1 200 OK\r\nContent-Length: 45\r\n\r\n\
//!     0{\"sid\":\"x\",\"pingInterval\":9,\"pingTimeout\":9}";
//! let mut decoder = conn.decode(&mut read);
//! while let Some(item) = decoder.poll()? {
//!     client.handle(now, link, item);
//! }
//! assert!(matches!(client.poll_event(), Some(Event::Opened)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | file | about |
//! |---|---|
//! | `client.rs` | the client: its parts, and what its host reports |
//! | `config.rs`, `endpoint.rs`, `url.rs` | settings; the address of the server |
//! | `proxy.rs`, `tunnel.rs` | the address of a proxy; a stream through it |
//! | `engine/` | one session: streams, transports, packets of Engine.IO |
//! | `spaces/` | namespaces: joining, events, acknowledgements, what waits while offline |
//! | `attempts.rs`, `backoff.rs` | when the client connects, and connects again |
//! | `end.rs` | how a session ends, and what becomes of the rest |
//! | `deadlines.rs` | when something has to be done without being asked |
//! | `queue.rs` | packets that wait |
//! | `action.rs`, `event.rs`, `fault.rs`, `outputs.rs` | what a client has to say |
//! | `cookies.rs` | cookies |

mod action;
mod attempts;
mod backoff;
#[expect(clippy::module_inception, reason = "a map has no code, and this is the client's")]
mod client;
mod config;
mod cookies;
mod deadlines;
mod end;
mod endpoint;
mod engine;
mod event;
mod fault;
mod outputs;
mod proxy;
mod queue;
mod refused;
mod spaces;
mod tunnel;
mod url;

pub use action::{Action, Purpose};
pub use backoff::Backoff;
pub use client::Client;
pub use config::{Config, Offline, OfflinePolicy, Retries, Timestamps, Transport};
pub use endpoint::Endpoint;
pub use event::{AckToken, Answer, AuthRequest, Event, Reason, Ticket};
pub use fault::{Fault, Kind};
pub use proxy::Proxy;
pub use refused::Refused;
pub use spaces::{Auth, Namespace, SocketMut};
pub use tunnel::Tunnel;
pub use url::UrlError;
