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

use std::collections::BTreeSet;
use std::{borrow::Cow, ops::Range, str::Chars};

use crate::error::Violation;

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

/// Length of the longest prefix that may stand between quotes as it is.
#[inline]
pub(super) fn plain(bytes: &[u8]) -> usize {
    let mut rest = bytes;
    while let Some((chunk, after)) = rest.split_first_chunk() {
        match marks(u64::from_le_bytes(*chunk)) {
            0 => rest = after,
            marks => return bytes.len() - rest.len() + marks.trailing_zeros() as usize / 8,
        }
    }
    // Four to seven bytes are the first four and the last four, which may overlap.
    if let (Some(first), Some(last)) = (rest.first_chunk(), rest.last_chunk()) {
        let [first, last] = [first, last].map(|four| u64::from(u32::from_le_bytes(*four)));
        if marks(first | last << 32) == 0 {
            return bytes.len();
        }
    }
    let marked = rest.iter().position(|&byte| is_mark(byte));
    marked.map_or(bytes.len(), |found| bytes.len() - rest.len() + found)
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

/// A cursor. Methods that are not inlined take it by value, so that it stays in registers.
#[derive(Clone, Copy)]
struct Scanner<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
}

// The inline hints were measured: without them a small message takes a third longer.
impl<'a> Scanner<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, bytes: text.as_bytes(), at: 0 }
    }

    /// Checks the elements of an array, from the end of one, and what follows it. Returns its end.
    #[inline(never)]
    fn elements(mut self) -> Result<usize, Violation> {
        let mut nesting = Nesting::default();
        nesting.push(Container::Array)?;
        while self.advance(&mut nesting, &mut Blind)? {
            self.value(&mut nesting, &mut Blind)?;
        }
        let end = self.at;
        self.end().map(|()| end)
    }

    /// Checks that the text is one value and nothing else.
    fn whole(mut self, watch: &mut impl Watch) -> Result<(), Violation> {
        let mut nesting = Nesting::default();
        self.value(&mut nesting, watch)?;
        while self.advance(&mut nesting, watch)? {
            self.value(&mut nesting, watch)?;
        }
        self.end()
    }

    /// Steps over a value that was checked, and returns where it is.
    fn span(&mut self) -> Option<Range<usize>> {
        self.skip_space();
        let (start, mut nesting) = (self.at, Nesting::default());
        self.value(&mut nesting, &mut Blind).ok()?;
        while self.advance(&mut nesting, &mut Blind).ok()? {
            self.value(&mut nesting, &mut Blind).ok()?;
        }
        Some(start..self.at)
    }

    /// Reads a scalar or an empty container, through any containers that begin with it.
    ///
    /// The bracket that closes an empty container is left to `advance`, like every other.
    #[inline(always)]
    fn value(&mut self, nesting: &mut Nesting, watch: &mut impl Watch) -> Result<(), Violation> {
        loop {
            match self.skip_space() {
                b'[' => {
                    nesting.push(Container::Array)?;
                    watch.open(Container::Array);
                    self.at += 1;
                    if self.skip_space() == b']' {
                        return Ok(());
                    }
                }
                b'{' => {
                    nesting.push(Container::Object)?;
                    watch.open(Container::Object);
                    self.at += 1;
                    if self.skip_space() == b'}' {
                        return Ok(());
                    }
                    self.key(watch)?;
                }
                first => return self.scalar(first, watch),
            }
        }
    }

    /// Steps from the end of a value to the start of the next; false when there is none.
    #[inline(always)]
    fn advance(
        &mut self,
        nesting: &mut Nesting,
        watch: &mut impl Watch,
    ) -> Result<bool, Violation> {
        while let Some(innermost) = nesting.innermost() {
            match (self.skip_space(), innermost) {
                (b',', Container::Array) => {
                    self.at += 1;
                    return Ok(true);
                }
                (b',', Container::Object) => {
                    self.at += 1;
                    return self.key(watch).map(|()| true);
                }
                (b']', Container::Array) => watch.close_array(),
                (b'}', Container::Object) => watch.close_object()?,
                _ => return Err(Violation::InvalidJson),
            }
            self.at += 1;
            nesting.pop();
        }
        Ok(false)
    }

    /// Reads a member's name and the colon after it.
    #[inline]
    fn key(&mut self, watch: &mut impl Watch) -> Result<(), Violation> {
        if self.skip_space() != b'"' {
            return Err(Violation::InvalidJson);
        }
        let inside = self.string()?;
        watch.key(self.text, inside);
        if self.skip_space() != b':' {
            return Err(Violation::InvalidJson);
        }
        self.at += 1;
        Ok(())
    }

    #[inline(always)]
    fn scalar(&mut self, first: u8, watch: &mut impl Watch) -> Result<(), Violation> {
        let start = self.at;
        match first {
            b'"' => self.string().map(drop),
            b'-' | b'0'..=b'9' => self.number().map(|end| self.at = end),
            b't' => self.literal("true").map(|end| self.at = end),
            b'f' => self.literal("false").map(|end| self.at = end),
            b'n' => self.literal("null").map(|end| self.at = end),
            _ => Err(Violation::InvalidJson),
        }?;
        watch.scalar(self.text, start..self.at);
        Ok(())
    }

    /// Reads the first element of an event.
    #[inline(always)]
    fn name(&mut self) -> Result<Cow<'a, str>, Violation> {
        let name = match self.skip_space() {
            b'"' => {
                let start = self.at + 1;
                let end = start + plain(&self.bytes[start..]);
                match self.bytes.get(end) {
                    Some(b'"') => {
                        self.at = end + 1;
                        Cow::Borrowed(&self.text[start..end])
                    }
                    Some(_) | None => unescaped(&self.text[self.string()?]),
                }
            }
            b'-' | b'0'..=b'9' => {
                let start = self.at;
                self.at = self.number()?;
                Cow::Borrowed(&self.text[start..self.at])
            }
            _ => return Err(Violation::InvalidPacket),
        };
        if is_reserved(&name) { Err(Violation::ReservedEvent) } else { Ok(name) }
    }

    /// Steps over the bracket of an array and a string without escapes, and returns the inside of that.
    #[inline(always)]
    fn plain_name(&mut self) -> Option<&'a str> {
        let inside = self.text.strip_prefix("[\"")?;
        let end = plain(inside.as_bytes());
        let Some(b'"') = inside.as_bytes().get(end) else { return None };
        self.at = 2 + end + 1;
        Some(&inside[..end])
    }

    /// Steps over elements of an array that are strings without escapes.
    #[inline(always)]
    fn plain_strings(&mut self) {
        while let [b',', b'"', inside @ ..] = &self.bytes[self.at..] {
            let end = plain(inside);
            let Some(b'"') = inside.get(end) else { return };
            self.at += 2 + end + 1;
        }
    }

    /// Reads a string and returns where its inside is.
    #[inline(always)]
    fn string(&mut self) -> Result<Range<usize>, Violation> {
        let start = self.at + 1;
        self.at = start;
        loop {
            self.at += plain(&self.bytes[self.at..]);
            match self.peek() {
                b'"' => {
                    self.at += 1;
                    return Ok(start..self.at - 1);
                }
                b'\\' => self.at = self.escape()?,
                _ => return Err(Violation::InvalidJson),
            }
        }
    }

    /// Reads an escape and returns its end.
    fn escape(self) -> Result<usize, Violation> {
        let length = match self.bytes.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => 2,
            Some(b'u') => {
                let hex = self.bytes.get(self.at + 2..self.at + 6);
                let valid = hex.is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit));
                if !valid {
                    return Err(Violation::InvalidJson);
                }
                6
            }
            _ => return Err(Violation::InvalidJson),
        };
        Ok(self.at + length)
    }

    /// Reads a number and returns its end.
    fn number(mut self) -> Result<usize, Violation> {
        if self.peek() == b'-' {
            self.at += 1;
        }
        if self.peek() == b'0' {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == b'.' {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), b'e' | b'E') {
            self.at += 1;
            if matches!(self.peek(), b'+' | b'-') {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(self.at)
    }

    /// Reads one digit or more.
    #[inline]
    fn digits(&mut self) -> Result<(), Violation> {
        let start = self.at;
        while self.peek().is_ascii_digit() {
            self.at += 1;
        }
        if self.at == start { Err(Violation::InvalidJson) } else { Ok(()) }
    }

    /// Reads a word and returns its end.
    fn literal(self, word: &str) -> Result<usize, Violation> {
        if !self.bytes[self.at..].starts_with(word.as_bytes()) {
            return Err(Violation::InvalidJson);
        }
        Ok(self.at + word.len())
    }

    fn end(mut self) -> Result<(), Violation> {
        self.skip_space();
        if self.at == self.bytes.len() { Ok(()) } else { Err(Violation::InvalidJson) }
    }

    /// Steps over whitespace and returns the byte after it.
    #[inline(always)]
    fn skip_space(&mut self) -> u8 {
        loop {
            match self.peek() {
                b' ' | b'\t' | b'\n' | b'\r' => self.at += 1,
                byte => return byte,
            }
        }
    }

    /// The next byte that is not whitespace.
    fn first(mut self) -> u8 {
        self.skip_space()
    }

    /// The byte at the cursor.
    ///
    /// The end reads as NUL, which no rule of the grammar accepts anywhere.
    #[inline(always)]
    fn peek(&self) -> u8 {
        self.bytes.get(self.at).copied().unwrap_or(0)
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Container {
    Array,
    Object,
}

/// The containers around the cursor, innermost in the lowest bit: set for an object.
#[derive(Default)]
struct Nesting {
    objects: u128,
    depth: u32,
}

impl Nesting {
    #[inline]
    fn push(&mut self, container: Container) -> Result<(), Violation> {
        if self.depth == u128::BITS {
            return Err(Violation::TooDeep);
        }
        self.depth += 1;
        self.objects = (self.objects << 1) | u128::from(matches!(container, Container::Object));
        Ok(())
    }

    #[inline]
    fn pop(&mut self) {
        self.depth -= 1;
        self.objects >>= 1;
    }

    #[inline]
    fn innermost(&self) -> Option<Container> {
        match (self.depth, self.objects & 1) {
            (0, _) => None,
            (_, 0) => Some(Container::Array),
            _ => Some(Container::Object),
        }
    }
}

/// What a pass over the text is shown besides its grammar.
///
/// Text comes as the whole and a range of it: a pass that does not look does not pay for slicing.
pub(super) trait Watch {
    fn open(&mut self, container: Container);
    fn close_array(&mut self) {}
    fn close_object(&mut self) -> Result<(), Violation>;
    fn key(&mut self, text: &str, inside: Range<usize>);
    fn scalar(&mut self, text: &str, whole: Range<usize>);
}

/// Sees nothing: without attachments a placeholder is data like any other.
struct Blind;

impl Watch for Blind {
    fn open(&mut self, _: Container) {}

    fn close_object(&mut self) -> Result<(), Violation> {
        Ok(())
    }

    fn key(&mut self, _: &str, _: Range<usize>) {}

    fn scalar(&mut self, _: &str, _: Range<usize>) {}
}

/// Sees the members of the outermost object.
struct Members<'e> {
    /// How many objects are open.
    objects: u32,
    name: String,
    each: &'e mut dyn FnMut(&str, &str),
}

impl Watch for Members<'_> {
    fn open(&mut self, container: Container) {
        self.objects += u32::from(matches!(container, Container::Object));
    }

    fn close_object(&mut self) -> Result<(), Violation> {
        self.objects -= 1;
        Ok(())
    }

    fn key(&mut self, text: &str, inside: Range<usize>) {
        if self.objects == 1 {
            self.name = unescaped(&text[inside]).into_owned();
        }
    }

    fn scalar(&mut self, text: &str, whole: Range<usize>) {
        if self.objects == 1 {
            (self.each)(&self.name, &text[whole]);
        }
    }
}

/// Sees that every placeholder names an attachment the packet announced, and no other placeholder the
/// same one: decoding the packet then makes no more of it than was sent.
struct Placeholders {
    attachments: u32,
    named: Named,
    /// The innermost object around the cursor: placeholders are mostly in none but their own.
    object: Option<Object>,
    /// Those around it. Bounded by `Nesting`.
    outer: Vec<Object>,
}

/// What is known so far about an object; of equal keys the last one counts, as in JavaScript.
#[derive(Debug, Default)]
pub(super) struct Object {
    /// The member whose value comes next.
    member: Member,
    is_placeholder: bool,
    /// The attachment announced that it names.
    attachment: Option<u32>,
}

/// The attachments that placeholders named. Bounded by their number.
#[derive(Default)]
struct Named {
    /// Those up to 63: most packets have no others.
    first: u64,
    more: BTreeSet<u32>,
}

impl Named {
    /// Adds an attachment; `false` when it was named before.
    fn insert(&mut self, attachment: u32) -> bool {
        let Some(bit) = 1_u64.checked_shl(attachment) else {
            return self.more.insert(attachment);
        };
        let is_new = self.first & bit == 0;
        self.first |= bit;
        is_new
    }
}

#[derive(Debug, Default)]
enum Member {
    Placeholder,
    Num,
    #[default]
    Other,
}

impl Member {
    /// A member whose name is not plainly one of those that count.
    #[inline(never)]
    fn escaped(inside: &str) -> Self {
        match &*unescaped(inside) {
            "_placeholder" => Self::Placeholder,
            "num" => Self::Num,
            _ => Self::Other,
        }
    }
}

impl Placeholders {
    fn new(attachments: u32) -> Self {
        Self { attachments, named: Named::default(), object: None, outer: Vec::new() }
    }

    /// Takes note of the value of the member that was read last.
    fn assign(&mut self, value: &str) {
        if let Some(object) = &mut self.object {
            object.assign(value, self.attachments);
        }
    }
}

impl Object {
    /// Takes note of the name of a member, which is still escaped.
    #[inline(always)]
    pub(super) fn name(&mut self, inside: &str) {
        self.member = match inside {
            "_placeholder" => Member::Placeholder,
            "num" => Member::Num,
            _ => Member::escaped(inside),
        };
    }

    /// Takes note of the value of that member, of a packet with so many attachments.
    #[inline(always)]
    pub(super) fn assign(&mut self, value: &str, attachments: u32) {
        // Taken, since the elements of an array that is a member's value belong to no member.
        match std::mem::take(&mut self.member) {
            Member::Placeholder => self.is_placeholder = value == "true",
            Member::Num => {
                self.attachment = value.parse().ok().filter(|&num| num < attachments);
            }
            Member::Other => {}
        }
    }

    /// The attachment whose placeholder it is.
    pub(super) fn attachment(&self) -> Option<u32> {
        self.attachment.filter(|_| self.is_placeholder)
    }
}

impl Watch for Placeholders {
    fn open(&mut self, container: Container) {
        self.assign("");
        if let Container::Object = container {
            self.outer.extend(self.object.replace(Object::default()));
        }
    }

    fn close_object(&mut self) -> Result<(), Violation> {
        let Some(object) = std::mem::replace(&mut self.object, self.outer.pop()) else {
            return Ok(());
        };
        let is_sound = !object.is_placeholder
            || object.attachment.is_some_and(|attachment| self.named.insert(attachment));
        if is_sound { Ok(()) } else { Err(Violation::IllegalAttachments) }
    }

    fn key(&mut self, text: &str, inside: Range<usize>) {
        if let Some(object) = &mut self.object {
            object.name(&text[inside]);
        }
    }

    fn scalar(&mut self, text: &str, whole: Range<usize>) {
        self.assign(&text[whole]);
    }
}

/// The characters a string's inside stands for, once its escapes were checked.
///
/// Half a surrogate pair is no character: it becomes U+FFFD.
struct Unescape<'a>(Chars<'a>);

