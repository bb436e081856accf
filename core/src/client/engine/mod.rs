//! One Engine.IO session of a client: its streams, its transport, its packets.
//!
//! | file | about |
//! |---|---|
//! | `engine.rs` | what a session holds; its streams and deadlines |
//! | `state.rs` | the states of the transport, and what each of them has to do |
//! | `channel.rs` | one stream: which request is asked, how far its answer is |
//! | `request.rs` | the requests: target, query and fields |
//! | `route.rs` | where the requests of an attempt go: transport, redirects |
//! | `answer.rs` | answers to requests, refusals and redirects among them |
//! | `packet.rs` | packets of the server: OPEN, PING, CLOSE, messages, steps of an upgrade |
//! | `feed.rs` | what a connection pulls |

mod answer;
mod channel;
#[expect(clippy::module_inception, reason = "a map has no code, and this is the engine's")]
pub(super) mod engine;
mod feed;
mod packet;
mod request;
pub(super) mod route;
pub(super) mod state;
