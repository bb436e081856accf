//! How clients get streams.
//!
//! | file | about |
//! |---|---|
//! | `net.rs` | what a binding supplies |
//! | `dial.rs` | from the address of a server to a stream |

#[expect(clippy::module_inception, reason = "a map has no code")]
pub(crate) mod dial;
pub(crate) mod net;
