//! A second reader of MessagePack: slow and obvious. It makes a tree first.

use super::Attachments;

/// A packet, as the second reader sees it.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Reading {
    pub(super) kind: u8,
    pub(super) namespace: String,
    pub(super) id: Option<u64>,
    /// The JSON of its data, or nothing.
    pub(super) json: String,
    pub(super) attachments: Attachments,
}

/// A value of MessagePack.
#[derive(Clone, Debug, PartialEq)]
enum Value {
    Array(Vec<Self>),
    Bin(Vec<u8>),
    Bool(bool),
    Ext {
        kind: i8,
        bytes: Vec<u8>,
        fixed: bool,
    },
    Float(f64),
    Int(i128),
    Map(Vec<(Self, Self)>),
    Nil,
    /// Text that was found to be UTF-8.
    Str(String),
}

/// What was not read yet.
struct Rest<'b> {
    bytes: &'b [u8],
    too_deep: bool,
}

/// It is nested deeper than this reader, which is recursive, can read.
#[derive(Debug)]
pub(super) struct TooDeep;

const DEPTH: usize = 400;

/// Reads a packet; `None` when it must be refused.
pub(super) fn packet(bytes: &[u8], most: u32) -> Result<Option<Reading>, TooDeep> {
    let mut rest = Rest { bytes, too_deep: false };
    let reading = read(&mut rest, most);
    if rest.too_deep { Err(TooDeep) } else { Ok(reading) }
}

fn read(rest: &mut Rest<'_>, most: u32) -> Option<Reading> {
    let Value::Map(fields) = value(rest, DEPTH)? else { return None };
    if !rest.bytes.is_empty() || !fields.iter().all(|(key, _)| matches!(key, Value::Str(_))) {
        return None;
    }
    let field = |name: &str| {
        let mut found = fields.iter().filter(|(key, _)| *key == Value::Str(name.into()));
        match (found.next(), found.next()) {
            (first, None) => Some(first.map(|(_, value)| value.clone())),
            (_, Some(_)) => None,
        }
    };
    let Some(Value::Int(kind @ 0..=4)) = field("type")? else { return None };
    let Some(Value::Str(namespace)) = field("nsp")? else { return None };
    let id = match field("id")? {
        Some(Value::Int(id)) => Some(u64::try_from(id).ok()?),
        None => None,
        Some(value) if is_nothing(&value) => None,
        Some(_) => return None,
    };
    let (mut json, mut attachments) = (String::new(), Vec::new());
    if let Some(data) = field("data")?.filter(|data| !is_nothing(data)) {
        put(&data, &mut json, &mut attachments, 0)?;
    }
    let kind = u8::try_from(kind).ok()?;
    let fits = attachments.len() <= most as usize;
    fits.then_some(Reading { kind, namespace, id, json, attachments })
}

fn is_nothing(value: &Value) -> bool {
    *value == Value::Nil || is_undefined(value)
}

fn is_undefined(value: &Value) -> bool {
    matches!(value, Value::Ext { kind: 0, bytes, fixed: true } if bytes.len() == 1)
}

