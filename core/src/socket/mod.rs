//! Socket.IO packets (socket.io-protocol v5): grammar, arguments, attachments and wire forms.

mod args;
pub(crate) mod attach;
mod attachment;
pub(crate) mod encoded;
pub(crate) mod encoder;
pub(crate) mod frame;
mod framed;
pub(crate) mod msgpack;
pub(crate) mod packet;
mod reader;
pub(crate) mod scan;

pub use args::{Args, ArgsRef, EventMessage};
pub use frame::Frame;
pub use msgpack::Msgpack;
pub use reader::{PacketReader, SocketBody, SocketPacket};
