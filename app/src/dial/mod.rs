//! How clients get streams: names, addresses, proxies, encryption.
//!
//! | file | about |
//! |---|---|
//! | `net.rs` | what a binding supplies |
//! | `dial.rs` | from the address of a server to a stream |
//! | `forward.rs` | requests that another node answers |
//! | `tunnel.rs` | the streams on which WebSockets pass to other nodes |
//! | `way.rs` | which way streams take, as an application chooses it |
//! | `race.rs` | which of the addresses of a host answers first |
//! | `proxies.rs` | which server is reached through which proxy |
//! | `tls.rs` | certificates that a client trusts, and its own |
//! | `stream.rs`, `secure.rs` | the streams that come of it; those with encryption |

#[expect(clippy::module_inception, reason = "a map has no code")]
pub(crate) mod dial;
pub(crate) mod forward;
pub(crate) mod net;
pub(crate) mod proxies;
mod race;
#[cfg(feature = "tls")]
mod secure;
#[cfg(not(feature = "tls"))]
#[path = "secure/off.rs"]
mod secure;
pub(crate) mod stream;
#[cfg(feature = "tls")]
pub(crate) mod tls;
#[cfg(not(feature = "tls"))]
#[path = "tls/off.rs"]
pub(crate) mod tls;
mod tunnel;
pub(crate) mod way;
