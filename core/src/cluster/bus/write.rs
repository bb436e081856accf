//! Values written as JSON or as MessagePack, by the same calls.

use bytes::Bytes;

use crate::socket::msgpack::write;
use crate::socket::packet::put_escaped;
use crate::socket::{Args, EventMessage, scan};

/// A value that is being written. A map or an array ends by itself, after as many members or elements
/// as were announced.
#[derive(Debug)]
pub(super) struct Out {
    bytes: Vec<u8>,
    form: Form,
    /// Maps and arrays around the cursor, in JSON.
    open: Vec<Open>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Form {
    Json,
    Msgpack,
}

#[derive(Debug)]
struct Open {
    left: usize,
    end: u8,
    is_first: bool,
}

impl Out {
    pub(super) fn new(form: Form) -> Self {
        Self { bytes: Vec::new(), form, open: Vec::new() }
    }

    /// JSON, or MessagePack when one of the values has attachments.
    pub(super) fn for_values<'a>(attachments: impl IntoIterator<Item = &'a [Bytes]>) -> Self {
        let has_binary = attachments.into_iter().any(|attachments| !attachments.is_empty());
        Self::new(if has_binary { Form::Msgpack } else { Form::Json })
    }

    pub(super) fn form(&self) -> Form {
        self.form
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.bytes
    }

    pub(super) fn map(&mut self, members: usize) -> &mut Self {
        match self.form {
            Form::Json => self.begin(b"{}", members),
            Form::Msgpack => write::put_map(&mut self.bytes, members),
        }
        self
    }

    pub(super) fn array(&mut self, elements: usize) -> &mut Self {
        match self.form {
            Form::Json => self.begin(b"[]", elements),
            Form::Msgpack => write::put_array(&mut self.bytes, elements),
        }
        self
    }

    /// Begins a member.
    pub(super) fn key(&mut self, name: &str) -> &mut Self {
        match self.form {
            Form::Json => {
                self.comma();
                self.quoted(name);
                self.bytes.push(b':');
            }
            Form::Msgpack => write::put_str(&mut self.bytes, name),
        }
        self
    }

    pub(super) fn str(&mut self, text: &str) -> &mut Self {
        match self.form {
            Form::Json => {
                self.element();
                self.quoted(text);
                self.end();
            }
            Form::Msgpack => write::put_str(&mut self.bytes, text),
        }
        self
    }

    pub(super) fn strs(&mut self, texts: &[Box<str>]) -> &mut Self {
        self.array(texts.len());
        for text in texts {
            self.str(text);
        }
        self
    }

    pub(super) fn number(&mut self, number: u64) -> &mut Self {
        match self.form {
            Form::Json => self.plain(&number.to_string()),
            Form::Msgpack => write::put_uint(&mut self.bytes, number),
        }
        self
    }

    pub(super) fn truth(&mut self, value: bool) -> &mut Self {
        match self.form {
            Form::Json => self.plain(if value { "true" } else { "false" }),
            Form::Msgpack => write::put_bool(&mut self.bytes, value),
        }
        self
    }

    pub(super) fn null(&mut self) -> &mut Self {
        match self.form {
            Form::Json => self.plain("null"),
            Form::Msgpack => write::put_nil(&mut self.bytes),
        }
        self
    }

    /// A string, or null.
    pub(super) fn str_or_null(&mut self, text: Option<&str>) -> &mut Self {
        match text {
            Some(text) => self.str(text),
            None => self.null(),
        }
    }

    /// A value that is valid JSON. Attachments become what `JSON.stringify` makes of a `Buffer` where JSON is written.
    pub(super) fn value(&mut self, json: &str, attachments: &[Bytes]) -> &mut Self {
        match self.form {
            Form::Json if attachments.is_empty() => self.plain(json),
            Form::Json => {
                self.element();
                put_with_buffers(&mut self.bytes, json, attachments);
                self.end();
            }
            Form::Msgpack => write::put_json(&mut self.bytes, json, attachments),
        }
        self
    }

    pub(super) fn args(&mut self, args: &Args) -> &mut Self {
        self.value(args.json(), args.attachments())
    }