fn value(rest: &mut Rest<'_>, depth: usize) -> Option<Value> {
    rest.too_deep |= depth == 0;
    let depth = depth.checked_sub(1)?;
    let first = number(rest, 1)?;
    let fixed = |mask: u128| usize::try_from(first & mask).ok();
    Some(match first {
        0x00..=0x7f => Value::Int(first.cast_signed()),
        0x80..=0x8f => map(rest, fixed(0x0f)?, depth)?,
        0x90..=0x9f => array(rest, fixed(0x0f)?, depth)?,
        0xa0..=0xbf => str(rest, fixed(0x1f)?)?,
        0xc0 => Value::Nil,
        0xc2 => Value::Bool(false),
        0xc3 => Value::Bool(true),
        0xc4 => bin(rest, 1)?,
        0xc5 => bin(rest, 2)?,
        0xc6 => bin(rest, 4)?,
        0xc7 => sized(rest, 1)?,
        0xc8 => sized(rest, 2)?,
        0xc9 => sized(rest, 4)?,
        0xca => Value::Float(f32::from_bits(u32::try_from(number(rest, 4)?).ok()?).into()),
        0xcb => Value::Float(f64::from_bits(u64::try_from(number(rest, 8)?).ok()?)),
        0xcc => Value::Int(number(rest, 1)?.cast_signed()),
        0xcd => Value::Int(number(rest, 2)?.cast_signed()),
        0xce => Value::Int(number(rest, 4)?.cast_signed()),
        0xcf => Value::Int(number(rest, 8)?.cast_signed()),
        0xd0 => Value::Int(signed(rest, 1)?),
        0xd1 => Value::Int(signed(rest, 2)?),
        0xd2 => Value::Int(signed(rest, 4)?),
        0xd3 => Value::Int(signed(rest, 8)?),
        0xd4..=0xd8 => ext(rest, 1 << (first - 0xd4), true)?,
        0xd9 => length(rest, 1).and_then(|length| str(rest, length))?,
        0xda => length(rest, 2).and_then(|length| str(rest, length))?,
        0xdb => length(rest, 4).and_then(|length| str(rest, length))?,
        0xdc => length(rest, 2).and_then(|length| array(rest, length, depth))?,
        0xdd => length(rest, 4).and_then(|length| array(rest, length, depth))?,
        0xde => length(rest, 2).and_then(|length| map(rest, length, depth))?,
        0xdf => length(rest, 4).and_then(|length| map(rest, length, depth))?,
        0xe0..=0xff => Value::Int(first.cast_signed() - 256),
        _ => return None,
    })
}

fn array(rest: &mut Rest<'_>, length: usize, depth: usize) -> Option<Value> {
    (0..length).map(|_| value(rest, depth)).collect::<Option<_>>().map(Value::Array)
}

fn map(rest: &mut Rest<'_>, length: usize, depth: usize) -> Option<Value> {
    let members = (0..length).map(|_| Some((value(rest, depth)?, value(rest, depth)?)));
    members.collect::<Option<_>>().map(Value::Map)
}

fn str(rest: &mut Rest<'_>, length: usize) -> Option<Value> {
    String::from_utf8(take(rest, length)?).ok().map(Value::Str)
}

fn bin(rest: &mut Rest<'_>, size: usize) -> Option<Value> {
    let length = length(rest, size)?;
    take(rest, length).map(Value::Bin)
}

fn sized(rest: &mut Rest<'_>, size: usize) -> Option<Value> {
    let length = length(rest, size)?;
    ext(rest, length, false)
}

fn ext(rest: &mut Rest<'_>, length: usize, fixed: bool) -> Option<Value> {
    let kind = i8::try_from(signed(rest, 1)?).ok()?;
    Some(Value::Ext { kind, bytes: take(rest, length)?, fixed })
}

fn length(rest: &mut Rest<'_>, size: usize) -> Option<usize> {
    usize::try_from(number(rest, size)?).ok()
}

fn number(rest: &mut Rest<'_>, size: usize) -> Option<u128> {
    Some(take(rest, size)?.into_iter().fold(0, |number, byte| number << 8 | u128::from(byte)))
}

fn signed(rest: &mut Rest<'_>, size: usize) -> Option<i128> {
    let number = number(rest, size)?.cast_signed();
    Some(if number >= 1 << (8 * size - 1) { number - (1 << (8 * size)) } else { number })
}

fn take(rest: &mut Rest<'_>, length: usize) -> Option<Vec<u8>> {
    let (taken, after) = rest.bytes.split_at_checked(length)?;
    rest.bytes = after;
    Some(taken.to_vec())
}

