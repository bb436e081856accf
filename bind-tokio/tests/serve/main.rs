//! The binding over real sockets.

mod appendix_a;
mod clients;
mod promises;
mod site;
