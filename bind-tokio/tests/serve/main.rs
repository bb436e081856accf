//! The binding over real sockets.

mod appendix_a;
mod promises;
mod site;
