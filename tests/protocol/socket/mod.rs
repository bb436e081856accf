//! Socket.IO: namespaces, rooms, events and acknowledgements, on one shard and on several.

mod backlog;
mod binary;
mod deflate;
mod events;
mod life;
mod namespaces;
mod parser;
mod rooms;
mod shards;
mod v2;
