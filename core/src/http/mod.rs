//! HTTP/1.1 as far as a Socket.IO server needs it: heads, bodies, targets and responses.

pub(crate) mod body;
pub(crate) mod coding;
mod date;
mod field;
mod fields;
pub(crate) mod head;
mod request;
mod response;
mod target;

pub use date::Date;
pub use field::Field;
pub(crate) use field::separator;
pub use fields::{Fields, Headers};
pub use request::{Method, Request};
pub use response::Response;
pub(crate) use target::{Query, cut};
