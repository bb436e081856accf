//! Bodies: counted, or chunked (RFC 9112 §6, §7.1).

use super::token::is_token_byte;
use crate::error::Violation;

/// What is left of a body.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Body {
    /// This many bytes.
    Length(u64),
    /// Chunks, up to the empty one and its trailer.
    Chunked(Chunked),
}

/// Where a chunked body stands, and how many bytes of sizes, extensions and trailers it spent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Chunked {
    state: State,
    overhead: u32,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    Size {
        value: u64,
        digits: u8,
    },
    /// White space behind a size, which only an extension may follow.
    Space {
        value: u64,
    },
    Extension {
        value: u64,
    },
    SizeEnd {
        value: u64,
    },
    Content {
        left: u64,
    },
    ContentCr,
    ContentLf,
    /// The beginning of a line behind the last chunk.
    Line,
    Name,
    Value,
    LineEnd,
    End,
    Done,
}

/// Bytes that are not content, per body. Honest senders write some ten per chunk of kilobytes.
const MAX_OVERHEAD: u32 = 64 * 1024;

impl Body {
    pub(crate) fn chunked() -> Self {
        Self::Chunked(Chunked { state: State::Size { value: 0, digits: 0 }, overhead: 0 })
    }

    pub(crate) fn is_done(&self) -> bool {
        match self {
            Self::Length(left) => *left == 0,
            Self::Chunked(chunked) => chunked.state == State::Done,
        }
    }

    /// Takes what belongs to the body off the front of `input`, shows `each` the content in it, and
    /// returns how many bytes it took.
    pub(crate) fn take(
        &mut self,
        input: &[u8],
        mut each: impl FnMut(&[u8]) -> Result<(), Violation>,
    ) -> Result<usize, Violation> {
        match self {
            Self::Length(left) => {
                let n = run(*left, input);
                *left -= n as u64;
                each(&input[..n])?;
                Ok(n)
            }
            Self::Chunked(chunked) => chunked.take(input, each),
        }
    }
}

impl Chunked {
    fn take(
        &mut self,
        input: &[u8],
        mut each: impl FnMut(&[u8]) -> Result<(), Violation>,
    ) -> Result<usize, Violation> {
        let mut at = 0;
        while at < input.len() && self.state != State::Done {
            if let State::Content { left } = self.state {
                let n = run(left, &input[at..]);
                each(&input[at..at + n])?;
                at += n;
                let left = left - n as u64;
                self.state = if left == 0 { State::ContentCr } else { State::Content { left } };
                continue;
            }
            self.overhead += 1;
            if self.overhead > MAX_OVERHEAD {
                return Err(Violation::InvalidChunk);
            }
            self.state = self.state.after(input[at])?;
            at += 1;
        }
        Ok(at)
    }
}

impl State {
    /// What follows one byte of framing (RFC 9112 §7.1).
    ///
    /// ```text
    /// chunk   = 1*HEXDIG [ *( SP / HTAB ) ";" *text ] CRLF content CRLF
    /// last    = 1*"0" [ *( SP / HTAB ) ";" *text ] CRLF *( 1*tchar ":" *text CRLF ) CRLF
    /// text    = HTAB / SP / any byte that is no control character
    /// ```
    fn after(self, byte: u8) -> Result<Self, Violation> {
        let bad = Err(Violation::InvalidChunk);
        match (self, byte) {
            (Self::Size { value, digits }, _) if byte.is_ascii_hexdigit() => {
                // Fifteen digits cannot overflow; no real chunk needs more.
                let digit = char::from(byte).to_digit(16).unwrap_or(0);
                if digits == 15 {
                    return Err(Violation::BodyTooLarge);
                }
                Ok(Self::Size { value: value << 4 | u64::from(digit), digits: digits + 1 })
            }
            (Self::Size { digits: 0, .. }, _) => bad,
            (Self::Size { value, .. } | Self::Extension { value }, b'\r') => {
                Ok(Self::SizeEnd { value })
            }
            (Self::Size { value, .. } | Self::Space { value }, b' ' | b'\t') => {
                Ok(Self::Space { value })
            }
            (Self::Size { value, .. } | Self::Space { value }, b';') => {
                Ok(Self::Extension { value })
            }
            (Self::Extension { .. } | Self::Value, _) if is_text(byte) => Ok(self),
            (Self::SizeEnd { value: 0 }, b'\n') => Ok(Self::Line),
            (Self::SizeEnd { value }, b'\n') => Ok(Self::Content { left: value }),
            (Self::ContentCr, b'\r') => Ok(Self::ContentLf),
            (Self::ContentLf, b'\n') => Ok(Self::Size { value: 0, digits: 0 }),
            (Self::Line, b'\r') => Ok(Self::End),
            (Self::Line | Self::Name, _) if is_token_byte(byte) => Ok(Self::Name),
            (Self::Name, b':') => Ok(Self::Value),
            (Self::Value, b'\r') => Ok(Self::LineEnd),
            (Self::LineEnd, b'\n') => Ok(Self::Line),
            (Self::End, b'\n') => Ok(Self::Done),
            (
                Self::ContentCr
                | Self::ContentLf
                | Self::End
                | Self::Extension { .. }
                | Self::Line
                | Self::LineEnd
                | Self::Name
                | Self::Size { .. }
                | Self::SizeEnd { .. }
                | Self::Space { .. }
                | Self::Value,
                _,
            ) => bad,
            (Self::Content { .. } | Self::Done, _) => Ok(self),
        }
    }
}

