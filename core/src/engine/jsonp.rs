//! Polling by JSONP (engine.io-protocol v3, "JSONP"): answers are scripts, and POSTs are forms.
//!
//! ```text
//! answer = "___eio[" number "](" string ");"      ; the payload, as a string of JavaScript
//! form   = "d=" payload                           ; urlencoded, with line breaks written as \n
//! ```

use std::fmt::Write as _;

use crate::error::Violation;
use crate::http::form;
use crate::socket::packet::put_escaped;

/// The script that hands `payload`, which is text, to the function of that number.
pub(crate) fn script(number: u32, payload: &[u8]) -> Vec<u8> {
    let mut head = String::new();
    let written = write!(head, "___eio[{number}](\"");
    debug_assert!(written.is_ok(), "a String takes every write");
    let mut out = head.into_bytes();
    out.reserve(payload.len() + 8);
    let mut rest = std::str::from_utf8(payload).unwrap_or_default();
    // JSON has these two as they are; in a string of older JavaScript they end the line.
    while let Some(at) = rest.find(['\u{2028}', '\u{2029}']) {
        let (line, mark) = rest.split_at(at);
        put_escaped(&mut out, line);
        let escape = if mark.starts_with('\u{2028}') { b"\\u2028" } else { b"\\u2029" };
        out.extend_from_slice(escape);
        rest = &mark['\u{2028}'.len_utf8()..];
    }
    put_escaped(&mut out, rest);
    out.extend_from_slice(b"\");");
    out
}

/// The payload in the body of a POST.
///
/// # Errors
/// [`Violation::UnknownPacket`] when there is none.
pub(crate) fn payload(body: &[u8]) -> Result<Vec<u8>, Violation> {
    let mut pairs = form::pairs(body);
    let (_, data) = pairs.find(|(key, _)| key == b"d").ok_or(Violation::UnknownPacket)?;
    Ok(unescaped(&data))
}

/// Undoes what keeps browsers from changing line breaks: `\n` is a line break, and with every further
/// backslash in front one of these is dropped.
fn unescaped(data: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(data.len());
    for &byte in data {
        if byte == b'n' && out.ends_with(b"\\") {
            out.pop();
            out.push(if out.ends_with(b"\\") { b'n' } else { b'\n' });
        } else {
            out.push(byte);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_answer_is_a_script() {
        for (payload, expected) in [
            ("1:6", r#"___eio[7]("1:6");"#),
            ("", r#"___eio[7]("");"#),
            ("4\"\\\n</script>\u{1e}", r#"___eio[7]("4\"\\\n</script>\u001e");"#),
            ("a\u{2028}\u{2029}b\u{2029}", r#"___eio[7]("a\u2028\u2029b\u2029");"#),
            ("\u{e9}\u{1f600}", "___eio[7](\"\u{e9}\u{1f600}\");"),
        ] {
            let script = String::from_utf8(script(7, payload.as_bytes())).expect("it is text");
            assert_eq!(script, expected);
        }
        assert_eq!(script(u32::MAX, b""), b"___eio[4294967295](\"\");");
    }

    #[test]
    fn a_post_is_a_form() {
        for (body, expected) in [
            (&b"d=6%3A4hello"[..], &b"6:4hello"[..]),
            (b"d=4a+b%2Bc", b"4a b+c"),
            (b"x=1&d=%E2%82%AC", "\u{20ac}".as_bytes()),
            // A line break, an escaped one, and one behind a backslash that is meant.
            (br"d=4%5Cn", b"4\n"),
            (br"d=4%5C%5Cn", br"4\n"),
            (br"d=4%5C%5C%5Cn", br"4\\n"),
            (br"d=n%5C%5C", br"n\\"),
        ] {
            assert_eq!(payload(body).as_deref(), Ok(expected), "{body:?}");
        }
        for body in [&b""[..], b"6:4hello", b"D=1", b"d%00=1"] {
            assert_eq!(payload(body), Err(Violation::UnknownPacket), "{body:?}");
        }
        assert_eq!(payload(b"d"), Ok(Vec::new()));
    }

    /// What a page puts into its form: line breaks are escaped, and what looks like an escaped one.
    fn escaped(payload: &str) -> String {
        payload.replace("\\n", "\\\n").replace('\n', "\\n")
    }

    proptest! {
        #[test]
        fn a_payload_survives_the_form_of_a_page(payload in "[a-n\\\\\n%&+=\u{20ac}]{0,40}") {
            // Here the escape of the browsers' client is ambiguous; JSON has no line breaks.
            prop_assume!(!payload.contains("\\\n"));
            let form: String = escaped(&payload).bytes().map(|byte| format!("%{byte:02x}")).collect();
            let read = super::payload(format!("d={form}").as_bytes());
            prop_assert_eq!(read.as_deref(), Ok(payload.as_bytes()));
        }

        #[test]
        fn a_script_holds_the_payload_as_json_does(payload in "\\PC{0,30}[\u{0}-\u{ff}]{0,10}") {
            let script = String::from_utf8(script(0, payload.as_bytes())).expect("it is text");
            let inside = script.strip_prefix("___eio[0](").and_then(|text| text.strip_suffix(");"));
            let read: String = serde_json::from_str(inside.expect("a call")).expect("a string");
            prop_assert_eq!(read, payload);
        }
    }
}
