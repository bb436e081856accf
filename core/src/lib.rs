//! Socket.IO and Engine.IO as a sans-IO protocol core.
//!
//! No sockets, clocks, threads, locks or randomness: bytes and the time go in, bytes to write,
//! events and deadlines come out. Three machines share the work:
//!
//! - [`Conn`], one per TCP connection: HTTP/1.1 and WebSocket framing, no session.
//! - [`Server`], one per shard: sessions, heartbeats, upgrades, namespaces, rooms, acknowledgements.
//! - [`client::Client`], the other end: one session, its namespaces, and the attempts to get it back.
//!
//! A host that parses HTTP itself leaves [`Conn`] out and calls [`Server::handle_request`].
//!
//! This is a whole exchange, without a network:
//!
//! ```
//! use sansocket::{Config, Conn, Event, Server, Shard};
//! use std::{io::IoSlice, sync::Arc, time::Instant};
//!
//! let config = Arc::new(Config::default());
//! let limits = Arc::new(config.limits.clone());
//! let now = Instant::now();
//! let mut server = Server::new(config, Shard::ONLY, [7; 32], now);
//! let mut conn = Conn::new(limits);
//!
//! // What the stream would have delivered.
//! let mut read = *b"GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\n\r\n";
//! let mut decoder = conn.decode(&mut read);
//! while let Some(item) = decoder.poll()? {
//!     let verdict = server.handle(now, None, item);
//!     decoder.apply(verdict);
//! }
//! drop(decoder);
//!
//! // What the stream should take.
//! let mut slices = [IoSlice::new(&[]); 4];
//! let filled = conn.poll_write(&mut slices);
//! let answer: Vec<u8> = slices[..filled].iter().flat_map(|slice| slice.to_vec()).collect();
//! assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n"));
//! assert!(String::from_utf8_lossy(&answer).contains("\"upgrades\":[\"websocket\"]"));
//! # Ok::<(), sansocket::Violation>(())
//! ```
//!
//! # Features
//!
//! | feature | on by default | brings |
//! |---|---|---|
//! | `compression` | no | gzip and deflate for polling answers and for what a host answers, without it they go as they are; and [`Deflate`] for WebSocket messages |
//!
//! There is also `fuzz`, for our own tests: it shows what no caller needs, and may change at any time.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

pub mod client;
pub mod cluster;
mod config;
mod conn;
mod context;
mod cookie;
mod deflate;
mod engine;
mod error;
mod field;
mod hash;
mod http;
mod key;
mod limits;
mod link;
mod node_name;
mod parser;
mod recovery;
mod rng;
mod seeds;
mod server;
mod slack;
mod socket;
mod time;
mod webtransport;
mod ws;

pub use bytes::Bytes;
pub use cluster::Disconnect;
pub use config::{
    Config, ConfigError, Judge, KeepHeaders, Layer, Origins, Protocols, Recovery, SlowClient,
    Transports,
};
pub use conn::{Awaits, Clock, Conn, Decoder, Role};
pub use context::{Caller, RequestContext, StandsFor};
pub use cookie::{Cookie, SameSite};
pub use deflate::Deflate;
pub use engine::{EnginePacket, Opened};
pub use error::{Gone, Misuse, Reason, Refused, Violation};
pub use field::Field;
pub use http::{Date, Fields, Headers, Method, Request, Response, ResponseHead};
pub use key::{Id, Malformed, NodeKey, Session, Shard, Sid, Socket};
pub use limits::Limits;
pub use link::{Asks, Exchange, Feed, Inbound, Link, Message, Next, Opening, Transmit, Verdict};
pub use node_name::{BadNodeName, NodeName};
pub use parser::{MessageKind, PacketKind, Parser, RawPacket};
pub use server::{
    AckToken, Answer, Counts, Event, Handshake, JoinError, Life, Received, Scope, Server,
    SocketMut, Target, Ticket, Usage,
};
pub use socket::{
    Args, ArgsRef, EventMessage, Frame, Msgpack, PacketReader, SocketBody, SocketPacket,
};
pub use ws::{CloseCode, ConnectFields};
