//! Arguments of events and acknowledgements: JSON text and the binary it refers to.

use bytes::Bytes;

use super::scan;
use crate::error::Misuse;

/// Undecoded arguments: the text of a JSON array and the attachments its placeholders refer to.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Args {
    json: Box<str>,
    attachments: Vec<Bytes>,
}

impl Args {
    /// Makes arguments from the text of a JSON array.
    ///
    /// # Errors
    /// [`Misuse::NotAnArray`] when `json` is anything else.
    pub fn from_json(json: &str, attachments: Vec<Bytes>) -> Result<Self, Misuse> {
        scan::array(json, 0).map_err(|_| Misuse::NotAnArray)?;
        Ok(Self { json: json.into(), attachments })
    }

    pub(crate) fn new(json: impl Into<Box<str>>, attachments: Vec<Bytes>) -> Self {
        Self { json: json.into(), attachments }
    }

    /// Returns the text of the JSON array.
    #[must_use]
    pub fn json(&self) -> &str {
        &self.json
    }

    /// Returns the attachments in the order of their numbers.
    #[must_use]
    pub fn attachments(&self) -> &[Bytes] {
        &self.attachments
    }

    /// Borrows them for sending.
    #[must_use]
    pub fn as_ref(&self) -> ArgsRef<'_> {
        ArgsRef { json: &self.json, attachments: &self.attachments }
    }
}

/// Borrowed arguments, as every sending command takes them.
#[derive(Clone, Copy, Debug)]
pub struct ArgsRef<'a> {
    json: &'a str,
    attachments: &'a [Bytes],
}

impl<'a> ArgsRef<'a> {
    /// No arguments.
    pub const NONE: ArgsRef<'static> = ArgsRef { json: "[]", attachments: &[] };

    /// Borrows the text of a JSON array that is known to be valid, as a serializer leaves it.
    ///
    /// `json` begins with `[` and ends with `]`; placeholders refer to `attachments`. Text that
    /// breaks this reaches peers as a packet they refuse.
    #[must_use]
    pub fn from_valid(json: &'a str, attachments: &'a [Bytes]) -> Self {
        debug_assert!(json.starts_with('[') && json.ends_with(']'), "arguments are a JSON array");
        Self { json, attachments }
    }

    /// Returns the JSON array, with a placeholder for each attachment.
    #[must_use]
    pub fn json(&self) -> &'a str {
        self.json
    }

    /// Returns a copy of the text; attachments are shared.
    #[must_use]
    pub fn to_args(self) -> Args {
        Args::new(self.json, self.attachments.to_vec())
    }

    /// Returns the attachments in the order of their numbers.
    #[must_use]
    pub fn attachments(&self) -> &'a [Bytes] {
        self.attachments
    }

    /// Refuses an event that cannot be sent at all.
    pub(crate) fn check_for(&self, name: &str, attachments: u32) -> Result<(), Misuse> {
        if scan::is_reserved(name) {
            return Err(Misuse::ReservedEvent);
        }
        if self.attachments.len() > attachments as usize {
            return Err(Misuse::TooManyAttachments);
        }
        Ok(())
    }

    /// The array without its first bracket: `1,2]`, or `]` when it is empty.
    pub(crate) fn tail(&self) -> &'a str {
        let tail = self.json.strip_prefix('[');
        let tail = tail.or_else(|| self.json.trim_ascii_start().get(1..));
        tail.unwrap_or("]").trim_ascii_start()
    }
}

impl<'a> From<&'a Args> for ArgsRef<'a> {
    fn from(args: &'a Args) -> Self {
        args.as_ref()
    }
}

/// A received event: its name and arguments in one allocation.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EventMessage {
    /// The name, directly followed by the JSON array of arguments.
    text: Box<str>,
    name: usize,
    /// One word, because few messages have some, and all are moved about.
    #[expect(clippy::box_collection, reason = "a boxed slice takes two words")]
    attachments: Option<Box<Vec<Bytes>>>,
}

impl EventMessage {
    /// `rest` is the array behind the name and its comma.
    #[inline(always)]
    pub(crate) fn new(name: &str, rest: &str) -> Self {
        let mut text = String::with_capacity(name.len() + 1 + rest.len());
        text.push_str(name);
        text.push('[');
        text.push_str(rest);
        Self { text: text.into_boxed_str(), name: name.len(), attachments: None }
    }

    /// Makes the event that a peer receives when it is sent with these arguments.
    #[must_use]
    pub fn from_args(name: &str, args: ArgsRef<'_>) -> Self {
        let mut message = Self::new(name, args.tail());
        message.attach(args.attachments().to_vec());
        message
    }

    pub(crate) fn attach(&mut self, attachments: Vec<Bytes>) {
        self.attachments = (!attachments.is_empty()).then(|| Box::new(attachments));
    }

    /// Returns the name of the event.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.text[..self.name]
    }

    /// Returns the text of the JSON array of arguments.
    #[must_use]
    pub fn json(&self) -> &str {
        &self.text[self.name..]
    }

    /// Returns the attachments in the order of their numbers.
    #[must_use]
    pub fn attachments(&self) -> &[Bytes] {
        self.attachments.as_ref().map_or(&[], |attachments| attachments)
    }

    /// Borrows the arguments for sending.
    #[must_use]
    pub fn args(&self) -> ArgsRef<'_> {
        ArgsRef { json: self.json(), attachments: self.attachments() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_keeps_name_and_arguments_apart() {
        let message = EventMessage::new("chat", "1,\"x\"]");
        assert_eq!((message.name(), message.json()), ("chat", "[1,\"x\"]"));
        assert_eq!(message.args().tail(), "1,\"x\"]");
    }

    #[test]
    fn a_message_is_made_of_the_arguments_it_is_sent_with() {
        let args = Args::from_json("[1, {}]", vec![Bytes::from_static(b"x")]).unwrap();
        let message = EventMessage::from_args("chat", args.as_ref());
        assert_eq!((message.name(), message.json()), ("chat", "[1, {}]"));
        assert_eq!(message.attachments(), ["x"]);
        assert_eq!(EventMessage::from_args("none", ArgsRef::NONE).json(), "[]");
    }

    #[test]
    fn only_arrays_are_arguments() {
        assert!(Args::from_json("[1]", Vec::new()).is_ok());
        for bad in ["1", "{}", "[", "", "[1]x"] {
            assert_eq!(Args::from_json(bad, Vec::new()), Err(Misuse::NotAnArray), "{bad}");
        }
    }
}
