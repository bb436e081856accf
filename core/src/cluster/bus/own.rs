//! Messages that a process wrote itself, told by their first or last bytes: on most brokers, everything that it
//! publishes comes back.

use super::{Codec, Format, Payload, native};

impl Codec {
    /// Whether the process of that name wrote a message, as far as that can be told without reading it: of what
    /// [`encode`](Self::encode) writes with a name, but for signs of life, all.
    #[must_use]
    pub fn is_own(&self, name: &str, payload: &Payload<'_>) -> bool {
        let bytes = match payload {
            Payload::Entry(entry) => return *entry.uid == *name.as_bytes(),
            Payload::Bytes(bytes) => &**bytes,
        };
        match self.format() {
            Format::Native => native::is_by(name, bytes),
            Format::Classic => begins(bytes, name).is_some(),
            Format::Sharded | Format::Streams => ends(bytes, name).is_some(),
            Format::Python => ends_with_host(bytes, name).is_some(),
        }
    }
}

/// `[uid, …` or `{uid, …`.
fn begins(bytes: &[u8], name: &str) -> Option<()> {
    if let Some(rest) = bytes.strip_prefix(b"{\"uid\":\"") {
        return rest.strip_prefix(name.as_bytes())?.starts_with(b"\"").then_some(());
    }
    let short = str_of_msgpack(name)?;
    let array = bytes.strip_prefix(b"\x93");
    let map = || bytes.strip_prefix(b"\x85\xa3uid");
    array.or_else(map)?.strip_prefix(&[short])?.starts_with(name.as_bytes()).then_some(())
}

/// `…, uid, nsp}`.
fn ends(bytes: &[u8], name: &str) -> Option<()> {
    let last = &bytes[bytes.len().saturating_sub(TAIL)..];
    let before = |sign: &[u8]| {
        let at = last.windows(sign.len()).rposition(|window| window == sign)?;
        last[..at].strip_suffix(name.as_bytes())
    };
    if last.ends_with(b"\"}") {
        return before(b"\",\"nsp\":\"")?.ends_with(b"\"uid\":\"").then_some(());
    }
    let short = str_of_msgpack(name)?;
    before(b"\xa3nsp")?.strip_suffix(&[short])?.ends_with(b"\xa3uid").then_some(())
}

/// `…, host_id}`.
fn ends_with_host(bytes: &[u8], name: &str) -> Option<()> {
    let rest = bytes.strip_suffix(b"\"}")?.strip_suffix(name.as_bytes())?;
    rest.ends_with(b"\"host_id\":\"").then_some(())
}

/// The first byte of a short string in MessagePack.
fn str_of_msgpack(text: &str) -> Option<u8> {
    let length = u8::try_from(text.len()).ok().filter(|length| *length < 32)?;
    Some(0xa0 | length)
}

/// Bytes that the end of a message is looked for in: longer names of namespaces are read.
const TAIL: usize = 512;
