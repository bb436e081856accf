//! What is answered outside of Socket.IO: pages and files.

pub(crate) mod files;
pub(crate) mod handler;
pub(crate) mod nodes;
pub(crate) mod refused;
pub(crate) mod tunnel;
