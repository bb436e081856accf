//! What is worth a line in a log, through `tracing` when the feature of that name is on.
//!
//! Targets: `sansocket::engine`, `sansocket::request`, `sansocket::connect`, `sansocket::event`,
//! `sansocket::cluster`, `sansocket::error`. Session ids open doors and never appear; the public ids of clients do. What a
//! client chooses is escaped, so that it cannot look like other lines, and cut. Lines about what
//! clients do wrong are limited, see [`quota`].

use std::fmt::{self, Display, Write};

pub(crate) mod quota;
mod stderr;

#[cfg(feature = "tracing")]
mod through {
    macro_rules! log {
        ($level:ident, $target:literal, $($rest:tt)*) => {
            tracing::$level!(target: $target, $($rest)*)
        };
    }
    pub(crate) use log;

    /// A line of a [`Site`](super::quota::Site), unless too many came of it before.
    macro_rules! limited {
        (
            ($hub:expr, $site:ident, $peer:expr)
            $level:ident, $target:literal, $($rest:tt)*
        ) => {
            if tracing::enabled!(target: $target, $crate::log::level!($level))
                && $hub.may_log($crate::log::quota::Site::$site, $peer)
            {
                tracing::$level!(target: $target, $($rest)*);
            }
        };
    }
    pub(crate) use limited;

    macro_rules! level {
        (debug) => {
            tracing::Level::DEBUG
        };
        (info) => {
            tracing::Level::INFO
        };
    }
    pub(crate) use level;

    /// Whether a line of the error handler would reach anybody.
    pub(super) fn is_heard() -> bool {
        tracing::dispatcher::has_been_set()
    }
}

#[cfg(not(feature = "tracing"))]
mod through {
    /// Names the values it would log, so that none becomes unused, and does nothing.
    macro_rules! log {
        ($level:ident, $target:literal, $($field:ident = $form:tt $value:expr,)* $text:literal) => {{
            if false {
                $(let _ = &$value;)*
            }
        }};
    }
    pub(crate) use log;

    macro_rules! limited {
        (
            ($hub:expr, $site:ident, $peer:expr)
            $level:ident, $target:literal, $($rest:tt)*
        ) => {
            if false {
                let _ = $hub.may_log($crate::log::quota::Site::$site, $peer);
                $crate::log::log!($level, $target, $($rest)*);
            }
        };
    }
    pub(crate) use limited;

    /// No subscriber listens.
    pub(super) fn is_heard() -> bool {
        false
    }
}

#[cfg(feature = "tracing")]
pub(crate) use through::level;
pub(crate) use through::{limited, log};

/// Bytes of one text of a client in a line; the rest is cut.
const TEXT: usize = 256;

/// Bytes of a line about an error; the rest is cut.
const LINE: usize = 1024;

/// Logs an error of a handler of the client `id`.
pub(crate) fn error(id: &str, error: &impl Display) {
    let line = one_line(error);
    match through::is_heard() {
        true => log!(error, "sansocket::error", id = %id, "{line}"),
        false => stderr::print(line),
    }
}

/// The same within a test, whose output it belongs to: at once, and by the thread of the test.
pub(crate) fn error_at_once(id: &str, error: &impl Display) {
    let line = one_line(error);
    match through::is_heard() {
        true => log!(error, "sansocket::error", id = %id, "{line}"),
        false => eprintln!("sansocket: {line}"),
    }
}

/// Logs that the broker at an address cannot be reached.
pub(crate) fn no_broker(address: &str, why: &str) {
    match through::is_heard() {
        true => log!(warn, "sansocket::cluster", broker = %address, why = %why, "{NO_BROKER}"),
        false => stderr::print(one_line(&format_args!("{address}: {why}: {NO_BROKER}"))),
    }
}

/// What it means that there is no broker, and what to look at.
const NO_BROKER: &str = "there is no connection with the broker: clients of this process are served, those of others \
    hear nothing of it; is the broker running, and are address and password right?";

