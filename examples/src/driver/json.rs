//! JSON with binary in it: `{"$bin":"<base64>"}`, at any depth.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sansocket::{Args, ArgsRef, Bytes};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

/// Members of an object, in their order.
pub(super) struct Members<'a>(pub(super) Vec<(String, &'a RawValue)>);

/// Writes another text in place of an object, and says whether it did.
type Replace<'r> = &'r mut dyn FnMut(&Members<'_>, &mut String) -> serde_json::Result<bool>;

/// Reads the arguments of an event from a JSON array.
///
/// # Errors
/// What is wrong with the text.
pub fn args(text: &str) -> Result<Args, String> {
    let mut attachments = Vec::new();
    let mut json = String::with_capacity(text.len());
    let mut replace = |members: &Members<'_>, out: &mut String| {
        let [(name, value)] = &members.0[..] else { return Ok(false) };
        if name != "$bin" {
            return Ok(false);
        }
        let text: String = serde_json::from_str(value.get())?;
        let bytes = STANDARD.decode(text).map_err(serde::de::Error::custom)?;
        out.push_str(&format!("{{\"_placeholder\":true,\"num\":{}}}", attachments.len()));
        attachments.push(Bytes::from(bytes));
        Ok(true)
    };
    rewrite(text, &mut json, &mut replace).map_err(|error| error.to_string())?;
    Args::from_json(&json, attachments).map_err(|error| error.to_string())
}

/// Writes arguments as a JSON array.
///
/// # Panics
/// Never: arguments are JSON.
#[must_use]
pub fn spelled(args: ArgsRef<'_>) -> Box<RawValue> {
    let mut json = String::with_capacity(args.json().len());
    let mut replace = |members: &Members<'_>, out: &mut String| {
        let member = |name| members.0.iter().find(|(key, _)| key == name).map(|(_, it)| it.get());
        let number = member("num").filter(|_| member("_placeholder") == Some("true"));
        let number = number.and_then(|number| number.parse::<usize>().ok());
        let Some(bytes) = number.and_then(|number| args.attachments().get(number)) else {
            return Ok(false);
        };
        out.push_str(&format!("{{\"$bin\":\"{}\"}}", STANDARD.encode(bytes)));
        Ok(true)
    };
    rewrite(args.json(), &mut json, &mut replace).expect("arguments are JSON");
    RawValue::from_string(json).expect("it was JSON before")
}

/// Copies `text`, with some of its objects replaced.
fn rewrite(text: &str, out: &mut String, replace: Replace<'_>) -> serde_json::Result<()> {
    let text = text.trim_ascii();
    match text.as_bytes().first() {
        Some(b'[') => {
            let items: Vec<&RawValue> = serde_json::from_str(text)?;
            out.push('[');
            for (n, item) in items.iter().enumerate() {
                out.push_str(if n > 0 { "," } else { "" });
                rewrite(item.get(), out, replace)?;
            }
            out.push(']');
        }
        Some(b'{') => {
            let members: Members<'_> = serde_json::from_str(text)?;
            if replace(&members, out)? {
                return Ok(());
            }
            out.push('{');
            for (n, (name, value)) in members.0.iter().enumerate() {
                out.push_str(if n > 0 { "," } else { "" });
                out.push_str(&serde_json::to_string(name)?);
                out.push(':');
                rewrite(value.get(), out, replace)?;
            }
            out.push('}');
        }
        Some(_) | None => out.push_str(text),
    }
    Ok(())
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Collect)
    }
}

struct Collect;

impl<'de> Visitor<'de> for Collect {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Members(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binary_is_found_at_any_depth_and_all_else_stays_as_it_is() {
        let text = r#"[1.50,{"b":{"$bin":"AQI="},"a":[{"$bin":""}]},"$bin",18446744073709551616]"#;
        let args = args(text).expect("it is valid");
        assert_eq!(
            args.json(),
            r#"[1.50,{"b":{"_placeholder":true,"num":0},"a":[{"_placeholder":true,"num":1}]},"$bin",18446744073709551616]"#
        );
        assert_eq!(args.attachments(), [Bytes::from_static(&[1, 2]), Bytes::new()]);
        assert_eq!(spelled(args.as_ref()).get(), text);
    }

    #[test]
    fn what_is_no_array_or_no_base64_is_refused() {
        for text in ["{}", "7", r#"[{"$bin":"?"}]"#, r#"[{"$bin":7}]"#, "["] {
            assert!(args(text).is_err(), "{text}");
        }
    }
}
