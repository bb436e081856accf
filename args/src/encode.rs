use std::fmt::Display;
use std::io;

use bytes::Bytes;
use serde::ser::{Serialize, Serializer};
use serde_json::ser::Formatter;

/// Appends the JSON array of arguments for `value` to `json` and its binary leaves to
/// `attachments`.
///
/// A placeholder's number is the attachment's position in `attachments`, so a list that is not
/// empty is continued.
///
/// # Errors
///
/// When `value` has no JSON form: a map key that is not a string, number, bool, char or unit
/// variant, or an error of its own `Serialize`. Both buffers are then as they were before.
pub fn encode<T: Serialize + ?Sized>(
    value: &T,
    json: &mut Vec<u8>,
    attachments: &mut Vec<Bytes>,
) -> Result<(), EncodeError> {
    let before = (json.len(), attachments.len());
    let mut array = Array::Closed;
    let mut writer = Json::with_formatter(&mut *json, Detach(&mut *attachments));
    let unit = match size_of_val(value) {
        0 => Unit::Nothing,
        _ => Unit::Null,
    };
    let result = value.serialize(Arguments { json: &mut writer, array: &mut array, unit });
    if let Err(error) = result {
        json.truncate(before.0);
        attachments.truncate(before.1);
        return Err(EncodeError::Value { message: error.to_string() });
    }
    match array {
        Array::Open => json.push(b']'),
        Array::Closed => {}
    }
    Ok(())
}

/// Why a value could not become arguments.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// The value, or one inside it, cannot be written as JSON.
    #[error("arguments cannot be written as JSON: {message}")]
    Value {
        /// What was refused.
        message: String,
    },
}

type Json<'a> = serde_json::Serializer<&'a mut Vec<u8>, Detach<'a>>;

/// Compact JSON in which bytes are moved out to the attachments.
struct Detach<'a>(&'a mut Vec<Bytes>);

impl Formatter for Detach<'_> {
    fn write_byte_array<W: io::Write + ?Sized>(
        &mut self,
        writer: &mut W,
        value: &[u8],
    ) -> io::Result<()> {
        writer.write_all(br#"{"_placeholder":true,"num":"#)?;
        self.write_u64(writer, self.0.len() as u64)?;
        self.0.push(Bytes::copy_from_slice(value));
        writer.write_all(b"}")
    }
}

/// Whether the array around the arguments still lacks its bracket.
enum Array {
    Open,
    Closed,
}

/// What the outermost value means if it serializes as a unit.
enum Unit {
    /// It is `()`.
    Nothing,
    /// It is a type that can be more, such as a JSON value that happens to be null.
    Null,
}

/// The outermost value: decides what is an argument, and leaves the rest to the JSON serializer.
struct Arguments<'s, 'a> {
    json: &'s mut Json<'a>,
    array: &'s mut Array,
    unit: Unit,
}

impl<'s, 'a> Arguments<'s, 'a> {
    /// Starts the array around a value that is the only argument.
    fn only(self) -> Result<&'s mut Json<'a>, serde_json::Error> {
        // A sequence of unknown length writes its bracket at once and the other one in `end`,
        // which a sequence, map or struct inside could not call for us: `encode` closes.
        self.json.serialize_seq(None)?;
        *self.array = Array::Open;
        Ok(self.json)
    }
}

type Seq<'s, 'a> = <&'s mut Json<'a> as Serializer>::SerializeSeq;
type Tuple<'s, 'a> = <&'s mut Json<'a> as Serializer>::SerializeTuple;
type TupleStruct<'s, 'a> = <&'s mut Json<'a> as Serializer>::SerializeTupleStruct;
type TupleVariant<'s, 'a> = <&'s mut Json<'a> as Serializer>::SerializeTupleVariant;
type Map<'s, 'a> = <&'s mut Json<'a> as Serializer>::SerializeMap;
type Struct<'s, 'a> = <&'s mut Json<'a> as Serializer>::SerializeStruct;
type StructVariant<'s, 'a> = <&'s mut Json<'a> as Serializer>::SerializeStructVariant;

macro_rules! only {
    ($($method:ident($($name:ident: $type:ty),*) -> $ok:ty;)*) => {$(
        fn $method(self, $($name: $type),*) -> Result<$ok, Self::Error> {
            self.only()?.$method($($name),*)
        }
    )*};
}

impl<'s, 'a> Serializer for Arguments<'s, 'a> {
    type Ok = ();
    type Error = serde_json::Error;
    type SerializeSeq = Seq<'s, 'a>;
    type SerializeTuple = Tuple<'s, 'a>;
    type SerializeTupleStruct = TupleStruct<'s, 'a>;
    type SerializeTupleVariant = TupleVariant<'s, 'a>;
    type SerializeMap = Map<'s, 'a>;
    type SerializeStruct = Struct<'s, 'a>;
    type SerializeStructVariant = StructVariant<'s, 'a>;

    fn serialize_unit(self) -> Result<(), Self::Error> {
        match self.unit {
            Unit::Nothing => [(); 0].serialize(self.json),
            Unit::Null => self.only()?.serialize_unit(),
        }
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<(), Self::Error> {
        [(); 0].serialize(self.json)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        value: &T,
    ) -> Result<(), Self::Error> {
        value.serialize(self)
    }

    fn serialize_tuple(self, len: usize) -> Result<Tuple<'s, 'a>, Self::Error> {
        self.json.serialize_tuple(len)
    }

    fn serialize_tuple_struct(
        self,
        name: &'static str,
        len: usize,
    ) -> Result<TupleStruct<'s, 'a>, Self::Error> {
        self.json.serialize_tuple_struct(name, len)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Self::Error> {
        self.only()?.serialize_some(value)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Self::Error> {
        self.only()?.serialize_newtype_variant(name, index, variant, value)
    }

    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Result<(), Self::Error> {
        self.only()?.collect_str(value)
    }

    only! {
        serialize_bool(value: bool) -> ();
        serialize_i8(value: i8) -> ();
        serialize_i16(value: i16) -> ();
        serialize_i32(value: i32) -> ();
        serialize_i64(value: i64) -> ();
        serialize_i128(value: i128) -> ();
        serialize_u8(value: u8) -> ();
        serialize_u16(value: u16) -> ();
        serialize_u32(value: u32) -> ();
        serialize_u64(value: u64) -> ();
        serialize_u128(value: u128) -> ();
        serialize_f32(value: f32) -> ();
        serialize_f64(value: f64) -> ();
        serialize_char(value: char) -> ();
        serialize_str(value: &str) -> ();
        serialize_bytes(value: &[u8]) -> ();
        serialize_none() -> ();
        serialize_unit_variant(name: &'static str, index: u32, variant: &'static str) -> ();
        serialize_seq(len: Option<usize>) -> Seq<'s, 'a>;
        serialize_tuple_variant(
            name: &'static str,
            index: u32,
            variant: &'static str,
            len: usize
        ) -> TupleVariant<'s, 'a>;
        serialize_map(len: Option<usize>) -> Map<'s, 'a>;
        serialize_struct(name: &'static str, len: usize) -> Struct<'s, 'a>;
        serialize_struct_variant(
            name: &'static str,
            index: u32,
            variant: &'static str,
            len: usize
        ) -> StructVariant<'s, 'a>;
    }
}
