//! MessagePack read as JSON text.
//!
//! A length that a header claims is compared with what is there, and reserves nothing.

use bytes::Bytes;

use super::date;
use crate::error::Violation;
use crate::socket::packet::put_escaped;

/// A cursor over MessagePack.
#[derive(Debug)]
pub(crate) struct Reader<'m> {
    rest: &'m [u8],
}

/// A scalar, or the header of an array or a map.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Token<'m> {
    Array(u32),
    Bin(&'m [u8]),
    Bool(bool),
    /// A time in milliseconds since the beginning of 1970.
    Date(i64),
    Float(f64),
    /// An integer below zero.
    Int(i64),
    Map(u32),
    Nil,
    Str(&'m str),
    Uint(u64),
    /// The `undefined` of JavaScript.
    Undefined,
    /// An extension that has no meaning here.
    Unknown,
}

impl<'m> Reader<'m> {
    pub(crate) fn new(bytes: &'m [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// Reads a scalar, or the header of an array or a map.
    pub(crate) fn token(&mut self) -> Result<Token<'m>, Violation> {
        let [first] = self.array()?;
        Ok(match first {
            0x00..=0x7f => Token::Uint(first.into()),
            0x80..=0x8f => Token::Map(u32::from(first & 0x0f)),
            0x90..=0x9f => Token::Array(u32::from(first & 0x0f)),
            0xa0..=0xbf => self.str(u32::from(first & 0x1f))?,
            0xc0 => Token::Nil,
            // Never used.
            0xc1 => return Err(Violation::InvalidPacket),
            0xc2 | 0xc3 => Token::Bool(first == 0xc3),
            0xc4..=0xc6 => {
                let length = self.length(first - 0xc4)?;
                Token::Bin(self.bytes(length)?)
            }
            0xc7..=0xc9 => {
                let length = self.length(first - 0xc7)?;
                self.extension(length, Form::Sized)?
            }
            0xca => Token::Float(f32::from_be_bytes(self.array()?).into()),
            0xcb => Token::Float(f64::from_be_bytes(self.array()?)),
            0xcc => Token::Uint(u8::from_be_bytes(self.array()?).into()),
            0xcd => Token::Uint(u16::from_be_bytes(self.array()?).into()),
            0xce => Token::Uint(u32::from_be_bytes(self.array()?).into()),
            0xcf => Token::Uint(u64::from_be_bytes(self.array()?)),
            0xd0 => integer(i8::from_be_bytes(self.array()?).into()),
            0xd1 => integer(i16::from_be_bytes(self.array()?).into()),
            0xd2 => integer(i32::from_be_bytes(self.array()?).into()),
            0xd3 => integer(i64::from_be_bytes(self.array()?)),
            0xd4..=0xd8 => self.extension(1 << (first - 0xd4), Form::Fixed)?,
            0xd9..=0xdb => {
                let length = self.length(first - 0xd9)?;
                self.str(length)?
            }
            0xdc | 0xdd => Token::Array(self.length(first - 0xdb)?),
            0xde | 0xdf => Token::Map(self.length(first - 0xdd)?),
            0xe0..=0xff => Token::Int(i64::from(first) - 0x100),
        })
    }

    /// Steps over a value, however deep it is.
    pub(crate) fn skip(&mut self) -> Result<(), Violation> {
        let mut left = 1_u64;
        while left > 0 {
            left -= 1;
            left += match self.token()? {
                Token::Array(count) => count.into(),
                Token::Map(count) => 2 * u64::from(count),
                Token::Bin(_)
                | Token::Bool(_)
                | Token::Date(_)
                | Token::Float(_)
                | Token::Int(_)
                | Token::Nil
                | Token::Str(_)
                | Token::Uint(_)
                | Token::Undefined
                | Token::Unknown => 0,
            };
        }
        Ok(())
    }

    /// Reads a length of one, two or four bytes.
    fn length(&mut self, size: u8) -> Result<u32, Violation> {
        Ok(match size {
            0 => u8::from_be_bytes(self.array()?).into(),
            1 => u16::from_be_bytes(self.array()?).into(),
            _ => u32::from_be_bytes(self.array()?),
        })
    }

    fn str(&mut self, length: u32) -> Result<Token<'m>, Violation> {
        let text = std::str::from_utf8(self.bytes(length)?).map_err(|_| Violation::InvalidUtf8)?;
        Ok(Token::Str(text))
    }

    fn extension(&mut self, length: u32, form: Form) -> Result<Token<'m>, Violation> {
        let kind = i8::from_be_bytes(self.array()?);
        let bytes = self.bytes(length)?;
        Ok(match (kind, form, bytes) {
            (0, Form::Fixed, [_]) => Token::Undefined,
            (0, Form::Fixed, bytes) => match bytes.try_into() {
                Ok(millis) => Token::Date(i64::from_be_bytes(millis)),
                Err(_) => Token::Unknown,
            },
            (0, Form::Sized, bytes) => Token::Bin(bytes),
            (-1, _, bytes) => date::timestamp(bytes).map_or(Token::Unknown, Token::Date),
            _ => Token::Unknown,
        })
    }

    fn bytes(&mut self, length: u32) -> Result<&'m [u8], Violation> {
        let split = usize::try_from(length).ok().and_then(|at| self.rest.split_at_checked(at));
        let (bytes, rest) = split.ok_or(Violation::InvalidPacket)?;
        self.rest = rest;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Violation> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or(Violation::InvalidPacket)?;
        self.rest = rest;
        Ok(*bytes)
    }
}

