//! Emits to the clients of a cluster from processes that serve nobody: a REST backend, a worker, a cron job.
//!
//! An [`Emitter`] writes what servers of the cluster read: ours, python-socketio's, and those of JavaScript, by
//! [`Format`]. It contains no server, holds one connection with the broker, on a thread of its own, and may be used
//! from any thread and with any runtime. A [`Broker`] is the way to the message broker: `sansocket-redis`,
//! `sansocket-nats`, `sansocket-amqp` and `sansocket-kafka` have one each.
//!
//! ```no_run
//! use sansocket_emitter::{Broker, Emitter, EmitterConfig, Format};
//!
//! fn report(broker: impl Broker) -> Result<(), Box<dyn std::error::Error>> {
//!     let emitter = Emitter::connect(broker, EmitterConfig::new(Format::Classic))?;
//!     emitter.emit("news", &("it rains", 17))?;
//!     emitter.of("/chat").to("lobby").except("muted").emit("said", &"hello")?;
//!     emitter.to("guests").join("members")?;
//!     emitter.flush().wait()?;
//!     Ok(())
//! }
//! ```
//!
//! An emitter asks nothing and counts as no server. Nothing tells whether a client got an event; [`Emitter::flush`]
//! tells whether the broker did. What the format of the cluster cannot say is an error of the call. When a message
//! reaches no server at all, as far as the broker tells, the log has a warning: then the broker, the format or the prefix
//! is another one than that of the servers.
//!
//! # Features
//!
//! | feature | default | what it does |
//! |---|---|---|
//! | `tracing` | yes | what becomes of the connection, and channels that no server listens to, as lines of a log |
#![cfg_attr(docsrs, feature(doc_cfg))]

mod clock;
mod connect;
mod emitter;
mod end;
mod error;
mod flush;
mod log;
mod state;
mod target;

pub use connect::ConnectError;
pub use emitter::Emitter;
pub use error::EmitError;
pub use flush::Flush;
pub use sansocket::cluster::bus::{BusLimits, Format};
pub use sansocket::cluster::{BusCounts, BusError, EmitterConfig, Loss, Unconfirmed};
pub use sansocket::{Args, ArgsRef, Misuse};
pub use sansocket_args::{EncodeError, IntoArgs, Rooms};
pub use sansocket_bus::Broker;
pub use target::Target;

#[cfg(test)]
mod tests;