/// Appends the JSON of a value.
fn put(value: &Value, out: &mut String, parts: &mut Attachments, depth: usize) -> Option<()> {
    match value {
        Value::Array(_) | Value::Map(_) if depth == 128 => return None,
        Value::Array(elements) => {
            let mut texts = Vec::new();
            for element in elements {
                let mut text = String::new();
                put(element, &mut text, parts, depth + 1)?;
                texts.push(text);
            }
            *out += &format!("[{}]", texts.join(","));
        }
        Value::Map(members) => {
            let mut texts = Vec::new();
            for (key, value) in members {
                let (key, mut text) = (name(key)?, String::new());
                if !is_undefined(value) {
                    put(value, &mut text, parts, depth + 1)?;
                    texts.push(format!("{key}:{text}"));
                }
            }
            *out += &format!("{{{}}}", texts.join(","));
        }
        Value::Bin(bytes) | Value::Ext { kind: 0, bytes, fixed: false } => {
            *out += &format!("{{\"_placeholder\":true,\"num\":{}}}", parts.len());
            parts.push(bytes.clone().into());
        }
        Value::Ext { .. } if is_undefined(value) => *out += "null",
        Value::Ext { kind, bytes, .. } => {
            let millis = millis(*kind, bytes)?;
            *out += &date(millis).map_or_else(|| "null".into(), |date| format!("\"{date}\""));
        }
        Value::Str(text) => *out += &serde_json::to_string(text).ok()?,
        Value::Bool(_) | Value::Float(_) | Value::Int(_) | Value::Nil => *out += &plain(value)?,
    }
    Some(())
}

/// A key as a JSON string.
fn name(key: &Value) -> Option<String> {
    if let Value::Str(text) = key {
        return serde_json::to_string(text).ok();
    }
    plain(key).map(|text| format!("\"{text}\""))
}

fn plain(value: &Value) -> Option<String> {
    match value {
        Value::Bool(is) => Some(is.to_string()),
        Value::Float(number) if number.is_finite() => Some(format!("{number:?}")),
        Value::Float(_) | Value::Nil => Some("null".into()),
        Value::Int(number) => Some(number.to_string()),
        Value::Array(_) | Value::Bin(_) | Value::Ext { .. } | Value::Map(_) | Value::Str(_) => None,
    }
}

/// The milliseconds of a time.
fn millis(kind: i8, bytes: &[u8]) -> Option<i128> {
    let mut rest = Rest { bytes, too_deep: false };
    let (seconds, nanos) = match (kind, bytes.len()) {
        (0, 8) => return signed(&mut rest, 8),
        (-1, 4) => (number(&mut rest, 4)?.cast_signed(), 0),
        (-1, 8) => {
            let both = number(&mut rest, 8)?.cast_signed();
            (both % (1 << 34), both >> 34)
        }
        (-1, 12) => {
            let nanos = number(&mut rest, 4)?.cast_signed();
            (signed(&mut rest, 8)?, nanos)
        }
        _ => return None,
    };
    let millis = seconds * 1000 + nanos / 1_000_000;
    let fits = [seconds * 1000, millis].into_iter().all(|number| i64::try_from(number).is_ok());
    fits.then_some(millis)
}

/// The text of a time, found year by year and month by month.
fn date(millis: i128) -> Option<String> {
    const DAY: i128 = 86_400_000;
    if millis.abs() > 8_640_000_000_000_000 {
        return None;
    }
    let leap = |year: i128| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let of_year = |year| if leap(year) { 366 } else { 365 };
    let (mut year, mut days) = (1970, millis.div_euclid(DAY));
    while days < 0 {
        year -= 1;
        days += of_year(year);
    }
    while days >= of_year(year) {
        days -= of_year(year);
        year += 1;
    }
    let february = if leap(year) { 29 } else { 28 };
    let mut month = 1;
    for of_month in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < of_month {
            break;
        }
        days -= of_month;
        month += 1;
    }
    let time = millis.rem_euclid(DAY);
    let year = match year {
        0..=9999 => format!("{year:04}"),
        ..0 => format!("-{:06}", -year),
        _ => format!("+{year:06}"),
    };
    Some(format!(
        "{year}-{month:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
        days + 1,
        time / 3_600_000,
        time / 60_000 % 60,
        time / 1000 % 60,
        time % 1000
    ))
}
