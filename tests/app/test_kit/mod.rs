//! The test kit that applications are given.

mod client;
mod connect;
mod request;
mod time;
