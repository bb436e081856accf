//! The test kit that applications are given.

mod client;
mod connect;
mod handlers;
mod parser;
mod request;
mod sides;
mod time;
