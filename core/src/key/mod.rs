//! Names for things: internal keys, the wire `sid` and the public socket id.

mod id;
mod keys;
mod sid;
mod slab;

pub use id::{Id, NodeKey};
pub(crate) use id::{Known, Mint, Owner, Place};
pub(crate) use keys::Key;
pub use keys::{Session, Shard, Socket};
pub use sid::{Malformed, Sid};
pub(crate) use sid::{Secret, is_sid_text};
pub(crate) use slab::Slab;