/// How an extension says its length.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Form {
    Fixed,
    Sized,
}

fn integer(number: i64) -> Token<'static> {
    u64::try_from(number).map_or(Token::Int(number), Token::Uint)
}

/// The JSON text that values become, and their attachments.
#[derive(Debug)]
pub(crate) struct Json<'r, 'm> {
    reader: &'r mut Reader<'m>,
    text: Vec<u8>,
    /// Bounded by `most`.
    attachments: Vec<Bytes>,
    most: u32,
    /// Arrays and maps around the cursor. Bounded by [`DEPTH`].
    depth: u32,
}

/// The arrays and maps that may lie in each other, as in JSON.
const DEPTH: u32 = 128;

impl<'r, 'm> Json<'r, 'm> {
    /// Begins with an empty text, for a value with so many attachments at most.
    pub(crate) fn new(reader: &'r mut Reader<'m>, attachments: u32) -> Self {
        let text = Vec::with_capacity(reader.rest.len());
        Self { reader, text, attachments: Vec::new(), most: attachments, depth: 0 }
    }

    pub(crate) fn token(&mut self) -> Result<Token<'m>, Violation> {
        self.reader.token()
    }

    /// Appends a value of which the first token was read.
    pub(crate) fn put(&mut self, token: Token<'m>) -> Result<(), Violation> {
        match token {
            Token::Array(count) => self.nested(|json| json.elements(count)),
            Token::Map(count) => self.nested(|json| json.members(count)),
            Token::Bin(bytes) => self.attach(bytes),
            Token::Str(text) => {
                self.string(text);
                Ok(())
            }
            Token::Date(millis) => match date::iso(millis) {
                Some(text) => {
                    self.string(&text);
                    Ok(())
                }
                None => self.word("null"),
            },
            Token::Undefined => self.word("null"),
            Token::Bool(_) | Token::Float(_) | Token::Int(_) | Token::Nil | Token::Uint(_) => {
                self.plain(token)
            }
            Token::Unknown => Err(Violation::InvalidPacket),
        }
    }

    /// The text, empty if nothing was put, and the attachments.
    pub(crate) fn finish(self) -> (String, Vec<Bytes>) {
        // Only whole strings and ASCII were put.
        (String::from_utf8(self.text).unwrap_or_default(), self.attachments)
    }

    fn nested(
        &mut self,
        inside: impl FnOnce(&mut Self) -> Result<(), Violation>,
    ) -> Result<(), Violation> {
        if self.depth == DEPTH {
            return Err(Violation::TooDeep);
        }
        self.depth += 1;
        inside(self)?;
        self.depth -= 1;
        Ok(())
    }

    fn elements(&mut self, count: u32) -> Result<(), Violation> {
        self.text.push(b'[');
        for n in 0..count {
            if n > 0 {
                self.text.push(b',');
            }
            let token = self.token()?;
            self.put(token)?;
        }
        self.text.push(b']');
        Ok(())
    }

    /// Members that are undefined are left out, as `JSON.stringify` does.
    fn members(&mut self, count: u32) -> Result<(), Violation> {
        self.text.push(b'{');
        let first = self.text.len();
        for _ in 0..count {
            let before = self.text.len();
            if before > first {
                self.text.push(b',');
            }
            self.key()?;
            self.text.push(b':');
            let token = self.token()?;
            if token == Token::Undefined {
                self.text.truncate(before);
            } else {
                self.put(token)?;
            }
        }
        self.text.push(b'}');
        Ok(())
    }

    fn key(&mut self) -> Result<(), Violation> {
        let token = self.token()?;
        if let Token::Str(text) = token {
            self.string(text);
            return Ok(());
        }
        self.text.push(b'"');
        self.plain(token)?;
        self.text.push(b'"');
        Ok(())
    }

    /// Appends what needs no quotation marks.
    fn plain(&mut self, token: Token<'_>) -> Result<(), Violation> {
        match token {
            Token::Nil => self.word("null"),
            Token::Bool(true) => self.word("true"),
            Token::Bool(false) => self.word("false"),
            Token::Int(number) => self.word(&number.to_string()),
            Token::Uint(number) => self.word(&number.to_string()),
            Token::Float(number) if number.is_finite() => self.word(&format!("{number:?}")),
            Token::Float(_) => self.word("null"),
            Token::Array(_)
            | Token::Bin(_)
            | Token::Date(_)
            | Token::Map(_)
            | Token::Str(_)
            | Token::Undefined
            | Token::Unknown => Err(Violation::InvalidPacket),
        }
    }

    fn word(&mut self, word: &str) -> Result<(), Violation> {
        self.text.extend_from_slice(word.as_bytes());
        Ok(())
    }

    fn string(&mut self, text: &str) {
        self.text.push(b'"');
        put_escaped(&mut self.text, text);
        self.text.push(b'"');
    }

    /// Appends the placeholder of an attachment.
    fn attach(&mut self, bytes: &[u8]) -> Result<(), Violation> {
        let number = u32::try_from(self.attachments.len()).unwrap_or(u32::MAX);
        if number >= self.most {
            return Err(Violation::TooManyAttachments);
        }
        self.attachments.push(Bytes::copy_from_slice(bytes));
        self.word("{\"_placeholder\":true,\"num\":")?;
        self.word(&number.to_string())?;
        self.word("}")
    }
}
