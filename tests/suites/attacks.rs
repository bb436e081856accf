//! Attacks on sockets, end to end: by their numbers in SECURITY.md, packets (A), sessions (C), frames
//! (D), HTTP and TLS (E). Other clients do not notice, the reason has a name, and nothing is left.

#[cfg(unix)]
mod folder;
mod frame;
mod http;
mod packet;
mod session;
mod siege;
mod tls;

#[cfg(unix)]
pub use folder::*;
pub use frame::*;
pub use http::*;
pub use packet::*;
pub use session::*;
pub(super) use siege::Raider;
pub use tls::*;
