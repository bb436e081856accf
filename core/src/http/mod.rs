//! HTTP/1.1 as far as Socket.IO needs it, for both ends: requests and answers, parsed and written.

pub(crate) mod answer;
pub(crate) mod body;
pub(crate) mod coding;
mod date;
mod field;
mod fields;
pub(crate) mod form;
pub(crate) mod head;
mod request;
mod response;
mod target;
pub(crate) mod token;
mod write;

pub use answer::ResponseHead;
pub use date::Date;
pub(crate) use date::civil;
pub(crate) use field::{is_authority, separator};
pub use fields::{Fields, Headers};
pub use request::{Method, Request};
pub use response::Response;
pub(crate) use target::{Query, cut};
pub(crate) use write::put_field;
