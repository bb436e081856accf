//! Compression of WebSocket messages: the extension permessage-deflate (RFC 7692).
//!
//! | file | about |
//! |---|---|
//! | `settings.rs` | what an application chooses |
//! | `agreed.rs` | what both ends of a connection agree on, in the fields of the opening handshake |
//! | `parameters.rs` | the grammar of these fields |
//! | `packer.rs` | compresses the messages of a connection |
//! | `deflater.rs` | compresses messages |
//! | `inflater.rs` | reads compressed messages |

pub(crate) mod agreed;
pub(crate) mod deflater;
pub(crate) mod inflater;
pub(crate) mod packer;
mod parameters;
pub(crate) mod settings;

pub use settings::Deflate;
