//! Sessions: transport, heartbeat, outbox and the links that serve them.

pub(in crate::server) mod budget;
pub(in crate::server) mod deadline;
pub(in crate::server) mod inbound;
pub(in crate::server) mod link;
pub(in crate::server) mod session;
pub(in crate::server) mod transport;
