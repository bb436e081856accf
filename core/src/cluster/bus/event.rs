//! `packet`: events in the formats of JavaScript.

use super::value::Value;
use super::write::Out;
use super::{BusLimits, Invalid};
use crate::socket::{Args, EventMessage};

/// Reads the event of a packet, and the namespace that it may name.
pub(super) fn read<'t>(
    packet: Value<'t>,
    limits: &BusLimits,
) -> Result<(EventMessage, Option<Value<'t>>), Invalid> {
    let [kind, data, namespace] =
        packet.fields(["type", "data", "nsp"]).map_err(|_| Invalid::Mistyped("packet"))?;
    // 5 is an event with attachments, which are where they belong already.
    match kind.ok_or(Invalid::Missing("type"))?.number("type")? {
        2 | 5 => {}
        _ => return Err(Invalid::UnknownKind),
    }
    let event = data.ok_or(Invalid::Missing("data"))?.event(limits)?;
    Ok((event, namespace))
}

/// Writes a packet; adapters of one kind name the namespace in it, others beside it.
pub(super) fn put(out: &mut Out, event: &EventMessage, namespace: Option<&str>) {
    out.map(2 + usize::from(namespace.is_some())).key("type").number(2).key("data").event(event);
    if let Some(namespace) = namespace {
        out.key("nsp").str(namespace);
    }
}

/// The first argument and its attachments.
pub(super) fn first(args: &Args) -> Option<Args> {
    let [first] = Value::new(args.json(), args.attachments()).items()?;
    let (text, attachments) = first?.own();
    Some(Args::new(format!("[{text}]"), attachments))
}

/// Writes the value that is the one argument.
pub(super) fn put_only(out: &mut Out, args: &Args) {
    let [only] = Value::new(args.json(), args.attachments()).items().unwrap_or([None]);
    out.value(only.map_or("null", Value::text), args.attachments());
}
