//! Packets in MessagePack (the specification of msgpack.org), as `socket.io-msgpack-parser` and python-socketio
//! have them.

mod codec;
mod date;
pub(crate) mod read;
pub(crate) mod write;

pub use codec::Msgpack;
