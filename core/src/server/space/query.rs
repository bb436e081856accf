//! The query that clients of Socket.IO 2 write behind the name of a namespace, in place of an auth payload.

use std::collections::BTreeMap;

use crate::http::form;
use crate::socket::packet::put_escaped;

/// Splits the name of a namespace from the query behind it.
pub(in crate::server) fn split_query(namespace: &str) -> (&str, Option<&str>) {
    match namespace.split_once('?') {
        Some((name, query)) => (name, Some(query)),
        None => (namespace, None),
    }
}

/// The auth payload that a query stands for: an object of strings. Of the values of a name the last one
/// counts, as with the JavaScript server.
pub(in crate::server) fn auth_of(query: &str) -> String {
    let members: BTreeMap<Vec<u8>, Vec<u8>> = form::pairs(query.as_bytes()).collect();
    let mut out = Vec::with_capacity(query.len() + 16);
    out.push(b'{');
    for (name, value) in members {
        if out.len() > 1 {
            out.push(b',');
        }
        for (text, after) in [(name, &b":"[..]), (value, b"")] {
            out.push(b'"');
            put_escaped(&mut out, &String::from_utf8_lossy(&text));
            out.push(b'"');
            out.extend_from_slice(after);
        }
    }
    out.push(b'}');
    String::from_utf8(out).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_stands_for_an_object_of_strings() {
        for (namespace, name, auth) in [
            ("/admin", "/admin", None),
            ("/admin?", "/admin", Some("{}")),
            ("/admin?token=x", "/admin", Some(r#"{"token":"x"}"#)),
            ("/?b=1&a=%22+%C3%A9&b=2", "/", Some("{\"a\":\"\\\" \u{e9}\",\"b\":\"2\"}")),
            ("/a?x=%ff?", "/a", Some("{\"x\":\"\u{fffd}?\"}")),
        ] {
            let (found, query) = split_query(namespace);
            assert_eq!((found, query.map(auth_of).as_deref()), (name, auth), "{namespace}");
        }
    }
}
