//! What servers of a cluster say to each other for the application.

pub(crate) mod ask;
pub(crate) mod emit;
pub(crate) mod event;
pub(crate) mod rooms;
pub(crate) mod size;
