//! One shard: sessions, heartbeats, upgrades, namespaces, rooms and acknowledgements.

pub(crate) mod door;
mod event;
#[cfg(feature = "fuzz")]
mod invariants;
#[expect(clippy::module_inception, reason = "a map has no code, and this is the server's")]
mod server;
mod sessions;
mod space;

pub use door::handshake::Handshake;
pub use event::{AckToken, Answer, Disconnect, Event, Received, Ticket};
use server::NONE;
pub use server::{Counts, Server};
pub use sessions::budget::Usage;
pub use space::broadcast::{Scope, Target};
pub use space::room::JoinError;
pub use space::socket::SocketMut;
