//! The beginning of an emitter.

use std::io;
use std::time::Duration;

/// Why an emitter does not begin.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The operating system has no thread left.
    #[error(transparent)]
    Thread(#[from] io::Error),
    /// The broker could not be reached in 5 s.
    #[error("{address} could not be reached: {why}")]
    Unreachable {
        /// Where the broker is, without a password.
        address: String,
        /// Why the last attempt failed.
        why: String,
    },
}

/// How long an emitter waits for its broker.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);
