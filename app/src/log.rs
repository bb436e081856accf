//! What is worth a line in a log, through `tracing` when the feature of that name is on.
//!
//! Targets: `sansocket::engine`, `sansocket::request`, `sansocket::connect`, `sansocket::event`,
//! `sansocket::error`. Session ids open doors and never appear; the public ids of clients do. What a
//! peer chose appears as a [`OneLine`].

use std::fmt::{self, Write as _};

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

/// Text that a peer had a hand in, on one line: control characters, which could forge further lines or
/// steer a terminal, are escaped.
pub(crate) struct OneLine<T>(pub(crate) T);

impl<T: fmt::Display> fmt::Display for OneLine<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Escape(f), "{}", self.0)
    }
}

struct Escape<'a, 'f>(&'a mut fmt::Formatter<'f>);

impl fmt::Write for Escape<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for part in text.split_inclusive(char::is_control) {
            let plain = part.trim_end_matches(char::is_control);
            self.0.write_str(plain)?;
            write!(self.0, "{}", part[plain.len()..].escape_default())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_stays_one_line() {
        for (text, line) in [
            ("", ""),
            ("plain, \"é\" and \\ too", "plain, \"é\" and \\ too"),
            ("/a\r\n2026 ERROR\0", "/a\\r\\n2026 ERROR\\u{0}"),
            ("\x1b[31mred\u{85}", "\\u{1b}[31mred\\u{85}"),
        ] {
            assert_eq!(OneLine(text).to_string(), line);
        }
    }
}
