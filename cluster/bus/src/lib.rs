//! What drives a message broker: one trait, and the thread that it runs on.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod broker;
mod end;
mod link;
mod thread;

pub use broker::{Broker, BrokerError};
pub use end::End;
pub use link::{Link, Next};
pub use sansocket::cluster::Command;
pub use sansocket::cluster::bus::{Entry, Payload, Subscription};
pub use thread::spawn;
