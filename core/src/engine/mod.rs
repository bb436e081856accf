//! Engine.IO (engine.io-protocol v4): packets, payloads, heartbeat.

pub(crate) mod base64;
pub(crate) mod heartbeat;
pub(crate) mod open;
pub(crate) mod outbox;
pub(crate) mod packet;
