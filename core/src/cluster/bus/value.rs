//! Values of JSON or MessagePack, read with the limits of a bus.
//!
//! MessagePack becomes JSON with attachments first, as it does for clients, so that each format is read once.

use bytes::Bytes;
use std::borrow::Cow;

use super::{BusLimits, Invalid};
use crate::socket::msgpack::read::{Json, Reader};
use crate::socket::msgpack::write;
use crate::socket::{Args, EventMessage, scan};

/// A whole message.
#[derive(Debug)]
pub(super) struct Tree<'t> {
    text: Cow<'t, str>,
    attachments: Vec<Bytes>,
}

impl<'t> Tree<'t> {
    /// Reads JSON, or MessagePack: no map or array of that begins as JSON does.
    pub(super) fn of(bytes: &'t [u8], limits: &BusLimits) -> Result<Self, Invalid> {
        match bytes.first() {
            Some(b'{' | b'[') => Self::json(bytes),
            Some(_) => Self::msgpack(bytes, limits),
            None => Err(Invalid::Malformed),
        }
    }

    pub(super) fn json(bytes: &'t [u8]) -> Result<Self, Invalid> {
        let text = std::str::from_utf8(bytes).map_err(|_| Invalid::Malformed)?;
        scan::value(text, 0)?;
        Ok(Self { text: Cow::Borrowed(text), attachments: Vec::new() })
    }

    pub(super) fn msgpack(bytes: &[u8], limits: &BusLimits) -> Result<Self, Invalid> {
        let (text, attachments) = unpacked(bytes, limits.all_attachments)?;
        let count = u32::try_from(attachments.len()).unwrap_or(u32::MAX);
        scan::value(&text, count)?;
        Ok(Self { text: Cow::Owned(text), attachments })
    }

    pub(super) fn root(&self) -> Value<'_> {
        Value { text: self.text.trim_ascii(), attachments: &self.attachments }
    }
}

/// A value, with the attachments of the message around it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Value<'t> {
    text: &'t str,
    attachments: &'t [Bytes],
}

impl<'t> Value<'t> {
    /// A value that was checked.
    pub(super) fn new(text: &'t str, attachments: &'t [Bytes]) -> Self {
        Self { text, attachments }
    }