/// Whether a byte may be in the value of a field, or in the extension of a chunk.
fn is_text(byte: u8) -> bool {
    byte == b'\t' || !byte.is_ascii_control()
}

/// How many of the `left` bytes are here.
fn run(left: u64, input: &[u8]) -> usize {
    usize::try_from(left).unwrap_or(usize::MAX).min(input.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, chunk: usize) -> Result<(String, usize), Violation> {
        let mut body = Body::chunked();
        let mut content = Vec::new();
        let mut used = 0;
        for piece in text.as_bytes().chunks(chunk) {
            used += body.take(piece, |bytes| {
                content.extend_from_slice(bytes);
                Ok(())
            })?;
        }
        assert!(body.is_done());
        Ok((String::from_utf8(content).expect("test text"), used))
    }

    #[test]
    fn chunks_are_joined_however_they_arrive() {
        let text = "5\r\nhello\r\n6;a=b\r\n world\r\n0\r\nTrailer: x\r\n\r\nNEXT";
        for chunk in 1..text.len() {
            assert_eq!(read(text, chunk), Ok(("hello world".into(), text.len() - 4)));
        }
    }

    #[test]
    fn malformed_chunks_are_refused() {
        for text in [
            "g\r\n",
            "\r\n",
            "5\nhello",
            "5\r\nhelloX",
            "1\r\nxy",
            "0\r\n\n",
            "+5\r\n",
            "-1\r\n",
            " 5\r\n",
            "3 4\r\n",
            "3 \r\n",
            "3\t;a\x00\r\n",
            "3;a\x7f\r\n",
            "3;a\x0b\r\n",
            "3;a\rb\r\n",
            "3;a\n",
            "0\r\n: a\r\n\r\n",
            "0\r\nname\r\n\r\n",
            "0\r\nname : a\r\n\r\n",
            "0\r\n folded\r\n\r\n",
            "0\r\nname: a\r\n folded\r\n\r\n",
            "0\r\nname: a\x00\r\n\r\n",
            "0\r\nname: a\n\r\n",
            "0\r\nname: a\rb\r\n\r\n",
            "0\r\nna\u{e9}me: a\r\n\r\n",
        ] {
            let mut body = Body::chunked();
            let result = body.take(text.as_bytes(), |_| Ok(()));
            assert_eq!(result, Err(Violation::InvalidChunk), "{text:?}");
        }
    }

    #[test]
    fn extensions_and_trailers_are_overlooked() {
        for text in [
            "1;a\r\nx\r\n0\r\n\r\n",
            "1 \t;a=\"b c\u{e9}\"\r\nx\r\n0\r\n\r\n",
            "01;\r\nx\r\n000;a\r\n\r\n",
            "1\r\nx\r\n0\r\nA: b\r\nc:\r\n\r\n",
        ] {
            assert_eq!(read(text, 1), Ok(("x".into(), text.len())), "{text:?}");
        }
    }

    #[test]
    fn a_chunk_size_beyond_64_bits_is_refused() {
        let result = Body::chunked().take(b"ffffffffffffffffff\r\n", |_| Ok(()));
        assert_eq!(result, Err(Violation::BodyTooLarge));
    }

    #[test]
    fn endless_framing_is_refused() {
        let mut body = Body::chunked();
        let endless = format!("1;{}", "x".repeat(MAX_OVERHEAD as usize));
        assert_eq!(body.take(endless.as_bytes(), |_| Ok(())), Err(Violation::InvalidChunk));
    }
}
