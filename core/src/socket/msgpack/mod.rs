//! Packets in MessagePack (the specification of msgpack.org), as `socket.io-msgpack-parser` and python-socketio
//! have them.

mod codec;
mod date;
mod read;
mod write;

pub use codec::Msgpack;
