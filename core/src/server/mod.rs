//! One shard: sessions, heartbeats, upgrades, namespaces, rooms and acknowledgements.
//!
//! [`Server`] composes four parts, each of which owns its fields:
//!
//! - `door`: the meaning of requests, and refusals. It has no state.
//! - `sessions`: transports, heartbeats, outboxes, links, deadlines and budgets.
//! - `space`: clients, namespaces, rooms, public ids, and the targets of broadcasts.
//! - `answers`: questions that wait for acknowledgements or for other shards.
//!
//! A method belongs to the part whose fields it changes. A method that may end a session changes all
//! parts, and belongs to `Server`.

mod answers;
mod door;
mod event;
#[cfg(feature = "fuzz")]
mod invariants;
mod outputs;
mod server;
mod sessions;
mod space;

pub use door::handshake::Handshake;
pub use event::{AckToken, Answer, Event, Received, Ticket};
pub use server::{Counts, Server};
pub use sessions::budget::Usage;
pub use space::broadcast::{Scope, Target};
pub use space::life::Life;
pub use space::room::JoinError;
pub use space::socket::SocketMut;

/// A slot that names nothing.
const NONE: u32 = u32::MAX;
