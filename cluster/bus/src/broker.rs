//! What a broker has to be able to do.

use crate::Link;

/// A way to a message broker.
///
/// It knows nothing of Socket.IO: it publishes, subscribes, and tells what came, as the [`Link`] says.
pub trait Broker: Send + 'static {
    /// Returns where the broker is, for logs: without a password.
    fn address(&self) -> String;

    /// Connects, calls [`Link::connected`], and does what the link says until the connection is lost, or until
    /// the link is closed and everything it wanted is written.
    ///
    /// It runs on a thread of its own and may block, or run an executor there. It is called again, after a
    /// pause, whenever it returned an error.
    ///
    /// # Errors
    /// [`BrokerError`] says why the connection was lost, or not made.
    fn run(&mut self, link: &Link) -> Result<(), BrokerError>;
}

impl Broker for Box<dyn Broker> {
    fn address(&self) -> String {
        (**self).address()
    }

    fn run(&mut self, link: &Link) -> Result<(), BrokerError> {
        (**self).run(link)
    }
}

/// Why the connection with a broker was lost, or not made.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BrokerError(Box<dyn std::error::Error + Send + Sync>);

impl BrokerError {
    /// Makes an error of another one, or of a text.
    pub fn new(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(cause.into())
    }
}
