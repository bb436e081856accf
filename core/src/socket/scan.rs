//! JSON checked in one pass, without building a tree.
//!
//! A payload travels on as the text it arrived as, so all the protocol needs to know is that the
//! text is JSON, that its outermost shape fits the packet type, and that its placeholders name
//! attachments the packet announced, each one once.
//!
//! ```text
//! text    = ws value ws                              RFC 8259 §2, and all JSON.parse accepts
//! value   = object / array / string / number / "true" / "false" / "null"
//! object  = "{" ws [ member *( "," ws member ) ] "}"
//! member  = string ws ":" ws value ws
//! array   = "[" ws [ value ws *( "," ws value ws ) ] "]"
//! number  = [ "-" ] ( "0" / 1-9 *digit ) [ "." 1*digit ] [ ( "e" / "E" ) [ "+" / "-" ] 1*digit ]
//! string  = DQUOTE *( char / "\" escape ) DQUOTE
//! escape  = DQUOTE / "\" / "/" / "b" / "f" / "n" / "r" / "t" / "u" 4hex
//! ```

mod placeholders;
mod scanner;
mod unescape;
mod watch;

use std::borrow::Cow;

use self::placeholders::Placeholders;
use self::scanner::{Nesting, Scanner};
use self::watch::{Blind, Members};
use crate::error::Violation;

pub(super) use self::placeholders::Object;
pub(super) use self::scanner::plain;
pub(super) use self::unescape::unescaped;
pub(super) use self::watch::{Container, Watch};

/// The first element and the rest of an event's argument array.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Elements<'a> {
    /// The event's name: the string unescaped, or the number as it was written.
    pub name: Cow<'a, str>,
    /// What follows the name and its comma, up to and including the closing bracket.
    pub rest: &'a str,
}

/// Checks the payload of an EVENT and splits its name off.
pub(crate) fn event(text: &str, attachments: u32) -> Result<Elements<'_>, Violation> {
    match attachments {
        0 => named(text, &mut Blind),
        _ => named(text, &mut Placeholders::new(attachments)),
    }
}

/// Does the same as [`event`], and returns name and rest, if the name is directly behind the bracket and
/// has no escapes, which is so for nearly every event. `None` says nothing about the payload.
#[inline(always)]
pub(crate) fn plain_event(text: &str) -> Result<Option<(&str, &str)>, Violation> {
    let mut scanner = Scanner::new(text);
    let Some(name) = scanner.plain_name() else { return Ok(None) };
    let start = match scanner.peek() {
        b',' => scanner.at + 1,
        b']' => scanner.at,
        _ => return Ok(None),
    };
    if is_reserved(name) {
        return Err(Violation::ReservedEvent);
    }
    scanner.plain_strings();
    match &scanner.bytes[scanner.at..] {
        [b']'] => Ok(Some((name, &text[start..]))),
        _ => scanner.elements().map(|end| Some((name, &text[start..end]))),
    }
}

/// Checks the payload of an ACK: an array of anything.
pub(crate) fn array(text: &str, attachments: u32) -> Result<(), Violation> {
    let scanner = Scanner::new(text);
    match (scanner.first(), attachments) {
        (b'[', 0) => scanner.whole(&mut Blind),
        (b'[', _) => scanner.whole(&mut Placeholders::new(attachments)),
        _ => Err(Violation::InvalidPacket),
    }
}

/// Checks the payload of a CONNECT: an object.
pub(crate) fn object(text: &str) -> Result<(), Violation> {
    let scanner = Scanner::new(text);
    match scanner.first() {
        b'{' => scanner.whole(&mut Blind),
        _ => Err(Violation::ConnectPayload),
    }
}

/// Checks an object, and calls `each` with the name of each member and every string, number or word in
/// its value that is in no object of its own: a name unescaped, a value as it is written.
pub(crate) fn members(text: &str, each: &mut dyn FnMut(&str, &str)) -> Result<(), Violation> {
    let scanner = Scanner::new(text);
    match scanner.first() {
        b'{' => scanner.whole(&mut Members { objects: 0, name: String::new(), each }),
        _ => Err(Violation::InvalidPacket),
    }
}

