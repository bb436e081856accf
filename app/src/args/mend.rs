//! What other languages write for values that Rust's types cannot read as they are.
//!
//! - Python writes `1.0` for a float that is whole, other encoders `1e3`; JavaScript and Python write
//!   `-0`, or `-0.0`. An integer parameter takes such a number as an integer.
//! - Strings of JavaScript and Python may hold half of a surrogate pair, `"\ud800"`. It becomes U+FFFD,
//!   as when JavaScript itself encodes such a string (`TextEncoder`).
//!
//! Arguments that fit at first cost nothing extra.

/// Writes a JSON text anew: numbers that are whole as integers, surrogates without their other half as
/// U+FFFD. `None` when there are none of these.
#[cold]
pub(crate) fn mend(json: &str) -> Option<String> {
    let bytes = json.as_bytes();
    let (mut out, mut copied, mut at) = (String::new(), 0, 0);
    let mut quoted = false;
    while let Some(&byte) = bytes.get(at) {
        let (end, mended) = match byte {
            b'"' => {
                quoted = !quoted;
                (at + 1, None)
            }
            b'\\' if quoted => surrogate(bytes, at),
            b'-' | b'0'..=b'9' if !quoted => number(json, at),
            _ => (at + 1, None),
        };
        if let Some(mended) = mended {
            out.push_str(&json[copied..at]);
            out.push_str(&mended);
            copied = end;
        }
        at = end;
    }
    if copied == 0 {
        return None;
    }
    out.push_str(&json[copied..]);
    Some(out)
}

/// The end of the escape at `at`, and its replacement.
fn surrogate(bytes: &[u8], at: usize) -> (usize, Option<String>) {
    match (unit(bytes, at), unit(bytes, at + LONG)) {
        (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => (at + 2 * LONG, None),
        (Some(0xd800..=0xdfff), _) => (at + LONG, Some("\\ufffd".into())),
        // A backslash, and the character it escapes.
        (_, _) => (at + 2, None),
    }
}

/// The UTF-16 unit that an escape at `at` writes as `\uXXXX`.
fn unit(bytes: &[u8], at: usize) -> Option<u16> {
    let digits = bytes.get(at..at + LONG)?.strip_prefix(b"\\u")?;
    u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// Bytes of `\uXXXX`.
const LONG: usize = 6;

/// Where the number at `at` ends, and how it is written as an integer.
fn number(json: &str, at: usize) -> (usize, Option<String>) {
    let rest = &json[at..];
    let is_part = |byte: u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
    let len = rest.bytes().position(|byte| !is_part(byte)).unwrap_or(rest.len());
    let text = &rest[..len];
    let whole = || {
        let value: f64 = text.parse().ok()?;
        // What no integer of 64 bits could be stays as it is.
        let fits = value.fract() == 0.0 && value.abs() < 18_446_744_073_709_551_616.0;
        #[expect(clippy::cast_possible_truncation, reason = "it is whole, and fits")]
        fits.then(|| (value as i128).to_string())
    };
    let is_odd = text == "-0" || text.contains(['.', 'e', 'E']);
    (at + len, if is_odd { whole() } else { None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_become_integers() {
        for (json, mended) in [
            ("1.0", "1"),
            ("-0", "0"),
            ("-0.0", "0"),
            ("1e3", "1000"),
            ("1E+3", "1000"),
            ("-1.50e1", "-15"),
            ("18446744073709549568.0", "18446744073709549568"),
            ("-9223372036854775808.0", "-9223372036854775808"),
            (r#"[1.0, {"a":[2.0,2.5]},-0]"#, r#"[1, {"a":[2,2.5]},0]"#),
            (r#"["1.0",1.0]"#, r#"["1.0",1]"#),
            (r#"["\"1.0",1.0,"\\",2.0]"#, r#"["\"1.0",1,"\\",2]"#),
        ] {
            assert_eq!(mend(json).as_deref(), Some(mended), "{json}");
        }
        for json in
            ["1", "-1", "0", "1.5", "1e-3", "1e20", "1e999", "18446744073709551616.0", "null"]
        {
            assert_eq!(mend(json), None, "{json}");
        }
    }

    #[test]
    fn half_a_surrogate_pair_becomes_the_replacement_character() {
        for (json, mended) in [
            (r#""\ud800""#, r#""\ufffd""#),
            (r#""\uDFFF""#, r#""\ufffd""#),
            (r#""a\ud83dA""#, r#""a\ufffdA""#),
            (r#""\ud800\ud83d\ude00""#, r#""\ufffd\ud83d\ude00""#),
            (r#""\ude00\ud83d""#, r#""\ufffd\ufffd""#),
            (r#""\ud83d\n""#, r#""\ufffd\n""#),
            (r#"{"\ud800":"\\\udc00"}"#, r#"{"\ufffd":"\\\ufffd"}"#),
            (r#""é\ud800é""#, r#""é\ufffdé""#),
        ] {
            assert_eq!(mend(json).as_deref(), Some(mended), "{json}");
        }
        for json in
            [r#""\ud83d\ude00""#, r#""\\ud800""#, r#""\u00e9""#, r#""\ufffd""#, "\"\u{fffd}\""]
        {
            assert_eq!(mend(json), None, "{json}");
        }
    }

    #[test]
    fn text_that_is_no_json_is_survived() {
        for text in
            ["", "\"", "\"\\", "\"\\u", "\"\\ud80", "\"\\ud800", "-", "1.", "é", "\"\\é", "\\ud800"]
        {
            let _ = mend(text);
        }
    }
}
