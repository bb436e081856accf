//! WebSocket (RFC 6455), both roles: frame headers, masking, messages, the opening handshake.

pub(crate) mod close;
pub(crate) mod handshake;
pub(crate) mod header;
pub(crate) mod mask;
pub(crate) mod message;
pub(crate) mod protocol;

pub use close::CloseCode;
pub use handshake::ConnectFields;
