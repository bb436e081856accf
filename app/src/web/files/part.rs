//! Which part of a file was asked for (RFC 9110 §14).

use http::header::{self, HeaderMap};

/// What to send of a file.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Part {
    Whole,
    /// `size` is at least 1, and the part lies within the file.
    Range {
        start: u64,
        size: u64,
    },
    /// It lies behind the end.
    Unsatisfiable,
}

impl Part {
    /// Reads the `Range` of a request; one that is not understood, or of several parts, asks for the
    /// whole.
    pub(super) fn of(headers: &HeaderMap, length: u64) -> Self {
        let mut fields = headers.get_all(header::RANGE).iter();
        match (fields.next(), fields.next()) {
            (Some(field), None) => field
                .to_str()
                .ok()
                .and_then(|field| Self::parse(field, length))
                .unwrap_or(Self::Whole),
            (Some(_), Some(_)) | (None, _) => Self::Whole,
        }
    }

    /// ```text
    /// "bytes=" ( first "-" [ last ] / "-" suffix )
    /// ```
    fn parse(field: &str, length: u64) -> Option<Self> {
        let (unit, range) = field.split_once('=')?;
        let (first, last) = range.trim().split_once('-')?;
        if !unit.eq_ignore_ascii_case("bytes") {
            return None;
        }
        let (start, size) = match (first, last) {
            ("", suffix) => {
                let size = number(suffix)?.min(length);
                (length - size, size)
            }
            (first, "") => {
                let start = number(first)?;
                (start, length.saturating_sub(start))
            }
            (first, last) => {
                let (start, last) = (number(first)?, number(last)?);
                if last < start {
                    return None;
                }
                let end = last.saturating_add(1).min(length);
                (start, end.saturating_sub(start))
            }
        };
        Some(if size == 0 { Self::Unsatisfiable } else { Self::Range { start, size } })
    }
}

/// Digits alone; more of them than fit mean the largest number.
fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}