/// A text of a client, in quotes, escaped, and cut: `"hello"`, or `"aaa…"` and how many bytes were
/// left out.
pub(crate) fn quoted(text: &str) -> Quoted<'_> {
    Quoted(text)
}

/// See [`quoted`].
pub(crate) struct Quoted<'a>(&'a str);

impl fmt::Debug for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start = start_of(self.0, TEXT);
        fmt::Debug::fmt(start, f)?;
        match self.0.len() - start.len() {
            0 => Ok(()),
            left => write!(f, "… and {left} more bytes"),
        }
    }
}

/// Cuts the middle out of a long message: its beginning names the fault, its end often the expectation,
/// and in between is a text of the client.
pub(crate) fn shortened(message: String) -> String {
    const END: usize = TEXT / 4;
    if message.len() <= TEXT {
        return message;
    }
    let start = start_of(&message, TEXT - END);
    let end = (message.len() - END..).find(|&at| message.is_char_boundary(at));
    let end = &message[end.unwrap_or(message.len())..];
    format!("{start}… {} bytes …{end}", message.len() - start.len() - end.len())
}

/// The longest start of a text that has at most so many bytes.
fn start_of(text: &str, most: usize) -> &str {
    let cut = (0..=most.min(text.len())).rev().find(|&at| text.is_char_boundary(at));
    &text[..cut.unwrap_or(0)]
}

/// One line of bounded length: escapes what would end it, or change what a terminal shows.
fn one_line(text: &impl Display) -> String {
    let mut line = Line(String::new());
    if write!(line, "{text}").is_err() {
        line.0.push_str(" …");
    }
    line.0
}

/// Takes text until it is full.
struct Line(String);

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.chars().try_for_each(|char| {
            if self.0.len() + char.len_utf8() > LINE {
                return Err(fmt::Error);
            }
            // Line and paragraph separators are no control characters.
            match char.is_control() || matches!(char, '\u{2028}' | '\u{2029}') {
                true => write!(self.0, "{}", char.escape_default()),
                false => self.0.write_char(char),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_a_client_is_cut_at_the_limit_and_not_before() {
        let whole = "x".repeat(TEXT);
        assert_eq!(format!("{:?}", quoted(&whole)), format!("\"{whole}\""));
        let longer = format!("{whole}xyz");
        assert_eq!(format!("{:?}", quoted(&longer)), format!("\"{whole}\"… and 3 more bytes"));
        assert_eq!(format!("{:?}", quoted("a\n\u{1b}")), r#""a\n\u{1b}""#);
    }

    #[test]
    fn characters_are_never_cut_apart() {
        for shift in ["", "x", "xx", "xxx"] {
            // Four bytes each.
            let text = format!("{shift}{}", "😀".repeat(100));
            let start = start_of(&text, TEXT);
            assert_eq!(start.len(), TEXT - (TEXT - shift.len()) % 4);
        }
    }

    #[test]
    fn a_long_message_keeps_its_start_and_its_end() {
        let told = |n: usize| format!("invalid type: string \"{}\", expected u32", "é".repeat(n));
        assert_eq!(shortened(told(100)), told(100));
        let short = shortened(told(450_000));
        assert!(short.starts_with("invalid type: string \"é"), "{short}");
        assert!(short.ends_with("é\", expected u32"), "{short}");
        assert!(short.len() < TEXT + 32, "{}", short.len());
        assert_eq!(shortened("x".repeat(TEXT)), "x".repeat(TEXT));
        let cut = shortened("x".repeat(TEXT + 1));
        assert_eq!(cut, format!("{}… 1 bytes …{}", "x".repeat(192), "x".repeat(64)));
    }

    #[test]
    fn a_line_ends_at_its_limit() {
        assert_eq!(one_line(&"x".repeat(LINE)), "x".repeat(LINE));
        assert_eq!(one_line(&"x".repeat(LINE + 1)), format!("{} …", "x".repeat(LINE)));
        assert_eq!(one_line(&"a\nb\u{2028}"), r"a\nb\u{2028}");
    }
}
