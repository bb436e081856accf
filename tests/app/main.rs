//! The application layer, on a binding without sockets, threads and clocks.

mod clients;
mod cluster;
mod emit;
mod handlers;
mod streams;
mod test_kit;