/// Checks that the text is one value of any kind.
pub(crate) fn value(text: &str, attachments: u32) -> Result<(), Violation> {
    match attachments {
        0 => walk(text, &mut Blind),
        _ => walk(text, &mut Placeholders::new(attachments)),
    }
}

/// Returns the value of a member of an object that was checked, as it is written; of several with that
/// name, the last one.
pub(crate) fn member<'a>(object: &'a str, name: &str) -> Option<&'a str> {
    let mut found = None;
    entries(object, |key, value| {
        if key == name {
            found = Some(value);
        }
    })?;
    found
}

/// Calls `each` with name and value of the members of an object that was checked, in their order: a name
/// unescaped, a value as it is written. Returns `None` for other values.
pub(crate) fn entries<'a>(object: &'a str, mut each: impl FnMut(&str, &'a str)) -> Option<()> {
    let mut scanner = Scanner::new(object);
    if scanner.skip_space() != b'{' {
        return None;
    }
    scanner.at += 1;
    while scanner.skip_space() == b'"' {
        let key = scanner.string().ok()?;
        if scanner.skip_space() != b':' {
            return None;
        }
        scanner.at += 1;
        let value = scanner.span()?;
        each(&unescaped(&object[key]), &object[value]);
        if scanner.skip_space() == b',' {
            scanner.at += 1;
        }
    }
    Some(())
}

/// Calls `each` with the elements of an array that was checked, as they are written. Returns `None` for other
/// values.
pub(crate) fn elements<'a>(array: &'a str, mut each: impl FnMut(&'a str)) -> Option<()> {
    let mut scanner = Scanner::new(array);
    if scanner.skip_space() != b'[' {
        return None;
    }
    scanner.at += 1;
    while scanner.skip_space() != b']' {
        let element = scanner.span()?;
        each(&array[element]);
        if scanner.skip_space() == b',' {
            scanner.at += 1;
        }
    }
    Some(())
}

/// Returns what a string that was checked, with its quotation marks, stands for; `None` for other values.
pub(crate) fn string(value: &str) -> Option<Cow<'_, str>> {
    let inside = value.strip_prefix('"')?.strip_suffix('"')?;
    Some(unescaped(inside))
}

/// Checks that the text is one value, and shows it to `watch`.
pub(super) fn walk(text: &str, watch: &mut impl Watch) -> Result<(), Violation> {
    Scanner::new(text).whole(watch)
}

/// Checks the payload of a CONNECT_ERROR: an object or a string.
pub(crate) fn object_or_string(text: &str) -> Result<(), Violation> {
    let scanner = Scanner::new(text);
    match scanner.first() {
        b'{' | b'"' => scanner.whole(&mut Blind),
        _ => Err(Violation::InvalidPacket),
    }
}

fn named<'a>(text: &'a str, watch: &mut impl Watch) -> Result<Elements<'a>, Violation> {
    let mut scanner = Scanner::new(text);
    let mut nesting = Nesting::default();
    if scanner.skip_space() != b'[' {
        return Err(Violation::InvalidPacket);
    }
    scanner.at += 1;
    nesting.push(Container::Array)?;
    let name = scanner.name()?;
    let comma = usize::from(scanner.skip_space() == b',');
    let start = scanner.at + comma;
    while scanner.advance(&mut nesting, watch)? {
        scanner.value(&mut nesting, watch)?;
    }
    let rest = &text[start..scanner.at];
    scanner.end()?;
    Ok(Elements { name, rest })
}

/// Names that stand for a change of the connection itself: a peer must not be able to fake one.
///
/// Inlined where it is called: a call of its own would cost each event ten instructions.
#[inline(always)]
pub(crate) fn is_reserved(name: &str) -> bool {
    matches!(
        name,
        "connect"
            | "connect_error"
            | "disconnect"
            | "disconnecting"
            | "newListener"
            | "removeListener"
    )
}

#[cfg(test)]
mod tests;
