//! NATS between the servers of a Sansocket cluster.
//!
//! ```
//! use sansocket_nats::Nats;
//!
//! let broker = Nats::new("nats://user:password@127.0.0.1:4222,127.0.0.2:4222")?;
//! # Ok::<(), sansocket_nats::BrokerError>(())
//! ```
//!
//! The application hands it to its cluster. It needs core NATS 2 alone: no JetStream, and no streams to set up.
//!
//! # Addresses
//!
//! `nats://[user:password@]host[:port][,host[:port]…]`. `tls://` demands TLS; a server that demands it gets it either
//! way. One name without a password, as in `nats://token@host`, is a token. In names and passwords, characters
//! that have a meaning in addresses are percent-encoded. The port is 4222 where none is given. Other servers of a
//! NATS cluster are found by themselves, and tried when the first is away. [`Nats::root_certificates`] and
//! [`Nats::client_certificate`] are for TLS. What else addresses do not say goes into [`Nats::options`]: with the feature
//! `nkeys`, `ConnectOptions::with_nkey(seed)` and `ConnectOptions::with_credentials(text)` are users that sign.
//!
//! # Features
//!
//! | feature | on by default | brings |
//! |---|---|---|
//! | `nkeys` | no | users with an NKEY, or with a file of credentials, which has a JWT |
//!
//! # Formats
//!
//! Our own, and that of python-socketio, whose processes however have no NATS of their own. The formats of
//! JavaScript need Redis.
//!
//! # Subjects
//!
//! The name of a channel becomes a subject: colons become dots, and bytes outside of `A`-`Z`, `a`-`z`, `0`-`9`, `-` and
//! `_` become `=` and two hexadecimal digits, so that no channel is a wildcard and no two have one subject. An empty
//! part becomes a single `=`. The namespace `/chat` is at `sansocket.n.=2Fchat`. A user of NATS needs the rights
//! to publish and subscribe to `sansocket.>`, or what the prefix is, and to `_INBOX.>`. A missing right ends the
//! connection, and the log says which it is.
//!
//! # Limits
//!
//! A message has at most the bytes of the server's `max_payload`, 1 MiB unless it is set otherwise. Delivery is at
//! most once: what is published while a server of the cluster is away is lost for that server. So is what comes faster
//! than it is handled, beyond what the NATS server keeps for a slow client, which ends its connection then.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod nats;
mod news;
mod session;
mod subject;

pub use async_nats::ConnectOptions;
pub use nats::Nats;
pub use sansocket_bus::BrokerError;
