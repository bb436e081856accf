//! What a client reads, one byte after the other.

use flate2::Compression;
use flate2::read::{GzDecoder, GzEncoder, ZlibDecoder, ZlibEncoder};
use std::io::Read;

use super::plan::Plan;

/// Checks that all that was written is the answers to these requests, in order; the last of them was
/// perhaps given up.
pub(super) fn check(plans: &[Plan], mut out: &[u8], aborted: bool) {
    for plan in plans {
        if plan.is_encouraged() {
            out = out.strip_prefix(b"HTTP/1.1 100 Continue\r\n\r\n").expect("it is encouraged");
        }
        let head = Head::split(&mut out);
        if plan.is_refused() {
            assert_eq!(head.status, 413);
            let goes_on = head.only("connection") == plan.stays();
            assert!(goes_on || head.only("connection") == Some("close"), "{head:?}");
            assert_eq!(Some(goes_on), plan.goes_on(), "{plan:?}");
            let len = head.only("content-length").and_then(|len| len.parse().ok());
            out = &out[len.expect("it has a length")..];
            if goes_on {
                continue;
            }
            break;
        }
        assert_eq!(head.status, plan.response.status);
        head.check_fields(plan);
        let goes_on = head.only("connection") == plan.stays();
        assert!(goes_on || head.only("connection") == Some("close"), "{head:?}");
        assert_eq!(goes_on, plan.goes_on().unwrap_or(goes_on), "{plan:?}");
        let Some(len) = head.body(plan) else {
            if goes_on {
                continue;
            }
            break;
        };
        if len > out.len() as u64 {
            assert!(aborted && plan.response.length == Some(len), "a body is too short");
            assert!(plan.answered().starts_with(out), "it begins as it should");
            return;
        }
        let (body, rest) = out.split_at(len as usize);
        out = rest;
        check_body(plan, &head, body);
        if !goes_on {
            break;
        }
    }
    assert!(!aborted, "an answer that was given up is not whole");
    assert_eq!(String::from_utf8_lossy(out), "", "nothing follows the last answer");
}

/// The head of an answer.
#[derive(Debug)]
struct Head {
    status: u16,
    fields: Vec<(String, String)>,
}

impl Head {
    /// Takes a head off the front.
    fn split(out: &mut &[u8]) -> Self {
        let end = out.windows(4).position(|window| window == b"\r\n\r\n").expect("an answer");
        let text = std::str::from_utf8(&out[..end]).expect("heads are text here");
        *out = &out[end + 4..];
        let (line, fields) = text.split_once("\r\n").unwrap_or((text, ""));
        let status = line.strip_prefix("HTTP/1.1 ").expect("an answer");
        let (status, phrase) = status.split_once(' ').expect("a phrase follows");
        assert!(status.len() == 3 && !phrase.is_empty(), "{line}");
        let field = |line: &str| {
            assert!(!line.contains(['\r', '\n', '\0']), "{line:?}");
            let (name, value) = line.split_once(": ").expect("a field");
            (name.to_owned(), value.to_owned())
        };
        let fields = fields.split("\r\n").filter(|line| !line.is_empty()).map(field).collect();
        Self { status: status.parse().expect("digits"), fields }
    }

    fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.fields.iter().filter(move |(field, _)| field == name).map(|(_, value)| &**value)
    }

    /// The value of a field that comes once at most.
    fn only(&self, name: &str) -> Option<&str> {
        let mut all = self.all(name);
        let only = all.next();
        assert_eq!(all.next(), None, "{name} comes twice");
        only
    }

    /// Checks that the host's fields are there, as it set them, unless compressing changes them.
    fn check_fields(&self, plan: &Plan) {
        let response = &plan.response;
        let kept = |name: &str| !["vary", "etag"].contains(&name);
        let mut expected: Vec<(&str, String)> = Vec::new();
        // A 304 describes nothing but the fields it depends on.
        let kind =
            response.content_type.iter().filter(|_| !response.compress || self.status != 304);
        expected.extend(kind.map(|kind| ("content-type", kind.to_string())));
        expected.extend(response.no_store.then(|| ("cache-control", "no-store".to_owned())));
        let broken = ['\r', '\n', '\0'];
        let own = response.headers.iter().filter(|(name, _)| kept(name));
        expected.extend(own.map(|(name, value)| (&**name, value.replace(broken, ""))));
        let ours = ["connection", "content-length"];
        let found = self.fields.iter().filter(|(name, _)| kept(name) && !ours.contains(&&**name));
        let found: Vec<_> = found.map(|(name, value)| (&**name, value.clone())).collect();
        if plan.coding().is_some() && found.len() > expected.len() {
            expected.push(("content-encoding", plan.coding().unwrap_or_default().to_owned()));
        }
        assert_eq!(found, expected);
        let varies = self.all("vary").any(|vary| vary.contains("Accept-Encoding"));
        assert_eq!(varies, plan.compresses(), "caches know what it depends on");
    }

    /// Bytes of the body, when there is one.
    fn body(&self, plan: &Plan) -> Option<u64> {
        let length = self.only("content-length").map(|length| length.parse().expect("digits"));
        let is_unknown = plan.method == "HEAD" && self.status == 200 && plan.liked().is_some();
        if [204, 304].contains(&self.status) || is_unknown {
            assert_eq!(length, None, "there is no body to be counted");
            return None;
        }
        let length = length.expect("its length is told");
        if plan.method == "HEAD" {
            assert_eq!(length, plan.response.length.unwrap_or(plan.response.body.len() as u64));
            return None;
        }
        Some(length)
    }
}

