//! The words with which a server refuses a client, and other members of objects that were checked.

use crate::client::fault::Fault;
use crate::socket::scan;

/// What a CONNECT_ERROR says: an object with `message` and perhaps `data`, or a string.
pub(super) fn fault(reason: Option<&str>) -> Fault {
    let reason = reason.unwrap_or_default().trim_ascii();
    if let Some(message) = scan::string(reason) {
        return Fault::refused(&message, None);
    }
    let message = member(reason, "message").and_then(scan::string);
    Fault::refused(message.as_deref().unwrap_or_default(), member(reason, "data"))
}

/// What the ERROR of a server of Socket.IO 2 says: a string, or any other value that the application made.
pub(super) fn fault_of_v2(reason: Option<&str>) -> Fault {
    let reason = reason.unwrap_or_default().trim_ascii();
    if let Some(message) = scan::string(reason) {
        return Fault::refused(&message, None);
    }
    let message = member(reason, "message").and_then(scan::string);
    Fault::refused(message.as_deref().unwrap_or_default(), (!reason.is_empty()).then_some(reason))
}

/// The value of a member of a JSON object, as it is written; the last one of that name.
pub(super) fn member<'a>(object: &'a str, name: &str) -> Option<&'a str> {
    let bytes = object.as_bytes();
    let (mut depth, mut at) = (0_usize, 0);
    let (mut key, mut start) = (None, None);
    let mut found = None;
    while let Some(&byte) = bytes.get(at) {
        let from = at;
        at += 1;
        match byte {
            b'"' => {
                at = end_of_string(bytes, at);
                if depth == 1 && start.is_none() {
                    key = object.get(from..at).and_then(scan::string);
                }
            }
            b':' if depth == 1 && start.is_none() => start = Some(at),
            b'{' | b'[' => depth += 1,
            b',' | b'}' | b']' => {
                if depth == 1 {
                    let value = start.take().and_then(|start| object.get(start..from));
                    if key.take().is_some_and(|key| key == name) {
                        found = value.map(str::trim_ascii);
                    }
                }
                depth -= usize::from(byte != b',' && depth > 0);
            }
            _ => {}
        }
    }
    found
}

/// Where the string ends whose first byte is at `at`.
fn end_of_string(bytes: &[u8], mut at: usize) -> usize {
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c30_a_refusal_has_a_message_and_perhaps_data() {
        for (reason, message, data) in [
            (r#"{"message":"no"}"#, "no", None),
            (
                r#"{"message":"n\"o","data":{"a":[1,{"b":"}"}]}}"#,
                "n\"o",
                Some(r#"{"a":[1,{"b":"}"}]}"#),
            ),
            (r#" { "data" : 7 , "message" : "no" } "#, "no", Some("7")),
            (r#"{"x":{"message":"inner"},"\u006dessage":"outer"}"#, "outer", None),
            (r#""plain""#, "plain", None),
            ("{}", "", None),
            (r#"{"message":1}"#, "", None),
            (r#"{"a":"message","data":"message"}"#, "", Some("\"message\"")),
        ] {
            let fault = fault(Some(reason));
            assert_eq!((fault.message(), fault.data()), (message, data), "{reason}");
        }
        assert_eq!(fault(None).message(), "");
    }

    #[test]
    fn the_last_member_of_a_name_counts() {
        assert_eq!(member(r#"{"a":1,"a":[2,3],"b":4}"#, "a"), Some("[2,3]"));
        assert_eq!(member(r#"{"a":1}"#, "b"), None);
        for broken in ["", "{", r#"{"a"#, r#"{"a":"#, r#"{"a\"#, "}]", "{\"a\":1"] {
            assert_eq!(member(broken, "a"), None, "{broken}");
        }
    }
}
