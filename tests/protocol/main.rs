//! The core in virtual time: what goes over the wire, without sockets, threads and clocks.

mod appendix_a;
mod attacks;
mod client;
mod cluster;
mod engine;
mod http;
mod limits;
mod model;
mod options;
mod regressions;
mod socket;
