//! Answers: questions to clients and to other shards, until their outcome.

pub(in crate::server) mod answers;
pub(in crate::server) mod ask;
mod gather;
mod search;
