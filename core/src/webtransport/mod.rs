//! Framing of the messages on a WebTransport stream.
//!
//! | file | about |
//! |---|---|
//! | `header.rs` | the header of a frame |
//! | `reader.rs` | messages out of bytes |

pub(crate) mod header;
pub(crate) mod reader;
