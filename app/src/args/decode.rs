use std::fmt::Display;
use std::marker::PhantomData;

use bytes::Bytes;
use sansocket::Args;
use serde::de::value::Error as Refusal;
use serde::de::{
    Deserialize, DeserializeOwned, DeserializeSeed, Deserializer, Error, IgnoredAny, SeqAccess,
    Visitor,
};
use serde::forward_to_deserialize_any;

use super::attached::Attached;
use super::mend::mend;
use crate::log::shortened;

/// Reads the whole argument list as `T`.
///
/// `()` accepts any list; a tuple, tuple struct or array takes one argument per element; a newtype
/// struct reads as the type inside; anything else takes the first argument. More arguments than
/// asked for are ignored, and an `Option` is `None` where its argument is missing.
///
/// # Errors
///
/// When an argument does not fit its type, or is missing.
pub fn decode<'a, T: Deserialize<'a>>(
    json: &'a str,
    attachments: &'a [Bytes],
) -> Result<T, DecodeError> {
    Decoder::new(json, attachments).rest()
}

/// Reads the whole argument list as a type that borrows nothing, if need be from a mended copy.
pub(crate) fn decode_owned<T: DeserializeOwned>(
    json: &str,
    attachments: &[Bytes],
) -> Result<T, DecodeError> {
    decode(json, attachments).or_else(|error| mended(json, error, |json| decode(json, attachments)))
}

/// Reads one JSON value without attachments, if need be from a mended copy.
pub(crate) fn parse_owned<T: DeserializeOwned>(json: &str) -> Result<T, serde_json::Error> {
    serde_json::from_str(json)
        .or_else(|error| mended(json, error, |json| serde_json::from_str(json)))
}

/// Reads a mended copy, when there is something to mend. What is wrong is told of the text as it came.
#[cold]
fn mended<T, E>(json: &str, error: E, read: impl FnOnce(&str) -> Result<T, E>) -> Result<T, E> {
    mend(json).and_then(|json| read(&json).ok()).ok_or(error)
}

/// Reads an object that may be missing. Without it an `Option` is `None`, and any other type reads an
/// empty object.
pub(crate) fn parse_object<T: DeserializeOwned>(json: Option<&str>) -> Result<T, DecodeError> {
    let absent = match json {
        Some(_) => None,
        None => absent(),
    };
    let read = || parse_owned(json.unwrap_or("{}"));
    absent.map_or_else(read, Ok).map_err(|error| DecodeError::argument(0, &error))
}

/// Reads arguments one after another.
#[derive(Clone, Debug)]
pub struct Decoder<'a> {
    /// Empty, or begins with the argument `index`.
    text: &'a str,
    attachments: &'a [Bytes],
    index: usize,
}

impl<'a> Decoder<'a> {
    /// Starts before the first argument of `json`, which is a JSON array; any other text has no
    /// arguments.
    #[must_use]
    pub fn new(json: &'a str, attachments: &'a [Bytes]) -> Self {
        let first = skip_space(json).strip_prefix('[').map_or("", skip_space);
        let text = if first.starts_with(']') { "" } else { first };
        Self { text, attachments, index: 0 }
    }

