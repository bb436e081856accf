//! Real message brokers in processes of their own, and the end of a link to them as a test plays it.

mod broker;
mod certificates;
mod played;
pub mod promises;

pub use broker::{Broker, free_port, python};
pub use certificates::Certificates;
pub use played::{Played, Told};
