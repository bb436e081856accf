//! The application layer, on a binding without sockets, threads and clocks.

mod emit;
mod handlers;
mod streams;
mod test_kit;
