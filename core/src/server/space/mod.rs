//! Namespaces, rooms, targets and broadcasts, and the questions that wait for answers.

pub(in crate::server) mod ack;
pub(in crate::server) mod broadcast;
pub(in crate::server) mod namespace;
pub(in crate::server) mod peer;
pub(in crate::server) mod room;
pub(in crate::server) mod socket;
