//! Packets in MessagePack, put together by hand. It shares no code with the core.

/// A packet of that type in the namespace, with further fields whose values are MessagePack.
#[must_use]
pub fn packed(kind: u8, namespace: &str, fields: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = vec![0x82 + small(fields.len(), 13)];
    out.extend([&b"\xa4type"[..], &[kind], b"\xa3nsp", &text(namespace)].concat());
    for (key, value) in fields {
        out.extend(text(key));
        out.extend(*value);
    }
    out
}

/// An event of the main namespace that has so many arguments, which are MessagePack.
#[must_use]
pub fn packed_event(name: &str, count: usize, args: &[u8]) -> Vec<u8> {
    let data = [&[0x91 + small(count, 14)], &*text(name), args].concat();
    packed(2, "/", &[("data", &data)])
}

/// A text of less than 32 bytes.
fn text(text: &str) -> Vec<u8> {
    let mut out = vec![0xa0 | small(text.len(), 31)];
    out.extend(text.as_bytes());
    out
}

fn small(length: usize, most: u8) -> u8 {
    u8::try_from(length).ok().filter(|&length| length <= most).expect("it is short")
}
