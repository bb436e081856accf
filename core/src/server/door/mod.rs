//! The door: what a request means, what is refused and how.

pub(in crate::server) mod departed;
pub(in crate::server) mod handshake;
pub(in crate::server) mod origin;
pub(in crate::server) mod own_sid;
pub(in crate::server) mod proxy;
pub(crate) mod refusal;
pub(in crate::server) mod request;
pub(in crate::server) mod strangers;
