//! How a namespace was left or lost.

use sansocket::client::Reason;
use std::fmt;

/// How a namespace was left or lost, as a parameter of a disconnect handler. [`Reason`] alone is one, too.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Loss {
    /// Why.
    pub reason: Reason,
    /// Whether the client tries by itself to join again.
    pub will_retry: bool,
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reason.fmt(f)
    }
}
