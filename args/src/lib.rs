//! What methods that emit take, in servers, clients and emitters: arguments and rooms.
//!
//! Applications find the names of this package in the packages that they use.
//!
//! On the wire arguments are a JSON array, and every binary value inside it is a placeholder
//! `{"_placeholder":true,"num":k}` for the attachment `k` that follows the text. [`encode`] turns
//! whatever a type serializes as bytes ([`Bytes`](bytes::Bytes), `serde_bytes`) into attachments,
//! at any depth and in document order.
//!
//! ```
//! use bytes::Bytes;
//!
//! let (mut json, mut attachments) = (Vec::new(), Vec::new());
//! sansocket_args::encode(&(1, Bytes::from_static(b"x")), &mut json, &mut attachments)?;
//! assert_eq!(json, br#"[1,{"_placeholder":true,"num":0}]"#);
//! assert_eq!(attachments, ["x"]);
//! # Ok::<(), sansocket_args::EncodeError>(())
//! ```
//!
//! | type | arguments |
//! |---|---|
//! | `()`, unit struct | none |
//! | tuple, tuple struct, array `[T; N]` | one per element |
//! | newtype struct | as the type inside |
//! | anything else, `Vec` and `Option` included | exactly one |
//!
//! Only a value without size counts as `()`: a `serde_json::Value` that is null stays an argument,
//! and so does a `Box<()>`.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod encode;
mod into;
mod rooms;

pub use encode::{EncodeError, encode};
pub use into::IntoArgs;
#[doc(hidden)]
pub use into::{Sealed, with_args};
pub use rooms::Rooms;
