//! What is worth a line in a log, through `tracing` when the feature of that name is on.
//!
//! Targets: `sansocket::engine`, `sansocket::request`, `sansocket::connect`, `sansocket::event`,
//! `sansocket::error`. Session ids open doors and never appear; the public ids of clients do. What a
//! client chooses is escaped, so that it cannot look like lines of ours.

use std::fmt::{Display, Write as _};

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
        ($level:ident, $target:literal, $($field:ident = $form:tt $value:expr,)* $text:literal) => {{
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

/// Escapes what would end a line, or change what a terminal shows.
pub(crate) fn one_line(text: &impl Display) -> String {
    let mut line = String::new();
    for char in text.to_string().chars() {
        // Line and paragraph separators are no control characters.
        match char.is_control() || matches!(char, '\u{2028}' | '\u{2029}') {
            true => {
                let _ = write!(line, "{}", char.escape_default());
            }
            false => line.push(char),
        }
    }
    line
}
