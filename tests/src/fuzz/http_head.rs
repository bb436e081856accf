//! A request head is read as a reader that takes nothing for granted reads it, or refused.

use sansocket::{Config, Conn, Inbound, Limits, Method, Violation};
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
                    fields.push((name.to_ascii_lowercase(), value.to_owned()));
                });
                for (name, _) in &fields {
                    let first = fields.iter().find(|(other, _)| other == name);
                    // One that is no text is shown with marks, but not found.
                    let found = request.header(name);
                    let first = first.map(|(_, value)| &**value);
                    let marked = first.is_some_and(|value| value.contains('\u{fffd}'));
                    assert!(found == first || marked && found.is_none(), "{name}");
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

/// The head, when nobody could read it in another way.
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
        || !(target.starts_with('/') || target == "*")
        || !["HTTP/1.0", "HTTP/1.1"].contains(&version)
    {
        return None;
    }
    let (mut names, mut fields) = (Vec::new(), Vec::new());
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
        names.push(name.clone());
        let value = String::from_utf8_lossy(&line[colon + 1..]);
        fields.push((name, value.trim_matches([' ', '\t']).to_owned()));
    }
    let count = |name: &str| names.iter().filter(|other| *other == name).count();
    let framing = count("content-length") + count("transfer-encoding");
    let mut lengths = fields.iter().filter(|(name, _)| name == "content-length");
    let body = lengths.any(|(_, value)| value.bytes().any(|byte| byte != b'0'));
    let ambiguous = framing > 1
        || count("host") > 1
        || count("host") == 0 && version == "HTTP/1.1"
        || matches!(method, "GET" | "HEAD") && (body || count("transfer-encoding") > 0);
    let sound = fields.iter().all(|(name, value)| match &**name {
        "content-length" => !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()),
        "transfer-encoding" => value.eq_ignore_ascii_case("chunked"),
        _ => true,
    });
    let head = Head { method: Method::from_name(method), target: target.to_owned(), fields };
    (sound && !ambiguous).then_some(head)
}
