//! A process that carries messages between two buses.

mod bridge;
mod clock;
mod end;
mod shared;

pub use bridge::{Bridge, BridgeError};

#[cfg(test)]
mod tests;
