//! Sessions: transport, heartbeat, outbox and the links that serve them.

pub(in crate::server) mod budget;
pub(in crate::server) mod deadline;
pub(in crate::server) mod departed;
mod end;
mod inbound;
pub(in crate::server) mod link;
mod open;
mod own_fields;
pub(in crate::server) mod own_sid;
mod send;
pub(in crate::server) mod session;
pub(in crate::server) mod sessions;
pub(in crate::server) mod strangers;
pub(in crate::server) mod transport;
