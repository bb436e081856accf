//! Connection state recovery, as JavaScript servers do it: lost clients come back to where they were.

pub(in crate::server) mod history;
mod log;
mod lost;
pub(crate) mod offset;
mod pid;
mod recover;
