//! A second reader of JSON and Socket.IO packets: slow, obvious, and built on another parser.

use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::BTreeSet;

/// A packet, as the second reader sees it.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Reading<'a> {
    pub(super) kind: Kind,
    pub(super) attachments: usize,
    pub(super) namespace: &'a str,
    pub(super) id: Option<u64>,
    /// The JSON behind the header.
    pub(super) json: &'a str,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Connect,
    Disconnect,
    Event,
    Ack,
}

/// Reads a packet that a client may send; `None` when it must be refused.
///
/// Placeholders are left to [`placeholders`].
pub(super) fn packet(text: &str, max_attachments: u64) -> Option<Reading<'_>> {
    let (kind, binary) = match text.get(..1)? {
        "0" => (Kind::Connect, false),
        "1" => (Kind::Disconnect, false),
        "2" => (Kind::Event, false),
        "3" => (Kind::Ack, false),
        "5" => (Kind::Event, true),
        "6" => (Kind::Ack, true),
        _ => return None,
    };
    let mut rest = &text[1..];
    let mut attachments = 0;
    if binary {
        let (count, after) = rest.split_once('-')?;
        attachments = number(count).filter(|count| (1..=max_attachments).contains(count))?;
        rest = after;
    }
    let mut namespace = "/";
    if rest.starts_with('/') {
        (namespace, rest) = rest.split_once(',').unwrap_or((rest, ""));
    }
    let mut id = None;
    if matches!(kind, Kind::Event | Kind::Ack) {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        if digits > 0 {
            id = Some(number(&rest[..digits]).filter(|&id| id < 1 << 53)?);
            rest = &rest[digits..];
        }
    }
    let accepted = match kind {
        Kind::Connect => rest.is_empty() || (is_json(rest) && first(rest) == Some(b'{')),
        Kind::Disconnect => rest.is_empty(),
        Kind::Ack => id.is_some() && is_array(rest),
        Kind::Event => is_array(rest) && name(rest).is_some(),
    };
    let attachments = usize::try_from(attachments).ok()?;
    accepted.then_some(Reading { kind, attachments, namespace, id, json: rest })
}

/// Whether all placeholders name one of that many attachments, each another one; `None` when the other parser cannot
/// hold the value.
pub(super) fn placeholders(json: &str, attachments: usize) -> Option<bool> {
    fn sound(value: &Value, attachments: usize, seen: &mut BTreeSet<u64>) -> bool {
        match value {
            Value::Array(elements) => elements.iter().all(|value| sound(value, attachments, seen)),
            Value::Object(members) => {
                let num = members.get("num").and_then(Value::as_u64);
                let placeholder = members.get("_placeholder") == Some(&Value::Bool(true));
                let mut names = |num| num < attachments as u64 && seen.insert(num);
                (!placeholder || num.is_some_and(&mut names))
                    && members.values().all(|value| sound(value, attachments, seen))
            }
            Value::Bool(_) | Value::Null | Value::Number(_) | Value::String(_) => true,
        }
    }
    let value: Value = serde_json::from_str(json).ok()?;
    // Of equal keys the other parser keeps the last, and forgets what the others held.
    let count = |json: &str| json.matches("_placeholder").count();
    if count(&value.to_string()) != count(json) {
        return None;
    }
    Some(attachments == 0 || sound(&value, attachments, &mut BTreeSet::new()))
}

/// Whether the text is one JSON value, not nested deeper than 128.
pub(super) fn is_json(text: &str) -> bool {
    serde_json::from_str::<&RawValue>(text).is_ok() && depth(text) <= 128
}

/// Whether the text is a JSON array, not nested deeper than 128.
pub(super) fn is_array(text: &str) -> bool {
    is_json(text) && first(text) == Some(b'[')
}

/// The texts of the elements of an array.
pub(super) fn elements(array: &str) -> Vec<&str> {
    let elements: Vec<&RawValue> = serde_json::from_str(array).expect("an array");
    elements.into_iter().map(RawValue::get).collect()
}

/// The name an event's array begins with, unless it is reserved; half surrogates become U+FFFD.
pub(super) fn name(array: &str) -> Option<String> {
    const RESERVED: [&str; 6] = [
        "connect",
        "connect_error",
        "disconnect",
        "disconnecting",
        "newListener",
        "removeListener",
    ];
    let first = *elements(array).first()?;
    let name = match first.as_bytes().first()? {
        b'"' => string(first),
        b'-' | b'0'..=b'9' => first.to_owned(),
        _ => return None,
    };
    (!RESERVED.contains(&&*name)).then_some(name)
}

/// What a valid JSON string stands for.
fn string(quoted: &str) -> String {
    let mut chars = quoted[1..quoted.len() - 1].chars();
    let mut units = Vec::new();
    while let Some(char) = chars.next() {
        let mut escaped = || chars.next().expect("an escape is complete");
        let char = match char {
            '\\' => match escaped() {
                'b' => '\u{8}',
                'f' => '\u{c}',
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                'u' => {
                    let digits: String = (0..4).map(|_| escaped()).collect();
                    units.push(u16::from_str_radix(&digits, 16).expect("four digits"));
                    continue;
                }
                char => char,
            },
            char => char,
        };
        units.extend_from_slice(char.encode_utf16(&mut [0; 2]));
    }
    String::from_utf16_lossy(&units)
}

fn number(digits: &str) -> Option<u64> {
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| digits.parse().ok())?
}

fn first(json: &str) -> Option<u8> {
    json.bytes().find(|byte| !b" \t\r\n".contains(byte))
}

/// How many containers of valid JSON are inside each other at most.
fn depth(json: &str) -> usize {
    let (mut depth, mut deepest, mut quoted, mut escaped) = (0_usize, 0, false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => quoted = !quoted,
            b'[' | b'{' if !quoted => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !quoted => depth -= 1,
            _ => {}
        }
    }
    deepest
}