fn check_body(plan: &Plan, head: &Head, body: &[u8]) {
    let answered = plan.answered();
    let own = plan.response.headers.iter().any(|(name, _)| name == "content-encoding");
    let coding = head.only("content-encoding").filter(|_| !own);
    let mut plain = Vec::new();
    match coding {
        None => plain.extend_from_slice(body),
        Some("gzip") => drop(GzDecoder::new(body).read_to_end(&mut plain).expect("it is gzip")),
        Some("deflate") => drop(ZlibDecoder::new(body).read_to_end(&mut plain).expect("zlib")),
        Some(other) => panic!("{other} is no coding the server knows"),
    }
    assert!(plain == answered, "the body is another");
    match (coding, plan.coding()) {
        (None, None) => {}
        (Some(coding), wanted) => {
            assert_eq!(Some(coding), wanted, "{:?}", plan.accepts);
            assert!(body.len() < answered.len(), "it is made smaller");
        }
        (None, Some(wanted)) => assert!(size(wanted, &answered) >= answered.len(), "{plan:?}"),
    }
    let tags = head.all("etag").filter(|tag| !tag.starts_with("W/")).count();
    let before = plan.response.headers.iter().filter(|(_, value)| value == "\"tag\"").count();
    let depends = plan.liked().is_some() && head.status != 206;
    assert_eq!(tags, if depends { 0 } else { before }, "a tag stands for these bytes");
    // A host that writes answers on its own gets the same.
    let encoded = plan.response.clone().encoded(&plan.accepts.join(","));
    let own = encoded.headers.iter().find(|(name, _)| name == "content-encoding");
    assert_eq!(own.map(|(_, value)| &**value), head.only("content-encoding"));
}

/// Bytes of a text that is compressed quickly.
fn size(coding: &str, text: &[u8]) -> usize {
    let mut out = Vec::new();
    let read = match coding {
        "gzip" => GzEncoder::new(text, Compression::fast()).read_to_end(&mut out),
        _ => ZlibEncoder::new(text, Compression::fast()).read_to_end(&mut out),
    };
    read.expect("memory takes every write");
    out.len()
}

impl Plan {
    /// Whether the answer could be compressed for some client.
    fn compresses(&self) -> bool {
        let response = &self.response;
        let field = |wanted| response.headers.iter().find(|(name, _)| name == wanted);
        let kind = match &response.content_type {
            Some(kind) => kind,
            None => field("content-type").map_or("", |(_, value)| value),
        };
        let text = ["text/", "application/json", "image/svg+xml"];
        let may = match response.status {
            200 => response.length.is_none() || self.method == "HEAD",
            status => [206, 304].contains(&status),
        };
        response.compress
            && may
            && field("content-encoding").is_none()
            && (text.iter().any(|text| kind.starts_with(text))
                || kind.is_empty() && response.status == 304)
    }

    /// What the body is compressed with.
    fn coding(&self) -> Option<&'static str> {
        self.liked().filter(|_| self.method != "HEAD" && self.response.status == 200)
    }

    /// What its client would have it compressed with (RFC 9110 §12.5.3).
    fn liked(&self) -> Option<&'static str> {
        if !self.compresses() {
            return None;
        }
        let likes: Vec<(String, u32)> =
            self.accepts.iter().flat_map(|list| list.split(',')).map(liking).collect();
        let of = |names: &[&str]| {
            likes.iter().rfind(|(name, _)| names.contains(&&**name)).map(|&(_, weight)| weight)
        };
        let rest = of(&["*"]);
        let weight = |names: &[&str]| of(names).or(rest).unwrap_or_default();
        let (gzip, deflate) = (weight(&["gzip", "x-gzip"]), weight(&["deflate"]));
        let plain = of(&["identity"]).unwrap_or_default();
        match () {
            () if gzip > 0 && gzip >= deflate && gzip >= plain => Some("gzip"),
            () if deflate > gzip && deflate >= plain => Some("deflate"),
            () => None,
        }
    }
}

/// A coding and how much it is liked, in thousandths: not at all when that is malformed.
fn liking(element: &str) -> (String, u32) {
    let mut parts = element.split(';').map(|part| part.trim_matches([' ', '\t']));
    let name = parts.next().unwrap_or_default().to_ascii_lowercase();
    let Some(parameter) = parts.next() else { return (name, 1000) };
    let weight = || {
        let value = parameter.strip_prefix("q=").or_else(|| parameter.strip_prefix("Q="))?;
        let (whole, decimals) = value.split_once('.').unwrap_or((value, ""));
        let digits = decimals.bytes().all(|byte| byte.is_ascii_digit());
        let sound = ["0", "1"].contains(&whole) && decimals.len() <= 3 && digits;
        sound.then(|| format!("{whole}{decimals:0<3}").parse::<u32>().expect("four digits"))
    };
    (name, weight().unwrap_or_default().min(1000))
}
