//! Socket.IO packets (socket.io-protocol v5): grammar, arguments, attachments and wire forms.

mod args;
pub(crate) mod attach;
pub(crate) mod encoded;
pub(crate) mod packet;
pub(crate) mod scan;

pub use args::{Args, ArgsRef, EventMessage};
pub use encoded::Frame;
