//! RabbitMQ between the servers of a Sansocket cluster.
//!
//! ```
//! use sansocket_amqp::Amqp;
//!
//! let broker = Amqp::new("amqp://user:password@127.0.0.1:5672/")?;
//! # Ok::<(), sansocket_amqp::BrokerError>(())
//! ```
//!
//! The application hands it to its cluster. It speaks AMQP 0-9-1.
//!
//! # Addresses
//!
//! `amqp://[user:password@]host[:port][/vhost]`, or `amqps://` for TLS with the certificate authorities that the system
//! trusts, or those of [`Amqp::root_certificates`]. User and password are `guest` where none is given, the port is 5672 or 5671, and the virtual host is `/`: in
//! an address `/`, `//` and `/%2f` all name it. Characters that have a meaning in addresses are percent-encoded. The
//! query may set `heartbeat` in seconds, 60 by the server unless it is set, `frame_max` in bytes and `auth_mechanism`. An
//! IPv6 address needs a host name.
//!
//! # Formats
//!
//! Our own, and that of python-socketio: exchanges are declared as its `AsyncAioPikaManager` and `KombuManager` declare
//! them, so both can be in one cluster. The formats of JavaScript need Redis.
//!
//! # Exchanges and queues
//!
//! In the format of python-socketio the channel, `socketio` where nothing else is said, is a fanout exchange of that
//! name. In our own the prefix names a direct exchange, and the rest of a channel is the routing key: the namespace
//! `/chat` has the key `n:/chat` at the exchange `sansocket`. A rest of more than 255 bytes is cut there, and the header
//! `channel` has the whole name. Exchanges are not durable, and stay until RabbitMQ restarts.
//!
//! Each process has one queue, so that all that one process publishes comes to another in its order. Messages are
//! acknowledged once they are read, and at most 512 wait to be. In our own format the queue is named `sansocket-` and 32
//! hexadecimal digits, and outlives a connection that breaks: what is published until the next one waits in it, a minute
//! and 64 MiB at most, and no message arrives twice. A process that ends deletes its queue. While RabbitMQ takes the
//! former connection for alive it refuses the queue; after five refusals a new one takes its place, and what waited is lost.
//! In the format of python-socketio the queue is exclusive to the connection, as those of Python are.
//!
//! A user needs the rights to configure, write and read `sansocket.*`, or what the prefix is; in the format of
//! python-socketio those to `amq\.gen.*` and to the exchange.
//!
//! # Limits
//!
//! Messages have at most 16 MiB, which is what RabbitMQ 4 takes unless `max_message_size` says otherwise; it tells
//! nobody, so [`Amqp::largest`] has to be told too. Publishing is confirmed by RabbitMQ. Delivery is at most once. Under a memory or disk alarm RabbitMQ
//! reads nothing from those who publish; the connection is then given up after 5 s, and made again.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod amqp;
mod begun;
mod queue;
mod route;
mod session;

pub use amqp::Amqp;
pub use sansocket_bus::BrokerError;
