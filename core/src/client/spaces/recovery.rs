//! What brings back the events that were missed while the connection was lost (the state recovery of
//! JavaScript servers).

use crate::socket::EventMessage;

/// What a server needs to know where a client was. Both texts are JSON strings, as they were written.
#[derive(Debug)]
pub(super) struct Memory {
    pub(super) pid: Box<str>,
    offset: Option<Box<str>>,
}

/// The longest text that is remembered, in bytes.
const MOST: usize = 1024;

impl Memory {
    pub(super) fn new(pid: &str) -> Option<Self> {
        (pid.len() <= MOST).then(|| Self { pid: pid.into(), offset: None })
    }

    /// Remembers how far the events of the server are: it tells that in their last argument.
    pub(super) fn note(&mut self, message: &EventMessage) {
        if let Some(offset) = last_string(message.json()).filter(|text| text.len() <= MOST) {
            self.offset = Some(offset.into());
        }
    }

    /// The payload of CONNECT: what is remembered, then `auth`, whose members win.
    pub(super) fn payload(&self, auth: &str) -> String {
        let mut out = format!("{{\"pid\":{}", self.pid);
        if let Some(offset) = &self.offset {
            out.push_str(",\"offset\":");
            out.push_str(offset);
        }
        match auth.trim_ascii_start().strip_prefix('{').map(str::trim_ascii_start) {
            None | Some("" | "}") => out.push('}'),
            Some(members) if members.starts_with('}') => out.push('}'),
            Some(members) => {
                out.push(',');
                out.push_str(members);
            }
        }
        out
    }
}

/// The last element of an array, if it is a string: with its quotation marks.
fn last_string(array: &str) -> Option<&str> {
    let inside = array.trim_ascii_end().strip_suffix(']')?.trim_ascii_end();
    let text = inside.strip_suffix('"')?.as_bytes();
    let mut end = text.len();
    loop {
        let quote = memchr::memrchr(b'"', text.get(..end)?)?;
        let escapes = text[..quote].iter().rev().take_while(|&&byte| byte == b'\\').count();
        if escapes % 2 == 0 {
            return inside.get(quote..);
        }
        end = quote;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c80_the_last_argument_is_the_offset_when_it_is_a_string() {
        for (array, last) in [
            (r#"["a"]"#, Some(r#""a""#)),
            (r#"[1, "a" ] "#, Some(r#""a""#)),
            (r#"["x","a\"b"]"#, Some(r#""a\"b""#)),
            (r#"["x","\\"]"#, Some(r#""\\""#)),
            (r#"["x",""]"#, Some(r#""""#)),
            (r#"["é","ü"]"#, Some("\"ü\"")),
            (r#"["a",1]"#, None),
            (r#"["a",{"b":"c"}]"#, None),
            (r#"["a",["b"]]"#, None),
            ("[]", None),
        ] {
            assert_eq!(last_string(array), last, "{array}");
        }
    }

    #[test]
    fn c80_the_auth_payload_wins_over_what_is_remembered() {
        let mut memory = Memory::new("\"p\"").expect("it is short");
        assert_eq!(memory.payload(""), r#"{"pid":"p"}"#);
        memory.note(&EventMessage::new("x", r#"1,"o"]"#));
        memory.note(&EventMessage::new("x", "1]"));
        assert_eq!(memory.payload("{}"), r#"{"pid":"p","offset":"o"}"#);
        assert_eq!(memory.payload(" { } "), r#"{"pid":"p","offset":"o"}"#);
        let auth = r#"{"token":1,"offset":"mine"}"#;
        assert_eq!(memory.payload(auth), r#"{"pid":"p","offset":"o","token":1,"offset":"mine"}"#);
        assert!(Memory::new(&"x".repeat(MOST + 1)).is_none());
    }
}
