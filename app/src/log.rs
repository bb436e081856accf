//! What is worth a line in a log, through `tracing` when the feature of that name is on.
//!
//! Targets: `sansocket::engine`, `sansocket::request`, `sansocket::connect`, `sansocket::event`,
//! `sansocket::error`. Session ids open doors and never appear; the public ids of clients do.

#[cfg(feature = "tracing")]
mod through {
    macro_rules! log {
        ($level:ident, $target:literal, $($rest:tt)*) => {
            tracing::$level!(target: $target, $($rest)*)
        };
    }
    pub(crate) use log;

    /// Whether a line of the error handler would reach anybody.
    pub(crate) fn is_heard() -> bool {
        tracing::dispatcher::has_been_set()
    }
}

#[cfg(not(feature = "tracing"))]
mod through {
    /// Names what it would log, so that nothing becomes unused, and does nothing.
    macro_rules! log {
        ($level:ident, $target:literal, $($field:ident = %$value:expr,)* $text:literal) => {{
            if false {
                $(let _ = &$value;)*
            }
        }};
    }
    pub(crate) use log;

    /// Nobody hears anything.
    pub(crate) fn is_heard() -> bool {
        false
    }
}

pub(crate) use through::{is_heard, log};
