//! The applications that every binding serves as examples: only sockets and clocks differ.

pub mod chat;
pub mod contract;
pub mod engine_echo;
pub mod options;
pub mod ws_echo;