    /// The array of the name of an event and its arguments.
    pub(super) fn event(&mut self, event: &EventMessage) -> &mut Self {
        self.value(&named(event), event.attachments())
    }

    /// An array of binary values, which only MessagePack has.
    pub(super) fn bins(&mut self, values: &[Bytes]) -> &mut Self {
        self.array(values.len());
        for bytes in values {
            match self.form {
                Form::Json => self.plain("null"),
                Form::Msgpack => write::put_bin(&mut self.bytes, bytes),
            }
        }
        self
    }

    fn begin(&mut self, brackets: &[u8; 2], left: usize) {
        self.element();
        self.bytes.push(brackets[0]);
        if left == 0 {
            self.bytes.push(brackets[1]);
            self.end();
        } else {
            self.open.push(Open { left, end: brackets[1], is_first: true });
        }
    }

    fn plain(&mut self, text: &str) {
        self.element();
        self.bytes.extend_from_slice(text.as_bytes());
        self.end();
    }

    fn quoted(&mut self, text: &str) {
        self.bytes.push(b'"');
        put_escaped(&mut self.bytes, text);
        self.bytes.push(b'"');
    }

    /// Parts an element from the one before it; a member's value follows its key.
    fn element(&mut self) {
        if self.open.last().is_some_and(|open| open.end == b']') {
            self.comma();
        }
    }

    fn comma(&mut self) {
        if let Some(open) = self.open.last_mut()
            && !std::mem::take(&mut open.is_first)
        {
            self.bytes.push(b',');
        }
    }

    /// Ends what a value completes.
    fn end(&mut self) {
        while let Some(open) = self.open.last_mut() {
            open.left = open.left.saturating_sub(1);
            if open.left > 0 {
                return;
            }
            self.bytes.push(open.end);
            self.open.pop();
        }
    }
}

/// Appends JSON as Node.js writes it of values with binary parts: `{"type":"Buffer","data":[1,2,3]}` for each.
fn put_with_buffers(out: &mut Vec<u8>, json: &str, attachments: &[Bytes]) {
    let mut separator: &[u8] = b"";
    match json.as_bytes().first() {
        Some(b'{') => {
            if let Some(bytes) = attachment(json, attachments) {
                return put_buffer(out, bytes);
            }
            out.push(b'{');
            let _ = scan::entries(json, |key, value| {
                out.extend_from_slice(std::mem::replace(&mut separator, b","));
                out.push(b'"');
                put_escaped(out, key);
                out.extend_from_slice(b"\":");
                put_with_buffers(out, value, attachments);
            });
            out.push(b'}');
        }
        Some(b'[') => {
            out.push(b'[');
            let _ = scan::elements(json, |value| {
                out.extend_from_slice(std::mem::replace(&mut separator, b","));
                put_with_buffers(out, value, attachments);
            });
            out.push(b']');
        }
        Some(_) | None => out.extend_from_slice(json.as_bytes()),
    }
}

/// The attachment that an object stands for, if it is a placeholder.
fn attachment<'a>(object: &str, attachments: &'a [Bytes]) -> Option<&'a Bytes> {
    let is_placeholder = scan::member(object, "_placeholder")? == "true";
    let number: usize = scan::member(object, "num")?.parse().ok()?;
    attachments.get(number).filter(|_| is_placeholder)
}

fn put_buffer(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(br#"{"type":"Buffer","data":["#);
    for (n, byte) in bytes.iter().enumerate() {
        if n > 0 {
            out.push(b',');
        }
        out.extend_from_slice(byte.to_string().as_bytes());
    }
    out.extend_from_slice(b"]}");
}

/// The text of the array of the name of an event and its arguments.
pub(super) fn named(event: &EventMessage) -> String {
    let mut text = b"[\"".to_vec();
    put_escaped(&mut text, event.name());
    let tail = event.args().tail();
    text.extend_from_slice(if tail == "]" { b"\"" } else { b"\"," });
    text.extend_from_slice(tail.as_bytes());
    // Only whole strings were put.
    String::from_utf8(text).unwrap_or_default()
}
