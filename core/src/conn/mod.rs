//! One TCP connection: HTTP/1.1 framing of either end, then RFC 6455 framing. Or one WebTransport stream.
//!
//! | file | about |
//! |---|---|
//! | `conn.rs` | the connection: what its owner asks and tells it |
//! | `mode.rs` | the stage it is in, and what that stage answers to questions |
//! | `serve.rs` | the stage of a server that speaks HTTP |
//! | `ask.rs` | the stage of a client that speaks HTTP |
//! | `stream.rs` | the stage of messages, which both ends reach |
//! | `tunnel.rs` | the stage of bytes that pass as they are |
//! | `webtransport.rs` | the only stage of a WebTransport stream |
//! | `decode.rs` | reading: items out of bytes |
//! | `write.rs` | writing: bytes out of frames, heads and bodies |
//! | `masks.rs` | the masks of the frames that a client writes |

mod ask;
#[expect(clippy::module_inception, reason = "a map has no code, and this is the connection's")]
mod conn;
mod decode;
mod masks;
mod mode;
mod serve;
mod stream;
mod tunnel;
mod webtransport;
mod write;

pub use crate::ws::message::Role;
pub use conn::{Clock, Conn};
pub use decode::Decoder;
pub use mode::Awaits;
