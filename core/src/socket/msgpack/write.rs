//! JSON text written as MessagePack: each number and length in its shortest form, as both official encoders do.

use bytes::Bytes;
use std::ops::Range;

use crate::socket::scan::{self, Container, Object, Watch};

/// Appends what JSON text stands for, with attachments where their placeholders are. What is not JSON
/// becomes nil, which a peer refuses as it refuses such text.
pub(crate) fn put_json(out: &mut Vec<u8>, json: &str, attachments: &[Bytes]) {
    let start = out.len();
    let mut writer = Writer { out, attachments, open: Vec::new() };
    if scan::walk(json, &mut writer).is_err() {
        out.truncate(start);
        out.push(NIL);
    }
}

pub(crate) fn put_map(out: &mut Vec<u8>, count: usize) {
    let (header, used) = header(Container::Object, count);
    out.extend_from_slice(&header[..used]);
}

pub(crate) fn put_array(out: &mut Vec<u8>, count: usize) {
    let (header, used) = header(Container::Array, count);
    out.extend_from_slice(&header[..used]);
}

pub(crate) fn put_bool(out: &mut Vec<u8>, value: bool) {
    out.push(if value { 0xc3 } else { 0xc2 });
}

pub(crate) fn put_nil(out: &mut Vec<u8>) {
    out.push(NIL);
}

pub(crate) fn put_str(out: &mut Vec<u8>, text: &str) {
    match text.len() {
        length @ ..0x20 => out.push(0xa0 | low(length)),
        length @ ..0x100 => out.extend([0xd9, low(length)]),
        length => put_length(out, 0xda, length),
    }
    out.extend_from_slice(text.as_bytes());
}

pub(crate) fn put_uint(out: &mut Vec<u8>, number: u64) {
    let bytes = number.to_be_bytes();
    match number {
        0..=0x7f => out.push(bytes[7]),
        0x80..=0xff => out.extend([0xcc, bytes[7]]),
        0x100..=0xffff => put(out, 0xcd, &bytes[6..]),
        0x1_0000..=0xffff_ffff => put(out, 0xce, &bytes[4..]),
        _ => put(out, 0xcf, &bytes),
    }
}

/// Appends an integer below zero.
fn put_negative(out: &mut Vec<u8>, number: i64) {
    let bytes = number.to_be_bytes();
    match number {
        -0x20.. => out.push(bytes[7]),
        -0x80.. => out.extend([0xd0, bytes[7]]),
        -0x8000.. => put(out, 0xd1, &bytes[6..]),
        -0x8000_0000.. => put(out, 0xd2, &bytes[4..]),
        _ => put(out, 0xd3, &bytes),
    }
}

/// Appends a number of JSON: an integer if it is written as one and fits.
fn put_number(out: &mut Vec<u8>, text: &str) {
    if let Ok(number) = text.parse() {
        put_uint(out, number);
    } else if let Ok(number @ ..0) = text.parse() {
        put_negative(out, number);
    } else {
        put(out, 0xcb, &text.parse().unwrap_or(f64::NAN).to_be_bytes());
    }
}

pub(crate) fn put_bin(out: &mut Vec<u8>, bytes: &[u8]) {
    match bytes.len() {
        length @ ..0x100 => out.extend([0xc4, low(length)]),
        length => put_length(out, 0xc5, length),
    }
    out.extend_from_slice(bytes);
}

/// Appends a length of two bytes behind `mark`, or of four behind the mark after it.
fn put_length(out: &mut Vec<u8>, mark: u8, length: usize) {
    match u16::try_from(length) {
        Ok(length) => put(out, mark, &length.to_be_bytes()),
        // More than 4 GiB never get here: that is more than a message may have.
        Err(_) => put(out, mark + 1, &u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes()),
    }
}

fn put(out: &mut Vec<u8>, mark: u8, bytes: &[u8]) {
    out.push(mark);
    out.extend_from_slice(bytes);
}

fn low(length: usize) -> u8 {
    length.to_be_bytes()[size_of::<usize>() - 1]
}

/// The header of an array or a map, and how many bytes of it are used.
fn header(container: Container, count: usize) -> ([u8; 5], usize) {
    let (fixed, mark) = match container {
        Container::Array => (0x90, 0xdc),
        Container::Object => (0x80, 0xde),
    };
    let [.., a, b, c, d] = count.to_be_bytes();
    match count {
        0..=0xf => ([fixed | d, 0, 0, 0, 0], 1),
        0x10..=0xffff => ([mark, c, d, 0, 0], 3),
        _ => ([mark + 1, a, b, c, d], 5),
    }
}

const NIL: u8 = 0xc0;

/// Writes what a scanner sees.
struct Writer<'o, 'a> {
    out: &'o mut Vec<u8>,
    attachments: &'a [Bytes],
    /// Bounded by the depth of the scanner.
    open: Vec<Open>,
}

/// An array or an object whose end did not come yet.
struct Open {
    container: Container,
    /// Where its header is, for which there is one byte so far.
    start: usize,
    count: usize,
    object: Object,
}

impl Writer<'_, '_> {
    /// Takes note of an element of an array, or of the value of a member.
    fn count(&mut self, value: &str) {
        let attachments = u32::try_from(self.attachments.len()).unwrap_or(u32::MAX);
        let Some(open) = self.open.last_mut() else { return };
        match open.container {
            Container::Array => open.count += 1,
            Container::Object => open.object.assign(value, attachments),
        }
    }

    fn string(&mut self, inside: &str) {
        put_str(self.out, &scan::unescaped(inside));
    }

    fn close(&mut self) {
        let Some(Open { container, start, count, object }) = self.open.pop() else { return };
        let attachment = object.attachment().and_then(|num| self.attachments.get(num as usize));
        if let Some(bytes) = attachment {
            self.out.truncate(start);
            return put_bin(self.out, bytes);
        }
        let (header, used) = header(container, count);
        self.out.splice(start..=start, header.into_iter().take(used));
    }
}

impl Watch for Writer<'_, '_> {
    fn open(&mut self, container: Container) {
        self.count("");
        let start = self.out.len();
        self.out.push(NIL);
        self.open.push(Open { container, start, count: 0, object: Object::default() });
    }

    fn close_array(&mut self) {
        self.close();
    }

    fn close_object(&mut self) -> Result<(), crate::error::Violation> {
        self.close();
        Ok(())
    }

    fn key(&mut self, text: &str, inside: Range<usize>) {
        let inside = &text[inside];
        if let Some(open) = self.open.last_mut() {
            open.count += 1;
            open.object.name(inside);
        }
        self.string(inside);
    }

    fn scalar(&mut self, text: &str, whole: Range<usize>) {
        let value = &text[whole];
        self.count(value);
        match value.as_bytes().first() {
            Some(b'"') => self.string(&value[1..value.len() - 1]),
            Some(b't') => self.out.push(0xc3),
            Some(b'f') => self.out.push(0xc2),
            Some(b'n') | None => self.out.push(NIL),
            Some(_) => put_number(self.out, value),
        }
    }
}
