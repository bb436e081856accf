//! Brokers of this crate against real servers of Redis, which each test starts on free ports of the loopback.

mod clusters;
mod end;
mod faults;
mod keys;
mod places;
mod publish;
mod server;
mod streams;
