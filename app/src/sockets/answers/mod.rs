//! Acknowledgements, in both directions.

pub(crate) mod ack;
pub(crate) mod ask;
pub(crate) mod drain;
pub(crate) mod fetch;
pub(crate) mod gather;
pub(crate) mod waiting;
