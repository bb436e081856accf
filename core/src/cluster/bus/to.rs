//! `opts`: targets and flags in the formats of JavaScript.

use std::time::Duration;

use super::value::Value;
use super::write::Out;
use super::{BusLimits, Flags, Invalid, To};

/// What `opts` says.
#[derive(Debug, Default)]
pub(super) struct Opts {
    pub(super) to: To,
    pub(super) flags: Flags,
    pub(super) timeout: Option<Duration>,
}

impl Opts {
    /// Reads it; what is not there is empty.
    pub(super) fn read(value: Option<Value<'_>>, limits: &BusLimits) -> Result<Self, Invalid> {
        let Some(value) = value else { return Ok(Self::default()) };
        let [rooms, except, flags] =
            value.fields(["rooms", "except", "flags"]).map_err(|_| Invalid::Mistyped("opts"))?;
        let names = |value: Option<Value<'_>>, name| match value {
            Some(value) => value.names(name, limits),
            None => Ok(Vec::new()),
        };
        let to = To { rooms: names(rooms, "rooms")?, except: names(except, "except")? };
        let Some(flags) = flags else { return Ok(Self { to, ..Self::default() }) };
        let [volatile, compress, timeout] = flags
            .fields(["volatile", "compress", "timeout"])
            .map_err(|_| Invalid::Mistyped("flags"))?;
        let flags = Flags {
            volatile: volatile.is_some_and(Value::is_true),
            uncompressed: compress.is_some_and(Value::is_false),
        };
        let timeout = timeout.map(|value| value.number("timeout")).transpose()?;
        Ok(Self { to, flags, timeout: timeout.map(Duration::from_millis) })
    }
}

/// Writes `opts` without flags, as the classic adapter has it for whatever is no broadcast.
pub(super) fn put_to(out: &mut Out, to: &To) {
    out.map(2);
    put_rooms(out, to);
}

/// Writes `opts` with flags.
pub(super) fn put_opts(out: &mut Out, to: &To, flags: Flags, timeout: Option<Duration>) {
    out.map(3);
    put_rooms(out, to);
    let count = [flags.volatile, flags.uncompressed, timeout.is_some()];
    out.key("flags").map(count.iter().filter(|is_set| **is_set).count());
    if flags.volatile {
        out.key("volatile").truth(true);
    }
    if flags.uncompressed {
        out.key("compress").truth(false);
    }
    if let Some(timeout) = timeout {
        out.key("timeout").number(millis(timeout));
    }
}

pub(super) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn put_rooms(out: &mut Out, to: &To) {
    out.key("rooms").strs(&to.rooms).key("except").strs(&to.except);
}