    /// Reads the next argument; `None` when there is none left.
    ///
    /// # Errors
    ///
    /// When the argument does not fit `T`. It stays unread, and can be tried as another type.
    pub fn read<T: Deserialize<'a>>(&mut self) -> Result<Option<T>, DecodeError> {
        if self.is_empty() { Ok(None) } else { self.parse(PhantomData).map(Some) }
    }

    /// Reads the next argument, or decodes its absence: as `None` if `T` is an `Option`.
    ///
    /// # Errors
    ///
    /// When the argument does not fit `T` (it stays unread), or `T` needs one and none is left.
    pub fn read_or_missing<T: Deserialize<'a>>(&mut self) -> Result<T, DecodeError> {
        if self.is_empty() {
            return T::deserialize(Absent).map_err(|_| self.missing());
        }
        self.parse(PhantomData)
    }

    /// Reads the next argument, or decodes its absence, as a type that borrows nothing: if need be from
    /// a mended copy.
    #[inline]
    pub(crate) fn take<T: DeserializeOwned>(&mut self) -> Result<T, DecodeError> {
        self.read_or_missing().or_else(|error| self.take_mended(error))
    }

    #[cold]
    fn take_mended<T: DeserializeOwned>(&mut self, error: DecodeError) -> Result<T, DecodeError> {
        let mut next = self.clone();
        let Ok(Some(IgnoredAny)) = next.read() else { return Err(error) };
        // Of this argument alone, so that many are mended once each.
        let argument = &self.text[..self.text.len() - next.text.len()];
        let (attachments, index) = (self.attachments, self.index);
        let value =
            mended(argument, error, |text| Decoder { text, attachments, index }.read_or_missing())?;
        *self = next;
        Ok(value)
    }

    /// Reads all arguments not read yet, each as `T`: if need be from a mended copy of them.
    pub(crate) fn take_each<T: DeserializeOwned>(&mut self) -> Result<Vec<T>, DecodeError> {
        let (attachments, index) = (self.attachments, self.index);
        let text = std::mem::take(&mut self.text);
        let read = |text: &str| {
            let mut decoder = Decoder { text, attachments, index };
            let mut each = Vec::new();
            while let Some(argument) = decoder.read()? {
                each.push(argument);
            }
            Ok(each)
        };
        read(text).or_else(|error| mended(text, error, read))
    }

    /// Reads all arguments not read yet as `T`, by the rules of [`decode`].
    ///
    /// # Errors
    ///
    /// When an argument does not fit its type, or is missing.
    pub fn rest<T: Deserialize<'a>>(mut self) -> Result<T, DecodeError> {
        let first = self.index;
        T::deserialize(Arguments(&mut self)).map_err(|error| match error {
            // The type refused this argument alone.
            DecodeError::Arguments { message } if self.index == first + 1 => {
                DecodeError::Argument { index: first, message }
            }
            DecodeError::Argument { .. }
            | DecodeError::Arguments { .. }
            | DecodeError::Missing { .. } => error,
        })
    }

    /// Takes all arguments not read yet without looking into them. Their placeholders keep their
    /// numbers, so all attachments go along.
    pub(crate) fn take_rest(&mut self) -> Result<Args, DecodeError> {
        let rest = std::mem::take(&mut self.text);
        let json = if rest.is_empty() { "[]".to_owned() } else { ["[", rest].concat() };
        let args = Args::from_json(&json, self.attachments.to_vec());
        args.map_err(DecodeError::custom)
    }

    /// Whether every argument has been read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    fn parse<S: DeserializeSeed<'a>>(&mut self, seed: S) -> Result<S::Value, DecodeError> {
        let mut json = Json::from_str(self.text);
        let value = if self.attachments.is_empty() {
            seed.deserialize(&mut json)
        } else {
            seed.deserialize(Attached { inner: &mut json, attachments: self.attachments })
        };
        self.advance(json, value)
    }

    /// Steps over the argument that `json` has read.
    fn advance<T>(
        &mut self,
        json: Json<'a>,
        value: Result<T, serde_json::Error>,
    ) -> Result<T, DecodeError> {
        let value = value.map_err(|error| DecodeError::argument(self.index, &error))?;
        let end = json.into_iter::<IgnoredAny>().byte_offset();
        let after = self.text.get(end..).map_or("", skip_space);
        self.text = match after.as_bytes() {
            [b',', ..] => &after[1..],
            [b']', ..] => "",
            // Integers of 128 bits are read up to a fraction or an exponent.
            [..] => return Err(DecodeError::unread(self.index)),
        };
        self.index += 1;
        Ok(value)
    }

    fn missing(&self) -> DecodeError {
        DecodeError::Missing { index: self.index }
    }
}

/// Why arguments could not become a value. Messages quote what the client sent, and are cut when they
/// get long.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// An argument does not fit the type asked for.
    #[error("argument {index} does not fit: {message}")]
    Argument {
        /// Position of the argument, from 0.
        index: usize,
        /// The value found and the type expected: a long text from the client is cut.
        message: String,
    },
    /// Every argument fits, but not all of them together.
    #[error("arguments do not fit: {message}")]
    Arguments {
        /// What the type asked for refused.
        message: String,
    },
    /// An argument that is not optional was not sent.
    #[error("argument {index} is missing: the type asked for needs at least {}", index + 1)]
    Missing {
        /// Position of the argument, from 0.
        index: usize,
    },
}

impl DecodeError {
    pub(crate) fn argument(index: usize, error: &serde_json::Error) -> Self {
        let mut message = error.to_string();
        // The position is one inside the argument, which the reader of the message does not see.
        let position = format!(" at line {} column {}", error.line(), error.column());
        if message.ends_with(&position) {
            message.truncate(message.len() - position.len());
        }
        Self::Argument { index, message: shortened(message) }
    }

