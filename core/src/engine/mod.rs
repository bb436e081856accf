//! Engine.IO (engine.io-protocol): packets, payloads, heartbeat.

pub(crate) mod base64;
pub(crate) mod forms;
pub(crate) mod heartbeat;
pub(crate) mod jsonp;
pub(crate) mod open;
pub(crate) mod opening;
pub(crate) mod outbox;
pub(crate) mod packet;
pub(crate) mod payload;
pub(crate) mod terms;

pub use open::Opened;
pub use packet::Packet as EnginePacket;
