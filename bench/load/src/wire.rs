//! Frames prepared once, in which only a number changes.

use crate::Result;
use std::ops::Range;

/// The number of a message: `1`, five digits for the connection, nine for the message.
///
/// It never changes its width and fits a double exactly, so it survives every JSON parser.
#[derive(Clone)]
pub struct Number([u8; WIDTH]);

impl Number {
    pub fn first(connection: usize) -> Self {
        let text = format!("1{connection:05}{:09}", 100_000_000);
        Self(text.into_bytes().try_into().expect("fewer than 100 000 connections"))
    }

    pub fn advance(&mut self) {
        for digit in self.0.iter_mut().rev() {
            if *digit < b'9' {
                *digit += 1;
                return;
            }
            *digit = b'0';
        }
    }
}

/// A message with holes for its number.
#[derive(Clone, Default)]
pub struct Template {
    bytes: Vec<u8>,
    holes: Vec<Hole>,
}

#[derive(Clone)]
struct Hole {
    at: usize,
    /// The first digit that goes here.
    from: usize,
    mask: [u8; WIDTH],
}

impl Template {
    pub fn text(mut self, text: impl AsRef<[u8]>) -> Self {
        self.bytes.extend_from_slice(text.as_ref());
        self
    }

    /// The whole number.
    pub fn number(self) -> Self {
        self.hole(0)
    }

    /// The last nine digits, as an acknowledgement id.
    pub fn id(self) -> Self {
        self.hole(WIDTH - 9)
    }

    fn hole(mut self, from: usize) -> Self {
        self.holes.push(Hole { at: self.bytes.len(), from, mask: [0; WIDTH] });
        self.bytes.resize(self.bytes.len() + WIDTH - from, b'0');
        self
    }

    /// As a frame from a server.
    pub fn framed(self, opcode: u8) -> Self {
        let head = header(opcode, self.bytes.len(), 0);
        self.behind(head)
    }

    /// As a frame from a client.
    pub fn masked(mut self, opcode: u8) -> Self {
        mask(&mut self.bytes);
        for hole in &mut self.holes {
            hole.mask = std::array::from_fn(|i| MASK[(hole.at + i) % 4]);
        }
        let mut head = header(opcode, self.bytes.len(), 0x80);
        head.extend_from_slice(&MASK);
        self.behind(head)
    }

    /// With another template after it.
    pub fn then(mut self, next: &Self) -> Self {
        let behind = next.clone().behind(self.bytes);
        self.holes.extend(behind.holes);
        Self { bytes: behind.bytes, holes: self.holes }
    }

    fn behind(mut self, mut head: Vec<u8>) -> Self {
        for hole in &mut self.holes {
            hole.at += head.len();
        }
        head.extend_from_slice(&self.bytes);
        Self { bytes: head, holes: self.holes }
    }

    /// Appends the message with this number.
    pub fn put(&self, number: &Number, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&self.bytes);
        for hole in &self.holes {
            fill(hole, number, &mut out[start..]);
        }
    }

    /// The message with this number.
    pub fn with(&mut self, number: &Number) -> &[u8] {
        for hole in &self.holes {
            fill(hole, number, &mut self.bytes);
        }
        &self.bytes
    }
}

fn fill(hole: &Hole, number: &Number, bytes: &mut [u8]) {
    let digits = &number.0[hole.from..];
    let target = &mut bytes[hole.at..hole.at + digits.len()];
    for ((byte, digit), mask) in target.iter_mut().zip(digits).zip(hole.mask) {
        *byte = digit ^ mask;
    }
}

/// A frame at the start of `bytes`: opcode, where its payload is, where the next one starts.
pub fn frame(bytes: &[u8]) -> Result<Option<(u8, Range<usize>)>> {
    let [first, second, ..] = *bytes else { return Ok(None) };
    if first & 0x80 == 0 || second & 0x80 != 0 {
        return Err(format!("a fragmented or masked frame: {first:#04x} {second:#04x}"));
    }
    let (start, length) = match (second, bytes.len()) {
        (126, 4..) => (4, u64::from(u16::from_be_bytes([bytes[2], bytes[3]]))),
        (127, 10..) => (10, u64::from_be_bytes(bytes[2..10].try_into().expect("eight bytes"))),
        (126 | 127, _) => return Ok(None),
        (length, _) => (2, u64::from(length)),
    };
    let end = start + usize::try_from(length).map_err(|_| "an endless frame")?;
    Ok((end <= bytes.len()).then_some((first & 0xf, start..end)))
}

/// Appends a masked frame.
pub fn put_masked(opcode: u8, payload: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&Template::default().text(payload).masked(opcode).bytes);
}

fn header(opcode: u8, length: usize, mask: u8) -> Vec<u8> {
    let mut head = vec![0x80 | opcode];
    match length {
        ..126 => head.push(mask | length as u8),
        ..0x1_0000 => {
            head.push(mask | 126);
            head.extend_from_slice(&(length as u16).to_be_bytes());
        }
        _ => {
            head.push(mask | 127);
            head.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    head
}

fn mask(bytes: &mut [u8]) {
    for (byte, mask) in bytes.iter_mut().zip(MASK.into_iter().cycle()) {
        *byte ^= mask;
    }
}

/// Bytes as they are shown in a message about them.
pub fn shown(bytes: &[u8]) -> String {
    let short = &bytes[..bytes.len().min(200)];
    format!("{} bytes \"{}\"", bytes.len(), short.escape_ascii())
}

pub const TEXT: u8 = 1;
pub const BINARY: u8 = 2;
pub const CLOSE: u8 = 8;
pub const PING: u8 = 9;
pub const PONG: u8 = 10;

const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
const WIDTH: usize = 15;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_masked_template_is_the_frame_of_its_number() {
        let parts = |t: Template| t.text("a").number().text("bc").id();
        let mut number = Number::first(7);
        number.advance();
        let mut plain = parts(Template::default());
        let mut expected = Vec::new();
        put_masked(TEXT, plain.with(&number), &mut expected);
        let mut got = Vec::new();
        parts(Template::default()).masked(TEXT).put(&number, &mut got);
        assert_eq!(got, expected);
        assert_eq!(plain.with(&number), b"a100007100000001bc100000001");
    }

    #[test]
    fn a_server_frame_is_found_only_when_complete() {
        for length in [0, 125, 126, 65_535, 65_536] {
            let whole = Template::default().text(vec![b'x'; length]).framed(BINARY).bytes;
            assert_eq!(frame(&whole[..whole.len() - 1]), Ok(None));
            let (opcode, range) = frame(&whole).unwrap().unwrap();
            assert_eq!((opcode, range.len(), range.end), (BINARY, length, whole.len()));
        }
    }
}
