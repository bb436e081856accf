//! Offsets: the names of events, by which a client tells how far it came.

use std::fmt;

/// The name of one event. Unique among all shards and processes, so that the text of an application is
/// not taken for one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Offset {
    /// The shard that sent the event; a random number.
    pub(super) origin: u32,
    pub(super) number: u64,
}

impl Offset {
    /// Reads what [`Display`](fmt::Display) wrote.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (origin, number) = text.split_once('.')?;
        let origin = u32::from_str_radix(origin, 16).ok()?;
        let number = u64::from_str_radix(number, 16).ok()?;
        Some(Self { origin, number })
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}.{:x}", self.origin, self.number)
    }
}
