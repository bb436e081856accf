//! Processes that emit to the clients of a cluster, and serve none.

mod config;
mod emitter;
mod event;
mod fault;
mod line;
mod receipts;
mod unheard;

pub use config::EmitterConfig;
pub use emitter::Emitter;
pub use event::EmitterEvent;
pub use fault::{EmitterError, Loss, Unconfirmed};
pub use receipts::Flush;

#[cfg(test)]
mod tests;
