//! The space: clients, namespaces, rooms, public ids, and the targets of broadcasts.

mod admission;
mod adopted;
pub(in crate::server) mod broadcast;
pub(in crate::server) mod client;
mod company;
mod leave;
pub(in crate::server) mod life;
pub(in crate::server) mod namespace;
mod peer;
pub(in crate::server) mod query;
pub(in crate::server) mod recovery;
pub(in crate::server) mod room;
mod select;
mod shared;
pub(in crate::server) mod socket;
pub(in crate::server) mod space;
