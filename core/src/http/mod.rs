//! HTTP/1.1 as far as a Socket.IO server needs it: heads, bodies, targets and responses.

pub(crate) mod body;
pub(crate) mod coding;
pub(crate) mod head;
mod request;
mod response;
mod target;

pub use request::{Fields, Headers, Method, Request};
pub use response::Response;
pub(crate) use target::{Query, cut};
