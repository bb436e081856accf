//! The cursor of a pass over JSON, which knows its grammar.

use std::borrow::Cow;
use std::ops::Range;

use super::is_reserved;
use super::unescape::unescaped;
use super::watch::{Blind, Container, Watch};
use crate::error::Violation;

/// A cursor. Methods that are not inlined take it by value, so that it stays in registers.
#[derive(Clone, Copy)]
pub(super) struct Scanner<'a> {
    text: &'a str,
    pub(super) bytes: &'a [u8],
    pub(super) at: usize,
}

// The inline hints were measured: without them a small message takes a third longer.
impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, bytes: text.as_bytes(), at: 0 }
    }

    /// Checks the elements of an array, from the end of one, and what follows it. Returns its end.
    #[inline(never)]
    pub(super) fn elements(mut self) -> Result<usize, Violation> {
        let mut nesting = Nesting::default();
        nesting.push(Container::Array)?;
        while self.advance(&mut nesting, &mut Blind)? {
            self.value(&mut nesting, &mut Blind)?;
        }
        let end = self.at;
        self.end().map(|()| end)
    }

    /// Checks that the text is one value and nothing else.
    pub(super) fn whole(mut self, watch: &mut impl Watch) -> Result<(), Violation> {
        let mut nesting = Nesting::default();
        self.value(&mut nesting, watch)?;
        while self.advance(&mut nesting, watch)? {
            self.value(&mut nesting, watch)?;
        }
        self.end()
    }

    /// Steps over a value that was checked, and returns where it is.
    pub(super) fn span(&mut self) -> Option<Range<usize>> {
        self.skip_space();
        let (start, mut nesting) = (self.at, Nesting::default());
        self.value(&mut nesting, &mut Blind).ok()?;
        while self.advance(&mut nesting, &mut Blind).ok()? {
            self.value(&mut nesting, &mut Blind).ok()?;
        }
        Some(start..self.at)
    }

    /// Reads a scalar or an empty container, through any containers that begin with it.
    ///
    /// The bracket that closes an empty container is left to `advance`, like every other.
    #[inline(always)]
    pub(super) fn value(
        &mut self,
        nesting: &mut Nesting,
        watch: &mut impl Watch,
    ) -> Result<(), Violation> {
        loop {
            match self.skip_space() {
                b'[' => {
                    nesting.push(Container::Array)?;
                    watch.open(Container::Array);
                    self.at += 1;
                    if self.skip_space() == b']' {
                        return Ok(());
                    }
                }
                b'{' => {
                    nesting.push(Container::Object)?;
                    watch.open(Container::Object);
                    self.at += 1;
                    if self.skip_space() == b'}' {
                        return Ok(());
                    }
                    self.key(watch)?;
                }
                first => return self.scalar(first, watch),
            }
        }
    }

    /// Steps from the end of a value to the start of the next; false when there is none.
    #[inline(always)]
    pub(super) fn advance(
        &mut self,
        nesting: &mut Nesting,
        watch: &mut impl Watch,
    ) -> Result<bool, Violation> {
        while let Some(innermost) = nesting.innermost() {
            match (self.skip_space(), innermost) {
                (b',', Container::Array) => {
                    self.at += 1;
                    return Ok(true);
                }
                (b',', Container::Object) => {
                    self.at += 1;
                    return self.key(watch).map(|()| true);
                }
                (b']', Container::Array) => watch.close_array(),
                (b'}', Container::Object) => watch.close_object()?,
                _ => return Err(Violation::InvalidJson),
            }
            self.at += 1;
            nesting.pop();
        }
        Ok(false)
    }

    /// Reads a member's name and the colon after it.
    #[inline]
    fn key(&mut self, watch: &mut impl Watch) -> Result<(), Violation> {
        if self.skip_space() != b'"' {
            return Err(Violation::InvalidJson);
        }
        let inside = self.string()?;
        watch.key(self.text, inside);
        if self.skip_space() != b':' {
            return Err(Violation::InvalidJson);
        }
        self.at += 1;
        Ok(())
    }

    #[inline(always)]
    fn scalar(&mut self, first: u8, watch: &mut impl Watch) -> Result<(), Violation> {
        let start = self.at;
        match first {
            b'"' => self.string().map(drop),
            b'-' | b'0'..=b'9' => self.number().map(|end| self.at = end),
            b't' => self.literal("true").map(|end| self.at = end),
            b'f' => self.literal("false").map(|end| self.at = end),
            b'n' => self.literal("null").map(|end| self.at = end),
            _ => Err(Violation::InvalidJson),
        }?;
        watch.scalar(self.text, start..self.at);
        Ok(())
    }

    /// Reads the first element of an event.
    #[inline(always)]
    pub(super) fn name(&mut self) -> Result<Cow<'a, str>, Violation> {
        let name = match self.skip_space() {
            b'"' => {
                let start = self.at + 1;
                let end = start + plain(&self.bytes[start..]);
                match self.bytes.get(end) {
                    Some(b'"') => {
                        self.at = end + 1;
                        Cow::Borrowed(&self.text[start..end])
                    }
                    Some(_) | None => unescaped(&self.text[self.string()?]),
                }
            }
            b'-' | b'0'..=b'9' => {
                let start = self.at;
                self.at = self.number()?;
                Cow::Borrowed(&self.text[start..self.at])
            }
            _ => return Err(Violation::InvalidPacket),
        };
        if is_reserved(&name) { Err(Violation::ReservedEvent) } else { Ok(name) }
    }

    /// Steps over the bracket of an array and a string without escapes, and returns the inside of that.
    #[inline(always)]
    pub(super) fn plain_name(&mut self) -> Option<&'a str> {
        let inside = self.text.strip_prefix("[\"")?;
        let end = plain(inside.as_bytes());
        let Some(b'"') = inside.as_bytes().get(end) else { return None };
        self.at = 2 + end + 1;
        Some(&inside[..end])
    }

    /// Steps over elements of an array that are strings without escapes.
    #[inline(always)]
    pub(super) fn plain_strings(&mut self) {
        while let [b',', b'"', inside @ ..] = &self.bytes[self.at..] {
            let end = plain(inside);
            let Some(b'"') = inside.get(end) else { return };
            self.at += 2 + end + 1;
        }
    }

    /// Reads a string and returns where its inside is.
    #[inline(always)]
    pub(super) fn string(&mut self) -> Result<Range<usize>, Violation> {
        let start = self.at + 1;
        self.at = start;
        loop {
            self.at += plain(&self.bytes[self.at..]);
            match self.peek() {
                b'"' => {
                    self.at += 1;
                    return Ok(start..self.at - 1);
                }
                b'\\' => self.at = self.escape()?,
                _ => return Err(Violation::InvalidJson),
            }
        }
    }

    /// Reads an escape and returns its end.
    fn escape(self) -> Result<usize, Violation> {
        let length = match self.bytes.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => 2,
            Some(b'u') => {
                let hex = self.bytes.get(self.at + 2..self.at + 6);
                let valid = hex.is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit));
                if !valid {
                    return Err(Violation::InvalidJson);
                }
                6
            }
            _ => return Err(Violation::InvalidJson),
        };
        Ok(self.at + length)
    }

    /// Reads a number and returns its end.
    fn number(mut self) -> Result<usize, Violation> {
        if self.peek() == b'-' {
            self.at += 1;
        }
        if self.peek() == b'0' {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == b'.' {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), b'e' | b'E') {
            self.at += 1;
            if matches!(self.peek(), b'+' | b'-') {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(self.at)
    }

    /// Reads one digit or more.
    #[inline]
    fn digits(&mut self) -> Result<(), Violation> {
        let start = self.at;
        while self.peek().is_ascii_digit() {
            self.at += 1;
        }
        if self.at == start { Err(Violation::InvalidJson) } else { Ok(()) }
    }

    /// Reads a word and returns its end.
    fn literal(self, word: &str) -> Result<usize, Violation> {
        if !self.bytes[self.at..].starts_with(word.as_bytes()) {
            return Err(Violation::InvalidJson);
        }
        Ok(self.at + word.len())
    }

    pub(super) fn end(mut self) -> Result<(), Violation> {
        self.skip_space();
        if self.at == self.bytes.len() { Ok(()) } else { Err(Violation::InvalidJson) }
    }

    /// Steps over whitespace and returns the byte after it.
    #[inline(always)]
    pub(super) fn skip_space(&mut self) -> u8 {
        loop {
            match self.peek() {
                b' ' | b'\t' | b'\n' | b'\r' => self.at += 1,
                byte => return byte,
            }
        }
    }

    /// The next byte that is not whitespace.
    pub(super) fn first(mut self) -> u8 {
        self.skip_space()
    }

    /// The byte at the cursor.
    ///
    /// The end reads as NUL, which no rule of the grammar accepts anywhere.
    #[inline(always)]
    pub(super) fn peek(&self) -> u8 {
        self.bytes.get(self.at).copied().unwrap_or(0)
    }
}

/// The containers around the cursor, innermost in the lowest bit: set for an object.
#[derive(Default)]
pub(super) struct Nesting {
    objects: u128,
    depth: u32,
}

impl Nesting {
    #[inline]
    pub(super) fn push(&mut self, container: Container) -> Result<(), Violation> {
        if self.depth == u128::BITS {
            return Err(Violation::TooDeep);
        }
        self.depth += 1;
        self.objects = (self.objects << 1) | u128::from(matches!(container, Container::Object));
        Ok(())
    }

    #[inline]
    fn pop(&mut self) {
        self.depth -= 1;
        self.objects >>= 1;
    }

    #[inline]
    fn innermost(&self) -> Option<Container> {
        match (self.depth, self.objects & 1) {
            (0, _) => None,
            (_, 0) => Some(Container::Array),
            _ => Some(Container::Object),
        }
    }
}

/// Length of the longest prefix that may stand between quotes as it is.
#[inline]
pub(in crate::socket) fn plain(bytes: &[u8]) -> usize {
    let mut rest = bytes;
    while let Some((chunk, after)) = rest.split_first_chunk() {
        match marks(u64::from_le_bytes(*chunk)) {
            0 => rest = after,
            marks => return bytes.len() - rest.len() + marks.trailing_zeros() as usize / 8,
        }
    }
    // Four to seven bytes are the first four and the last four, which may overlap.
    if let (Some(first), Some(last)) = (rest.first_chunk(), rest.last_chunk()) {
        let [first, last] = [first, last].map(|four| u64::from(u32::from_le_bytes(*four)));
        if marks(first | last << 32) == 0 {
            return bytes.len();
        }
    }
    let marked = rest.iter().position(|&byte| is_mark(byte));
    marked.map_or(bytes.len(), |found| bytes.len() - rest.len() + found)
}

/// Whether a byte ends a plain run: a quote, a backslash or a control character.
pub(super) fn is_mark(byte: u8) -> bool {
    matches!(byte, b'"' | b'\\' | ..0x20)
}

/// Sets the top bit of each byte of `word` that is a mark.
///
/// Exact up to the lowest mark only: subtracting borrows from the bytes above one.
fn marks(word: u64) -> u64 {
    const ONES: u64 = u64::MAX / 0xff;
    let has = |byte: u8| {
        let word = word ^ (ONES * u64::from(byte));
        word.wrapping_sub(ONES) & !word
    };
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    (has(b'"') | has(b'\\') | control) & (ONES << 7)
}
