//! The namespaces of a client: joining, events, acknowledgements, what waits while offline.
//!
//! | file | about |
//! |---|---|
//! | `spaces.rs` | the namespaces of a client |
//! | `space.rs` | one namespace: whether it is joined, what waits for it |
//! | `socket.rs` | what an application can do with a namespace |
//! | `join.rs` | CONNECT, its answers, and leaving |
//! | `old.rs` | joining at servers of Socket.IO 2 |
//! | `emit.rs` | events on their way to the server |
//! | `inbound.rs` | packets of the server |
//! | `questions.rs` | acknowledgements that are awaited |
//! | `retry.rs` | events that are sent again until they are acknowledged |
//! | `recovery.rs` | what brings back the events that were missed |
//! | `refusal.rs` | the words with which a server refuses a client |

mod emit;
mod inbound;
mod join;
mod old;
mod questions;
mod recovery;
mod refusal;
mod retry;
mod socket;
mod space;
#[expect(clippy::module_inception, reason = "a map has no code, and this is the namespaces'")]
mod spaces;

pub use socket::SocketMut;
pub use space::{Auth, Namespace};
pub(super) use spaces::Spaces;
