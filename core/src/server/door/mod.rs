//! The door: what a request means, what is refused and how.

pub(in crate::server) mod handshake;
pub(crate) mod refusal;
pub(in crate::server) mod request;
