//! Arguments of events and acknowledgements, between serde types and the wire.
//!
//! On the wire arguments are a JSON array, and every binary value inside it is a placeholder
//! `{"_placeholder":true,"num":k}` for the attachment `k` that follows the text. [`encode`] turns
//! whatever a type serializes as bytes ([`Bytes`](bytes::Bytes), `serde_bytes`) into attachments,
//! at any depth and in document order; [`decode`] and [`Decoder`] put them back.
//!
//! | type | arguments |
//! |---|---|
//! | `()`, unit struct | none |
//! | tuple, tuple struct, array `[T; N]` | one per element |
//! | newtype struct | as the type inside |
//! | anything else, `Vec` and `Option` included | exactly one |
//!
//! Only a value without size counts as `()`: a [`serde_json::Value`] that is null stays an argument,
//! and so does a `Box<()>`.
//!
//! A type that asks for "anything" sees a placeholder as the JSON object it is. That is
//! [`serde_json::Value`], and also every type that serde reads into a buffer first: untagged and
//! internally tagged enums, and structs with a `#[serde(flatten)]` field. Bytes inside those can be
//! encoded, but not decoded; externally and adjacently tagged enums work both ways. For the same
//! reason an untagged enum always reads one argument, even a variant written as a tuple.
//!
//! Parameters of handlers, acknowledgements and auth payloads take two more things of other languages:
//! an integer takes a number that is whole however it is written, as `1.0`, `-0` or `1e3`, and a string
//! with half of a surrogate pair is read with U+FFFD in its place. [`decode`] and [`Decoder`], whose
//! types may borrow from the text, do not.

mod attached;
mod decode;
mod mend;
#[cfg(test)]
mod tests;

pub(crate) use decode::absent;
pub use decode::{DecodeError, Decoder, decode};
pub(crate) use decode::{decode_owned, parse_object, parse_owned};
pub use sansocket_args::{EncodeError, IntoArgs, encode};
pub(crate) use sansocket_args::{Sealed, with_args};
