//! The handles by which an application reaches clients.

pub(crate) mod broadcast;
pub(crate) mod context;
pub(crate) mod engine;
pub(crate) mod error;
pub(crate) mod extent;
pub(crate) mod io;
pub(crate) mod namespace;
pub(crate) mod remote;
pub(crate) mod rooms;
pub(crate) mod session;
pub(crate) mod socket;
