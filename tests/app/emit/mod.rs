//! The sending side of the application layer: who gets an event, and what comes back.

mod ack;
mod drain;
mod rooms;
mod stack;
mod wait;
