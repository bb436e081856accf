//! The door: what a request means, what is refused and how.

pub(in crate::server) mod departed;
pub(in crate::server) mod handshake;
pub(crate) mod origin;
pub(in crate::server) mod own_sid;
pub(crate) mod proxy;
pub(crate) mod refusal;
pub(in crate::server) mod request;
pub(in crate::server) mod strangers;
