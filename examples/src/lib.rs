//! The applications that every binding serves as examples: only sockets and clocks differ.

pub mod auth;
pub mod background_push;
pub mod bridge;
pub mod bus;
pub mod chat;
mod cluster_events;
pub mod contract;
pub mod driver;
pub mod emitter;
pub mod engine_echo;
pub mod options;
pub mod pages;
pub mod private_messages;
mod replies;
pub mod static_site;
pub mod terminal_chat;
pub mod testing;
pub mod ws_echo;
