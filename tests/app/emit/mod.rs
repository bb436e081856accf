//! The sending side of the application layer: recipients, and the answers that come back.

mod ack;
mod drain;
mod outgoing;
mod rooms;
mod stack;
mod wait;
