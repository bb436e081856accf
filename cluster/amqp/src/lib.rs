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
//! trusts. User and password are `guest` where none is given, the port is 5672 or 5671, and the virtual host is `/`: in
//! an address `/`, `//` and `/%2f` all name it. Characters that have a meaning in addresses are percent-encoded. The
//! query may set `heartbeat` in seconds, `frame_max` in bytes and `auth_mechanism`. An IPv6 address needs a host name.
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
//! Each process has one queue, exclusive to its connection, so that all that one process publishes comes to another in
//! its order. Messages are acknowledged once they are read, and at most 512 wait to be.
//!
//! # Limits
//!
//! Messages have at most 16 MiB, which is what RabbitMQ 4 takes unless `max_message_size` says otherwise; it tells
//! nobody, so [`Amqp::largest`] has to be told too. Publishing is confirmed by RabbitMQ. Delivery is at most once:
//! what is published while a process is not connected is lost for that process. Under a memory or disk alarm RabbitMQ
//! reads nothing from those who publish; the connection is then given up after 5 s, and made again.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod amqp;
mod begun;
mod route;
mod session;

pub use amqp::Amqp;
pub use sansocket_bus::BrokerError;
