//! Offsets: the names of events, by which a client tells how far it came.

use std::fmt;

/// The name of one event.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Offset {
    pub(crate) origin: Origin,
    /// Events of one origin are numbered in the order in which they are sent.
    pub(crate) number: u64,
}

/// Where an event comes from.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct Origin {
    /// A random number.
    pub(crate) process: u32,
    pub(crate) shard: u16,
    pub(crate) reach: Reach,
}

/// Which shards get an event.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) enum Reach {
    /// All shards of the process.
    All,
    /// The shard that sends it.
    Own,
}

impl Offset {
    /// Reads what [`Display`](fmt::Display) wrote.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (origin, rest) = text.split_at_checked(12)?;
        let (reach, number) = rest.split_at_checked(1)?;
        let reach = match reach {
            "." => Reach::All,
            "-" => Reach::Own,
            _ => return None,
        };
        let (process, shard) = origin.split_at_checked(8)?;
        let process = u32::from_str_radix(process, 16).ok()?;
        let shard = u16::from_str_radix(shard, 16).ok()?;
        let number = u64::from_str_radix(number, 16).ok()?;
        Some(Self { origin: Origin { process, shard, reach }, number })
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Origin { process, shard, reach } = self.origin;
        let mark = match reach {
            Reach::All => '.',
            Reach::Own => '-',
        };
        write!(f, "{process:08x}{shard:04x}{mark}{:x}", self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_survives_the_wire() {
        for (reach, text) in [(Reach::All, "0000000a0003.ff"), (Reach::Own, "0000000a0003-ff")] {
            let offset = Offset { origin: Origin { process: 10, shard: 3, reach }, number: 255 };
            assert_eq!(offset.to_string(), text);
            assert_eq!(Offset::parse(text), Some(offset));
        }
        for text in ["", "a", "0000000a0003", "0000000a0003.", "0000000a0003+1", "ééééééé.1"]
        {
            assert_eq!(Offset::parse(text), None, "{text}");
        }
    }
}
