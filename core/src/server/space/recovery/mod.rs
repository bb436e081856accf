//! Connection state recovery, as JavaScript servers do it: lost clients come back to where they were.

mod course;
pub(in crate::server) mod history;
mod latest;
mod log;
mod recover;
pub(in crate::server) mod seek;
mod stream;
