//! Kafka between the servers of a Sansocket cluster.
//!
//! ```
//! use sansocket_kafka::Kafka;
//!
//! let broker = Kafka::new("kafka://127.0.0.1:9092,127.0.0.2:9092")?;
//! # Ok::<(), sansocket_kafka::BrokerError>(())
//! ```
//!
//! The application hands it to its cluster. Questions to other processes work, but take as long as Kafka takes: where
//! latency counts, Redis and NATS serve better.
//!
//! # Addresses
//!
//! `kafka://[user:password@]host[:port][,host[:port]…]`, or `kafkas://` for TLS with the certificate authorities that
//! the system trusts, or those of [`Kafka::root_certificates`]. The port is 9092 where none is given. A user is presented by SASL: with the mechanism `PLAIN`, or
//! with another that the query names, as in `?mechanism=SCRAM-SHA-256` or `?mechanism=SCRAM-SHA-512`. In names and
//! passwords, characters that have a meaning in addresses are percent-encoded. `PLAIN` is tried
//! with a server that plays this part of Kafka; the others were not tried.
//!
//! # Formats
//!
//! Our own, and that of python-socketio. The formats of JavaScript need Redis. The `KafkaManager` of python-socketio
//! 5.14 to 5.18 reads what others publish, but hands text to a producer that takes bytes alone: what it publishes itself
//! arrives nowhere, unless the application gives its producer a serializer.
//!
//! # Topics
//!
//! In the format of python-socketio the channel, `socketio` where nothing else is said, is a topic of that name, and
//! records have no keys. In our own the prefix is the topic, and the rest of a channel is the key: the records of
//! the namespace `/chat` have the key `n:/chat` in the topic `sansocket`. Every process reads all partitions, and is a
//! member of no group. All records of a channel that one process publishes go to one partition, in their order.
//!
//! A topic that is missing is created, with one partition and as many replicas as the brokers do by default. Create it
//! yourself for more, and for a short `retention.ms`: nobody reads old records. They must not be compressed: a record
//! that cannot be read ends the connection, and the next begins at the end of the topic.
//!
//! # Limits
//!
//! Messages have at most 1 000 000 bytes, which fits `message.max.bytes` of Kafka, 1 048 588 unless it is set otherwise;
//! [`Kafka::largest`] has to be told what it is set to. Publishing is confirmed by all replicas in sync, and
//! never repeated, as repeated messages could arrive twice. A process that lost its connection goes on reading where it
//! stopped, so that it misses nothing of the others; one that starts begins at the end.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod begun;
mod kafka;
mod reader;
mod session;
mod topic;

pub use kafka::Kafka;
pub use sansocket_bus::BrokerError;
