//! What shards and processes tell each other of clients that come back after their connections were lost.

pub(crate) mod lost;
pub(crate) mod offset;
pub(crate) mod pid;
pub(crate) mod saved;
