//! Offsets: the names of events, by which a client tells how far it came.

use std::fmt::{self, Write as _};

use crate::rng::Rng;
use crate::socket::{ArgsRef, EventMessage};

/// The name of one event.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Offset {
    pub(crate) origin: Origin,
    /// Events of one origin are numbered in the order in which they are sent.
    pub(crate) number: u128,
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

impl Origin {
    /// The stream of a cluster, of which all processes see the same entries in the same order.
    pub(crate) const STREAM: Self = Self { process: 0, shard: 0, reach: Reach::All };

    /// The other processes of the cluster, as they are heard here.
    pub(crate) fn others(seed: [u8; 32]) -> Self {
        Self { process: process(seed), shard: u16::MAX, reach: Reach::All }
    }
}

/// The random number of the process with that seed.
pub(crate) fn process(seed: [u8; 32]) -> u32 {
    u32::from_ne_bytes(Rng::new(seed, RANDOM).bytes())
}

/// Random numbers of a process are drawn from streams of their own for this, from here on.
pub(crate) const RANDOM: u64 = 1 << 32;

impl Offset {
    /// The name of an entry of the stream.
    pub(crate) fn of_entry(millis: u64, number: u64) -> Self {
        Self { origin: Origin::STREAM, number: u128::from(millis) << 64 | u128::from(number) }
    }

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
        let number = u128::from_str_radix(number, 16).ok()?;
        Some(Self { origin: Origin { process, shard, reach }, number })
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.origin == Origin::STREAM {
            return write!(f, "{}-{}", self.number >> 64, self.number as u64);
        }
        let Origin { process, shard, reach } = self.origin;
        let mark = match reach {
            Reach::All => '.',
            Reach::Own => '-',
        };
        write!(f, "{process:08x}{shard:04x}{mark}{:x}", self.number)
    }
}

/// Writes the array of arguments with one more behind them: the name of the event, which has no characters that need
/// an escape.
pub(crate) fn append(text: &mut String, args: ArgsRef<'_>, name: impl fmt::Display) {
    let json = args.json().trim_ascii_end();
    text.clear();
    text.push_str(json.strip_suffix(']').unwrap_or(json));
    let comma = if args.tail() == "]" { "" } else { "," };
    let _ = write!(text, "{comma}\"{name}\"]");
}

/// Takes what [`append`] added off an event.
pub(crate) fn strip(event: &EventMessage, name: impl fmt::Display) -> Option<EventMessage> {
    let rest = event.json().strip_suffix(&*format!("\"{name}\"]"))?;
    let json = format!("{}]", rest.strip_suffix(',').unwrap_or(rest));
    let args = ArgsRef::from_valid(&json, event.attachments());
    Some(EventMessage::from_args(event.name(), args))
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