    pub(super) fn text(self) -> &'t str {
        self.text
    }

    /// The members of an object with these names. One that is null is as good as not there.
    pub(super) fn fields<const N: usize>(
        self,
        names: [&str; N],
    ) -> Result<[Option<Self>; N], Invalid> {
        let mut found = [None; N];
        scan::entries(self.text, |key, text| {
            if let Some(at) = names.iter().position(|name| *name == key) {
                found[at] = (text != "null").then_some(Self { text, ..self });
            }
        })
        .ok_or(Invalid::Malformed)?;
        Ok(found)
    }

    /// The first elements of an array.
    pub(super) fn items<const N: usize>(self) -> Option<[Option<Self>; N]> {
        let (mut items, mut at) = ([None; N], 0);
        scan::elements(self.text, |text| {
            if let Some(item) = items.get_mut(at) {
                *item = Some(Self { text, ..self });
            }
            at += 1;
        })?;
        Some(items)
    }

    /// All elements of an array of so many at most.
    pub(super) fn list(self, name: &'static str, most: usize) -> Result<Vec<Self>, Invalid> {
        let (mut list, mut count) = (Vec::new(), 0_usize);
        scan::elements(self.text, |text| {
            count += 1;
            if count <= most {
                list.push(Self { text, ..self });
            }
        })
        .ok_or(Invalid::Mistyped(name))?;
        if count > most { Err(Invalid::TooMany(name)) } else { Ok(list) }
    }

    pub(super) fn is_null(self) -> bool {
        self.text == "null"
    }

    pub(super) fn is_array(self) -> bool {
        self.text.starts_with('[')
    }

    pub(super) fn is_string(self) -> bool {
        self.text.starts_with('"')
    }

    pub(super) fn is_true(self) -> bool {
        self.text == "true"
    }

    pub(super) fn is_false(self) -> bool {
        self.text == "false"
    }

    /// A string.
    pub(super) fn string(self, name: &'static str) -> Result<Box<str>, Invalid> {
        scan::string(self.text).map(Box::from).ok_or(Invalid::Mistyped(name))
    }

    /// The name of a room, or an id: a string, or a number as it is written.
    pub(super) fn name(self, name: &'static str) -> Result<Box<str>, Invalid> {
        match self.text.as_bytes().first() {
            // JavaScript does not tell `2` from `2.0`, of which it makes the same name.
            Some(b'-' | b'0'..=b'9') => {
                Ok(self.text.strip_suffix(".0").unwrap_or(self.text).into())
            }
            Some(_) | None => self.string(name),
        }
    }

    pub(super) fn names(
        self,
        name: &'static str,
        limits: &BusLimits,
    ) -> Result<Vec<Box<str>>, Invalid> {
        let list = self.list(name, limits.names)?;
        list.into_iter().map(|item| item.name(name)).collect()
    }

    /// A whole number that is not negative. JavaScript does not tell `2` from `2.0`.
    pub(super) fn number(self, name: &'static str) -> Result<u64, Invalid> {
        let whole = self.text.split_once('.').map_or(self.text, |(whole, fraction)| {
            if fraction.bytes().all(|digit| digit == b'0') { whole } else { self.text }
        });
        whole.parse().map_err(|_| Invalid::Mistyped(name))
    }

    /// The text of an object.
    pub(super) fn object(self, name: &'static str) -> Result<Box<str>, Invalid> {
        if !self.text.starts_with('{') {
            return Err(Invalid::Mistyped(name));
        }
        let (text, attachments) = self.own();
        if attachments.is_empty() { Ok(text.into()) } else { Err(Invalid::Mistyped(name)) }
    }

    /// An array, as arguments.
    pub(super) fn args(self, name: &'static str, limits: &BusLimits) -> Result<Args, Invalid> {
        if !self.is_array() {
            return Err(Invalid::Mistyped(name));
        }
        let (text, attachments) = self.bounded(limits)?;
        Ok(Args::new(text, attachments))
    }

    /// One value of any kind, as arguments.
    pub(super) fn one(self, limits: &BusLimits) -> Result<Args, Invalid> {
        let (text, attachments) = self.bounded(limits)?;
        Ok(Args::new(format!("[{text}]"), attachments))
    }

    /// An array that begins with the name of an event.
    pub(super) fn event(self, limits: &BusLimits) -> Result<EventMessage, Invalid> {
        let (text, attachments) = self.bounded(limits)?;
        let count = u32::try_from(attachments.len()).unwrap_or(u32::MAX);
        let scan::Elements { name, rest } = scan::event(&text, count)?;
        let mut event = EventMessage::new(&name, rest);
        event.attach(attachments);
        Ok(event)
    }

    fn bounded(self, limits: &BusLimits) -> Result<(String, Vec<Bytes>), Invalid> {
        let own = self.own();
        let is_bounded = own.1.len() <= limits.attachments as usize;
        if is_bounded { Ok(own) } else { Err(Invalid::TooMany("attachments")) }
    }

    /// The text with the attachments that it names, numbered from 0.
    pub(super) fn own(self) -> (String, Vec<Bytes>) {
        if self.attachments.is_empty() {
            return (self.text.to_owned(), Vec::new());
        }
        let mut packed = Vec::with_capacity(self.text.len());
        write::put_json(&mut packed, self.text, self.attachments);
        // What was just written can be read.
        unpacked(&packed, u32::MAX).unwrap_or_else(|_| ("null".to_owned(), Vec::new()))
    }
}

/// A value of MessagePack as JSON and attachments.
fn unpacked(bytes: &[u8], attachments: u32) -> Result<(String, Vec<Bytes>), Invalid> {
    let mut reader = Reader::new(bytes);
    let mut json = Json::new(&mut reader, attachments);
    let token = json.token()?;
    json.put(token)?;
    let value = json.finish();
    if reader.is_at_end() { Ok(value) } else { Err(Invalid::Malformed) }
}

/// No arguments.
pub(in crate::cluster) fn none() -> Args {
    Args::new("[]", Vec::new())
}
