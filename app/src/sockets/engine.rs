//! Bare Engine.IO sessions, for applications that bring their own protocol.

use sansocket::{Message, Received, Refused, Session};
use std::fmt;
use std::sync::Arc;

use crate::sockets::reach::Reach;

/// One bare Engine.IO session.
#[derive(Clone)]
pub struct EngineSession {
    hub: Arc<dyn Reach>,
    shard: u16,
    key: Session,
}

impl EngineSession {
    pub(crate) fn new(hub: Arc<dyn Reach>, shard: u16, key: Session) -> Self {
        Self { hub, shard, key }
    }

    /// Sends a message.
    ///
    /// # Errors
    /// When the session ended, or reads too slowly.
    pub fn send(&self, message: &Received) -> Result<(), Refused> {
        let message = match message {
            Received::Binary(bytes) => Message::Binary(bytes),
            Received::Text(text) => Message::Text(text),
        };
        self.hub.with(self.shard, |server| server.send(self.key, message))
    }

    /// Closes the session once what waits for it is delivered.
    pub fn close(&self) {
        let now = self.hub.runtime().now();
        self.hub.with(self.shard, |server| server.close(now, self.key));
    }
}

impl fmt::Debug for EngineSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EngineSession").field("key", &self.key).finish_non_exhaustive()
    }
}
