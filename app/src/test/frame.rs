//! WebSocket frames as a client writes and reads them (RFC 6455 §5.2), written apart from the
//! server's codec so that a test does not check it against itself.
//!
//! ```text
//! frame  = op length [ mask ] payload
//! op     = %x81 text / %x82 binary / %x88 close       always the last of its message
//! length = %x00-7D / %x7E 2byte / %x7F 8byte          plus %x80 in front of a mask
//! mask   = 4byte                                      from clients only
//! ```

/// What a frame is: a whole message, because the server splits none.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Op {
    Binary,
    Close,
    Text,
}

/// Appends a masked frame.
pub(super) fn put(out: &mut Vec<u8>, op: Op, payload: &[u8]) {
    const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
    out.push(match op {
        Op::Text => 0x81,
        Op::Binary => 0x82,
        Op::Close => 0x88,
    });
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(len @ 0..=125), _) => out.push(0x80 | len),
        (_, Ok(len)) => {
            out.push(0x80 | 126);
            out.extend(len.to_be_bytes());
        }
        _ => {
            out.push(0x80 | 127);
            out.extend((payload.len() as u64).to_be_bytes());
        }
    }
    out.extend(MASK);
    out.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
}

/// Reads the first frame, if it is complete: its kind, its payload, and the bytes behind it.
///
/// # Panics
/// When no server may send it.
pub(super) fn take(bytes: &[u8]) -> Option<(Op, &[u8], &[u8])> {
    let (&[first, second], rest) = bytes.split_first_chunk()?;
    let (len, rest) = match second {
        0..126 => (usize::from(second), rest),
        126 => {
            let (len, rest) = rest.split_first_chunk()?;
            (usize::from(u16::from_be_bytes(*len)), rest)
        }
        127 => {
            let (len, rest) = rest.split_first_chunk()?;
            (usize::try_from(u64::from_be_bytes(*len)).ok()?, rest)
        }
        128.. => panic!("the server masked a frame"),
    };
    let (payload, rest) = rest.split_at_checked(len)?;
    let op = match first {
        0x81 => Op::Text,
        0x82 => Op::Binary,
        0x88 => Op::Close,
        _ => panic!("the server sent a frame that begins with {first:#x}"),
    };
    Some((op, payload, rest))
}