impl Iterator for Unescape<'_> {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        match self.0.next()? {
            '\\' => self.escaped(),
            char => Some(char),
        }
    }
}

impl Unescape<'_> {
    fn escaped(&mut self) -> Option<char> {
        Some(match self.0.next()? {
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => self.unicode()?,
            char => char,
        })
    }

    fn unicode(&mut self) -> Option<char> {
        let unit = self.unit()?;
        if let 0xd800..0xdc00 = unit
            && let Some(after) = self.0.as_str().strip_prefix("\\u")
        {
            let mut pair = Unescape(after.chars());
            if let low @ 0xdc00..0xe000 = pair.unit()? {
                *self = Unescape(pair.0.as_str().chars());
                return char::from_u32(0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00));
            }
        }
        Some(char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    /// Reads four hexadecimal digits.
    fn unit(&mut self) -> Option<u32> {
        (0..4).try_fold(0, |unit, _| Some((unit << 4) | self.0.next()?.to_digit(16)?))
    }
}

pub(super) fn unescaped(inside: &str) -> Cow<'_, str> {
    match memchr::memchr(b'\\', inside.as_bytes()) {
        Some(_) => Cow::Owned(Unescape(inside.chars()).collect()),
        None => Cow::Borrowed(inside),
    }
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

/// Whether a byte ends a plain run: a quote, a backslash or a control character.
fn is_mark(byte: u8) -> bool {
    matches!(byte, b'"' | b'\\' | ..0x20)
}

/// Sets the top bit of each byte of `word` that is a mark.
///
/// Exact up to the lowest mark only: subtracting borrows from the bytes above one.
fn marks(word: u64) -> u64 {
    const ONES: u64 = u64::MAX / 0xff;
    let has = |byte: u8| {
        let word = word ^ (ONES * u64::from(byte));
        word.wrapping_sub(ONES) & !word
    };
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    (has(b'"') | has(b'\\') | control) & (ONES << 7)
}

#[cfg(test)]
mod tests;
