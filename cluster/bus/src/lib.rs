//! What drives a message broker: one trait, and the thread that it runs on.
//!
//! A [`Broker`] connects, publishes and subscribes. What it does is decided at the [`End`] of its [`Link`], by a server
//! or an emitter: that tells when to connect again, subscribes anew after that, and keeps what waits. [`spawn`] runs a
//! broker, and a [`Bridge`] joins two.
//!
//! # Features
//!
//! | feature | on by default | brings |
//! |---|---|---|
//! | `tracing` | yes | what a broker refuses, and what is known to be lost, as lines of a log |
//! | `tokio` | no | `run_on_tokio`, for brokers whose library needs tokio |
//! | `tls` | no | `Tls`, for brokers whose library takes a configuration of rustls |
#![cfg_attr(docsrs, feature(doc_cfg))]

mod bridge;
mod broker;
mod end;
mod link;
mod log;
mod seed;
#[cfg(feature = "tokio")]
mod session;
mod thread;
#[cfg(feature = "tls")]
mod tls;

pub use bridge::{Bridge, BridgeError};
pub use broker::{Broker, BrokerError};
pub use end::End;
pub use link::{Link, Next};
pub use sansocket::cluster::bus::{Entry, EntryId, Format, Payload, Subscription};
pub use sansocket::cluster::{BusCounts, Command, Keep, NodeConfig, Side, Take, Taken};
pub use seed::seed;
#[cfg(feature = "tokio")]
pub use session::run_on_tokio;
pub use thread::spawn;
#[cfg(feature = "tls")]
pub use tls::{Tls, choose_cryptography};
