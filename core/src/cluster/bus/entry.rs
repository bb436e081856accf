//! The ids that Redis gives to entries of streams.

use std::fmt;

/// The id of an entry of a stream, `milliseconds-number`: later entries have larger ones.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct EntryId {
    /// When it was added, in milliseconds since the beginning of 1970 by the clock of the server.
    pub millis: u64,
    /// Which of the entries of that millisecond it is.
    pub number: u64,
}

impl EntryId {
    /// Before every entry; no entry has it.
    pub const START: Self = Self { millis: 0, number: 0 };

    /// Reads what [`Display`](fmt::Display) wrote: digits, `-`, digits, and nothing else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (millis, number) = text.split_once('-')?;
        let read = |digits: &str| {
            let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            is_number.then(|| digits.parse().ok())?
        };
        Some(Self { millis: read(millis)?, number: read(number)? })
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.millis, self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_digits_around_a_dash() {
        let id = EntryId { millis: 1_795_843_156_765, number: 3 };
        assert_eq!(id.to_string(), "1795843156765-3");
        assert_eq!(EntryId::parse("1795843156765-3"), Some(id));
        assert!(EntryId::parse("9-9") < EntryId::parse("10-0"));
        for text in ["", "-", "1-", "-1", "1-+1", "+1-1", "1-1-1", "1-18446744073709551616", "$"] {
            assert_eq!(EntryId::parse(text), None, "{text}");
        }
    }
}
