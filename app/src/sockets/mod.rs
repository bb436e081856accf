//! The handles by which an application reaches clients.

pub(crate) mod answers;
pub(crate) mod attached;
pub(crate) mod broadcast;
pub(crate) mod clients;
pub(crate) mod context;
pub(crate) mod engine;
pub(crate) mod error;
pub(crate) mod extent;
pub(crate) mod found;
pub(crate) mod gate;
pub(crate) mod io;
pub(crate) mod job;
pub(crate) mod namespace;
pub(crate) mod outgoing;
pub(crate) mod reach;
pub(crate) mod remote;
pub(crate) mod servers;
pub(crate) mod session;
pub(crate) mod shown;
pub(crate) mod side;
pub(crate) mod socket;
