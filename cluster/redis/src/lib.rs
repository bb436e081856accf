//! Redis and Valkey as the broker of a Sansocket cluster.
//!
//! [`Redis::new`] takes the URLs that python-socketio and the clients of JavaScript take:
//!
//! ```
//! use sansocket_redis::Redis;
//!
//! let alone = Redis::new("redis://user:password@127.0.0.1:6379/0")?;
//! let by_tls = Redis::new("rediss://redis.example")?;
//! let on_this_machine = Redis::new("unix:///run/redis/redis.sock?db=1")?;
//! let guarded = Redis::new("redis+sentinel://:password@10.0.0.1:26379,10.0.0.2:26379/0/mymaster")?;
//! let cluster = Redis::new("redis+cluster://10.0.0.1:6379,10.0.0.2:6379")?;
//! # Ok::<(), sansocket_redis::InvalidUrl>(())
//! ```
//!
//! User and password are those of the server. Sentinels that have some of their own get them by the query, as in
//! `?sentinel_username=guard&sentinel_password=secret`; ioredis names its options so. Names and passwords with characters
//! that have a meaning in URLs are percent-encoded.
//!
//! It needs Redis 6 or Valkey; `Format::Sharded` and [`Redis::sharded`] need Redis 7. One connection publishes and
//! one subscribes, in a Redis Cluster to each of the masters that is concerned; each stream is read by one more. The formats of
//! JavaScript count subscribers: replicas are asked too, where other clients may subscribe.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod batch;
mod entries;
mod keys;
mod place;
mod publisher;
mod redis;
mod replica;
mod server;
mod session;
mod subscriber;
mod url;

pub use redis::Redis;
pub use url::InvalidUrl;
