//! What a JSON string stands for.

use std::borrow::Cow;
use std::str::Chars;

/// The characters a string's inside stands for, once its escapes were checked.
///
/// Half a surrogate pair is no character: it becomes U+FFFD.
struct Unescape<'a>(Chars<'a>);

impl Iterator for Unescape<'_> {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        match self.0.next()? {
            '\\' => self.escaped(),
            char => Some(char),
        }
    }
}

impl Unescape<'_> {
    fn escaped(&mut self) -> Option<char> {
        Some(match self.0.next()? {
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => self.unicode()?,
            char => char,
        })
    }

    fn unicode(&mut self) -> Option<char> {
        let unit = self.unit()?;
        if let 0xd800..0xdc00 = unit
            && let Some(after) = self.0.as_str().strip_prefix("\\u")
        {
            let mut pair = Unescape(after.chars());
            if let low @ 0xdc00..0xe000 = pair.unit()? {
                *self = Unescape(pair.0.as_str().chars());
                return char::from_u32(0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00));
            }
        }
        Some(char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    /// Reads four hexadecimal digits.
    fn unit(&mut self) -> Option<u32> {
        (0..4).try_fold(0, |unit, _| Some((unit << 4) | self.0.next()?.to_digit(16)?))
    }
}

/// Returns what the inside of a string stands for, once its escapes were checked.
pub(in crate::socket) fn unescaped(inside: &str) -> Cow<'_, str> {
    match memchr::memchr(b'\\', inside.as_bytes()) {
        Some(_) => Cow::Owned(Unescape(inside.chars()).collect()),
        None => Cow::Borrowed(inside),
    }
}