    #[cold]
    fn unread(index: usize) -> Self {
        Self::Argument { index, message: "floating point number, expected an integer".into() }
    }
}

impl Error for DecodeError {
    fn custom<T: Display>(message: T) -> Self {
        Self::Arguments { message: shortened(message.to_string()) }
    }
}

type Json<'a> = serde_json::Deserializer<serde_json::de::StrRead<'a>>;

/// The outermost value: decides which arguments it takes.
struct Arguments<'d, 'a>(&'d mut Decoder<'a>);

/// Reads the next argument of a decoder by a method of `Deserializer`.
macro_rules! ask {
    ($decoder:ident.$method:ident($($value:expr),*)) => {{
        let mut json = Json::from_str($decoder.text);
        let value = if $decoder.attachments.is_empty() {
            json.$method($($value),*)
        } else {
            let attached = Attached { inner: &mut json, attachments: $decoder.attachments };
            attached.$method($($value),*)
        };
        $decoder.advance(json, value)
    }};
}

/// Takes the first argument.
macro_rules! first {
    ($($method:ident($($name:ident: $type:ty),*);)*) => {$(
        fn $method<V: Visitor<'de>>(
            self,
            $($name: $type,)*
            visitor: V,
        ) -> Result<V::Value, DecodeError> {
            let decoder = self.0;
            if decoder.is_empty() {
                return Err(decoder.missing());
            }
            ask!(decoder.$method($($name,)* visitor))
        }
    )*};
}

impl<'de> Deserializer<'de> for Arguments<'_, 'de> {
    type Error = DecodeError;

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        visitor.visit_unit()
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        let decoder = self.0;
        // No Rust type has such a name: it asks the format for something, here for raw JSON.
        if name.starts_with('$') {
            if decoder.is_empty() {
                return Err(decoder.missing());
            }
            return ask!(decoder.deserialize_newtype_struct(name, visitor));
        }
        visitor.visit_newtype_struct(Arguments(decoder))
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        _len: usize,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        let mut elements = Elements { decoder: self.0, missing: None };
        match (visitor.visit_seq(&mut elements), elements.missing) {
            (Err(DecodeError::Arguments { .. }), Some(index)) => {
                Err(DecodeError::Missing { index })
            }
            (value, _) => value,
        }
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.deserialize_tuple(len, visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        let decoder = self.0;
        if decoder.is_empty() {
            visitor.visit_none()
        } else {
            ask!(decoder.deserialize_option(visitor))
        }
    }

    first! {
        deserialize_any();
        deserialize_bool();
        deserialize_i8();
        deserialize_i16();
        deserialize_i32();
        deserialize_i64();
        deserialize_i128();
        deserialize_u8();
        deserialize_u16();
        deserialize_u32();
        deserialize_u64();
        deserialize_u128();
        deserialize_f32();
        deserialize_f64();
        deserialize_char();
        deserialize_str();
        deserialize_string();
        deserialize_bytes();
        deserialize_byte_buf();
        deserialize_seq();
        deserialize_map();
        deserialize_struct(name: &'static str, fields: &'static [&'static str]);
        deserialize_enum(name: &'static str, variants: &'static [&'static str]);
        deserialize_identifier();
    }
}

/// The arguments as the elements of a tuple.
struct Elements<'d, 'a> {
    decoder: &'d mut Decoder<'a>,
    /// The first argument asked for that is neither there nor optional.
    missing: Option<usize>,
}

impl<'de> SeqAccess<'de> for &mut Elements<'_, 'de> {
    type Error = DecodeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, DecodeError> {
        if !self.decoder.is_empty() {
            return self.decoder.parse(seed).map(Some);
        }
        let index = self.decoder.index;
        self.decoder.index += 1;
        // The visitor may know a default; only when it does not, the argument was needed.
        let absent = seed.deserialize(Absent).ok();
        if absent.is_none() {
            self.missing.get_or_insert(index);
        }
        Ok(absent)
    }
}

/// What a type makes of an argument that was not sent; nothing when it needs one.
pub(crate) fn absent<T: DeserializeOwned>() -> Option<T> {
    T::deserialize(Absent).ok()
}

/// An argument that was not sent: `None`, or nothing.
struct Absent;

impl<'de> Deserializer<'de> for Absent {
    type Error = Refusal;

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        visitor.visit_none()
    }

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Refusal> {
        Err(Refusal::custom("missing"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

/// `text` without JSON's white space in front.
fn skip_space(text: &str) -> &str {
    text.trim_start_matches([' ', '\n', '\r', '\t'])
}
