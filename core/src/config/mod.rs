//! Settings of a server, the bounds on its peers, and what follows from both for a request.

mod check;
pub(crate) mod origin;
mod proxy;
mod request;
mod settings;

pub use check::ConfigError;
pub(crate) use check::accepts_header;
pub use settings::{Config, Judge, KeepHeaders, Layer, Origins, Protocols, SlowClient, Transports};
