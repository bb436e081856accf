//! Real message brokers in processes of their own, and the end of a link to them as a test plays it.

mod broker;
mod played;

pub use broker::{Broker, free_port, python};
pub use played::{Played, Told};
