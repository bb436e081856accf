//! The door: the meaning of requests, and refusals.

pub(in crate::server) mod handshake;
pub(crate) mod refusal;
pub(in crate::server) mod request;
