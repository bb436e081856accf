//! What serves one stream: TLS, HTTP, deadlines, its end; and where streams come from.

pub(crate) mod carry;
pub(crate) mod connection;
pub(crate) mod date;
pub(crate) mod door;
pub(crate) mod exchange;
pub(crate) mod forward;
pub(crate) mod host;
pub(crate) mod listen;
mod refusal;
pub(crate) mod route;
#[cfg(feature = "tls")]
pub(crate) mod tls;
#[cfg(not(feature = "tls"))]
#[path = "tls/off.rs"]
pub(crate) mod tls;
mod wanted;
mod webtransport;
