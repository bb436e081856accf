//! A request head is read as a reader that takes nothing for granted reads it, or refused.

use sansocket::{Config, Conn, Inbound, Limits, Method, Violation};
use std::net::Ipv6Addr;
use std::sync::Arc;

use super::pieces;

const MAX: usize = 2000;

pub(super) fn run(data: &[u8]) {
    let [seed, bytes @ ..] = data else { return };
    let whole = read(&pieces(bytes, 0));
    assert_eq!(read(&pieces(bytes, *seed)), whole, "a cut changed the meaning");
    if let Ok(Some(head)) = &whole {
        let sound = naive(bytes);
        assert_eq!(Some(head), sound.as_ref());
    }
}

#[derive(Debug, Eq, PartialEq)]
struct Head {
    method: Method,
    target: String,
    fields: Vec<(String, String)>,
}

fn read(pieces: &[Vec<u8>]) -> Result<Option<Head>, Violation> {
    let mut limits: Limits = Config::default().limits;
    limits.head = MAX;
    limits.headers = 20;
    let mut conn = Conn::new(Arc::new(limits));
    for piece in pieces {
        let mut piece = piece.clone();
        let mut decoder = conn.decode(&mut piece);
        match decoder.poll()? {
            None => {}
            Some(Inbound::Request(request)) => {
                let mut fields = Vec::new();
                request.fields.each(&mut |name, value| {
                    fields.push((name.to_ascii_lowercase(), shown(value)));
                });
                for (name, _) in &fields {
                    // HTTP/1.0 has no `Upgrade`, whatever the field says.
                    let found = request.header(name);
                    let all = joined(&fields, name);
                    assert!(found.as_deref() == Some(&*all) || name == "upgrade", "{name}");
                }
                let target = request.target.to_owned();
                return Ok(Some(Head { method: request.method, target, fields }));
            }
            Some(other) => panic!("{other:?} before a request"),
        }
        drop(decoder);
        assert!(conn.bytes_held() <= 2 * MAX + 600, "{} bytes are held", conn.bytes_held());
    }
    Ok(None)
}

/// A value as text, with a mark for each run of bytes that is none.
fn shown(mut value: &[u8]) -> String {
    let mut text = String::new();
    loop {
        match std::str::from_utf8(value) {
            Ok(rest) => return text + rest,
            Err(error) => {
                let (valid, rest) = value.split_at(error.valid_up_to());
                text += std::str::from_utf8(valid).expect("it is valid up to there");
                text.push('?');
                value = &rest[error.error_len().unwrap_or(rest.len())..];
            }
        }
    }
}

/// What all lines of a field say together.
fn joined(fields: &[(String, String)], name: &str) -> String {
    let lines: Vec<&str> =
        fields.iter().filter(|(other, _)| other == name).map(|(_, value)| &**value).collect();
    match name {
        "cookie" => lines.join("; "),
        "from"
        | "if-modified-since"
        | "if-unmodified-since"
        | "max-forwards"
        | "proxy-authorization"
        | "referer"
        | "user-agent" => lines[0].to_owned(),
        _ => lines.join(", "),
    }
}

/// The head, when no parser could read it in another way.
fn naive(bytes: &[u8]) -> Option<Head> {
    let start = (0..).map(|n| 2 * n).find(|&at| !bytes[at..].starts_with(b"\r\n"))?;
    let bytes = &bytes[start..];
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    if end + 4 > MAX || bytes[..end].contains(&0) {
        return None;
    }
    let mut lines = bytes[..end].split(|&byte| byte == b'\n');
    let line = lines.next()?;
    let line = std::str::from_utf8(line.strip_suffix(b"\r").unwrap_or(line)).ok()?;
    let [method, target, version] = line.split(' ').collect::<Vec<_>>()[..] else { return None };
    if !method.bytes().all(|byte| byte.is_ascii_graphic())
        || method == "CONNECT"
        || !["HTTP/1.0", "HTTP/1.1"].contains(&version)
    {
        return None;
    }
    let (authority, target) = target_of(method, target)?;
    let mut fields = Vec::new();
    for line in lines {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.contains(&b'\r') {
            return None;
        }
        let colon = line.iter().position(|&byte| byte == b':')?;
        let name = std::str::from_utf8(&line[..colon]).ok()?.to_ascii_lowercase();
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_graphic()) {
            return None;
        }
        fields.push((name, shown(&line[colon + 1..]).trim_matches([' ', '\t']).to_owned()));
        if fields.last()?.0 == "origin" && std::str::from_utf8(&line[colon + 1..]).is_err() {
            return None;
        }
    }
    if !is_plain(method, version, authority, &fields) {
        return None;
    }
    if let Some(authority) = authority {
        fields.retain(|(name, _)| name != "host");
        fields.insert(0, ("host".to_owned(), authority.to_owned()));
    }
    Some(Head { method: Method::from_name(method), target, fields })
}

/// The host that a target names, and the path and query that it means.
fn target_of<'a>(method: &str, target: &'a str) -> Option<(Option<&'a str>, String)> {
    if target.contains('#') {
        return None;
    }
    if target.starts_with('/') || target == "*" && method == "OPTIONS" {
        return Some((None, target.to_owned()));
    }
    let (scheme, rest) = target.split_once("://")?;
    if !["http", "https"].contains(&&*scheme.to_ascii_lowercase()) {
        return None;
    }
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let slash = if path.starts_with('/') { "" } else { "/" };
    is_host(authority).then(|| (Some(authority), format!("{slash}{path}")))
}

/// Whether a text is a host and perhaps a port.
fn is_host(text: &str) -> bool {
    let (host, port) = match text.rfind(':') {
        Some(at) if !text.ends_with(']') => (&text[..at], &text[at + 1..]),
        _ => (text, ""),
    };
    let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let known = match inner {
        Some(inner) => inner.parse::<Ipv6Addr>().is_ok(),
        None => {
            let plain = |c: char| c.is_ascii_alphanumeric() || "-._~%!$&'()*+;=".contains(c);
            !host.is_empty() && host.chars().all(plain)
        }
    };
    known && port.len() <= 5 && port.chars().all(|c| c.is_ascii_digit())
}

/// Whether the fields of a head say one thing each.
fn is_plain(
    method: &str,
    version: &str,
    authority: Option<&str>,
    fields: &[(String, String)],
) -> bool {
    let count = |name: &str| fields.iter().filter(|(other, _)| other == name).count();
    let mut lengths = fields.iter().filter(|(name, _)| name == "content-length");
    let body = lengths.any(|(_, value)| value.bytes().any(|byte| byte != b'0'));
    let ambiguous = SINGLE.iter().any(|name| count(name) > 1)
        || count("content-length") + count("transfer-encoding") > 1
        || count("host") == 0 && version == "HTTP/1.1"
        || count("transfer-encoding") > 0 && version == "HTTP/1.0"
        || matches!(method, "GET" | "HEAD") && (body || count("transfer-encoding") > 0);
    let sound = fields.iter().all(|(name, value)| match &**name {
        "content-length" => !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()),
        "expect" => value.eq_ignore_ascii_case("100-continue"),
        "host" => authority.is_some() || is_host(value),
        "transfer-encoding" => value.eq_ignore_ascii_case("chunked"),
        _ => true,
    });
    sound && !ambiguous
}

/// Fields that must not be given twice.
const SINGLE: [&str; 7] = [
    "authorization",
    "content-type",
    "expect",
    "host",
    "origin",
    "sec-websocket-key",
    "sec-websocket-version",
];
