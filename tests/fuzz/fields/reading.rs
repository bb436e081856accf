//! The slow reader.

use sansocket::{Config, Cookie, Handshake, KeepHeaders, Method, Origins, Response, SameSite};
use std::net::{IpAddr, SocketAddr};

use super::{Case, LISTED, all, kept, trim};

/// What a request means.
pub(super) struct Reading {
    /// Whether a field that decides something comes twice.
    pub(super) is_ambiguous: bool,
    pub(super) peer: Option<SocketAddr>,
    pub(super) secure: bool,
    /// The error that answers it, `Some(None)` when a session opens, `None` for a preflight.
    pub(super) code: Option<Option<u8>>,
    /// What may be asked for in a preflight.
    wanted: Option<String>,
    page: Page,
    query: String,
    /// Fields that a session keeps.
    kept: Vec<(String, String)>,
}

/// Where a request comes from.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Page {
    /// No browser asks, or the settings allow every origin.
    Own,
    /// Another that may connect, and how it is named.
    Other(String),
    Refused,
}

impl Reading {
    pub(super) fn of(case: &Case) -> Self {
        let fields = Texts::of(case);
        let (mut peer, mut secure) = (case.peer, case.secure);
        if case.config.trust_forwarded {
            let told = fields.told();
            peer = told.peer.or(peer);
            secure = told.proto.map_or(secure, |scheme| scheme == "https");
        }
        let page = fields.page(&case.config);
        let (_, query) = case.target.split_once('?').expect("there is a query");
        let single = ["host", "origin", "authorization"];
        let preflight = case.method == Method::Options;
        Self {
            is_ambiguous: single.iter().any(|name| fields.count(name) > 1)
                || fields.named("origin").any(|(_, text, _)| text.is_none()),
            peer,
            secure,
            code: (!preflight).then(|| code(query, &page)),
            wanted: fields.all("access-control-request-headers").filter(|_| preflight),
            page,
            query: query.to_owned(),
            kept: fields.kept(&case.config.keep_headers),
        }
    }

    /// Checks what other pages may read of the answer.
    pub(super) fn check_access(&self, response: &Response, config: &Config) {
        let only = |name| {
            let found: Vec<_> = all(response, name).collect();
            assert!(found.len() <= 1, "{name}: {found:?}");
            found.first().copied()
        };
        let origin = only("access-control-allow-origin");
        let credentials = only("access-control-allow-credentials");
        assert!(origin != Some("*") || credentials.is_none(), "every page acts for its user");
        let (named, varies) = match &self.page {
            Page::Own => (None, false),
            Page::Other(origin) => (Some(&**origin), true),
            Page::Refused => (None, true),
        };
        assert_eq!(origin, named);
        assert_eq!(credentials.is_some(), config.credentials && origin.is_some_and(|o| o != "*"));
        assert_eq!(only("vary"), varies.then_some("Origin"));
        let wanted = self.wanted.as_deref().filter(|_| named.is_some());
        assert_eq!(only("access-control-allow-headers"), wanted);
    }

    pub(super) fn check_answer(&self, response: &Response) {
        let Some(code) = self.code else {
            assert_eq!(response.status, 204);
            return;
        };
        let body = std::str::from_utf8(&response.body).expect("answers are text");
        match code {
            None => assert!(response.status == 200 && body.starts_with("0{"), "{body}"),
            Some(code) => {
                assert_eq!(response.status, 400);
                assert!(body.starts_with(&format!("{{\"code\":{code},")), "{body}, not {code}");
            }
        }
    }

    pub(super) fn check_handshake(&self, handshake: &Handshake) {
        assert_eq!((handshake.peer(), handshake.is_secure()), (self.peer, self.secure));
        assert_eq!((handshake.path(), handshake.query()), ("/socket.io/", &*self.query));
        assert_eq!(kept(handshake), self.kept);
        for name in ["io", "sid", "__Host-io", "", "\u{e9}", "\u{2000}io", "io "] {
            assert_eq!(handshake.cookie(name), self.cookie(name).as_deref(), "{name:?}");
        }
    }

    /// The first cookie of that name (RFC 6265 §4.2.1).
    fn cookie(&self, name: &str) -> Option<String> {
        for (_, list) in self.kept.iter().filter(|(field, _)| field.eq_ignore_ascii_case("cookie"))
        {
            for pair in list.split(';') {
                let pair = trim(pair);
                if pair.find('=') == Some(name.len()) && pair.starts_with(name) {
                    return Some(pair[name.len() + 1..].to_owned());
                }
            }
        }
        None
    }
}

/// Checks the cookie that tells a session id, attribute by attribute.
pub(super) fn check_cookie(cookie: &Cookie, lines: &[&str], opened: &Response, of: &Reading) {
    let [line] = lines else { panic!("one cookie is set, not {lines:?}") };
    let mut parts = line.split("; ");
    let body = std::str::from_utf8(&opened.body).expect("OPEN is text");
    let sid = body.split('"').nth(3).expect("OPEN names a sid");
    assert_eq!(parts.next(), Some(&*format!("{}={sid}", cookie.name)));
    let mut attributes: Vec<_> = parts.collect();
    attributes.sort_unstable();
    let mut expected = vec![format!("Path={}", cookie.path)];
    expected.extend(cookie.domain.iter().map(|domain| format!("Domain={domain}")));
    expected.extend(cookie.max_age.map(|age| format!("Max-Age={}", age.as_millis() / 1000)));
    expected.extend(cookie.http_only.then(|| "HttpOnly".to_owned()));
    expected.extend((cookie.secure || of.secure).then(|| "Secure".to_owned()));
    expected.push(format!("SameSite={:?}", cookie.same_site));
    expected.sort_unstable();
    assert_eq!(attributes, expected);
}

/// Whether every browser reads the cookie as it is meant, and keeps it.
pub(super) fn is_sound(cookie: &Cookie) -> bool {
    let plain = |text: &str, but: &str| {
        text.chars()
            .all(|char| char.is_ascii() && char > ' ' && char < '\x7f' && !but.contains(char))
    };
    let name = plain(&cookie.name, "()<>@,;:\\\"/[]?={}") && !cookie.name.is_empty();
    let values = [Some(&cookie.path), cookie.domain.as_ref()];
    let values = values.into_iter().flatten().all(|value| plain(value, ",;\\\""));
    name && values && (cookie.secure || cookie.same_site != SameSite::None)
}

/// Fields as texts, with bytes that are no text marked.
struct Texts(Vec<(String, Option<String>, String)>);

impl Texts {
    fn of(case: &Case) -> Self {
        let texts = case.fields.iter().map(|(name, value)| {
            let text = std::str::from_utf8(value).ok().map(|text| trim(text).to_owned());
            let lossy = String::from_utf8_lossy(value).replace('\u{fffd}', "?");
            let lossy = trim(&lossy).to_owned();
            ((*name).to_owned(), text, lossy)
        });
        Self(texts.collect())
    }

    fn named(
        &self,
        name: &str,
    ) -> impl DoubleEndedIterator<Item = &(String, Option<String>, String)> {
        self.0.iter().filter(move |(other, ..)| other.to_ascii_lowercase() == name)
    }

    fn count(&self, name: &str) -> usize {
        self.named(name).count()
    }

    fn first(&self, name: &str) -> Option<String> {
        self.named(name).next()?.1.clone()
    }

    /// All lines of a list.
    fn all(&self, name: &str) -> Option<String> {
        let lines: Vec<_> = self.named(name).map(|(.., lossy)| &**lossy).collect();
        (!lines.is_empty()).then(|| lines.join(", "))
    }

    /// The first element of a list, in lower case, of the first line that has one.
    fn element(&self, name: &str) -> Option<String> {
        self.named(name).find_map(|(.., list)| {
            let element = trim(&list[..list.find(',').unwrap_or(list.len())]).to_ascii_lowercase();
            // A mark is no text.
            (!element.is_empty() && !element.contains('?')).then_some(element)
        })
    }

    /// What the nearest proxy says.
    fn told(&self) -> Told {
        let usual = ["x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"];
        if usual.iter().all(|name| self.count(name) == 0) {
            let last = self.named("forwarded").next_back();
            return last
                .and_then(|(_, text, _)| Told::from_standard(text.as_ref()?))
                .unwrap_or_default();
        }
        let last = self.named("x-forwarded-for").next_back();
        let element = last.map(|(.., list)| &list[list.rfind(',').map_or(0, |at| at + 1)..]);
        Told {
            peer: element.and_then(|element| address(trim(element))),
            proto: self.element("x-forwarded-proto"),
            host: self.element("x-forwarded-host"),
        }
    }

    fn page(&self, config: &Config) -> Page {
        let Some(origin) = self.first("origin") else { return Page::Own };
        let listed = match &config.origins {
            Origins::Any => return Page::Other("*".into()),
            Origins::Unchecked => return Page::Own,
            Origins::SameOrigin => false,
            Origins::List(_) => LISTED.contains(&&*origin),
            Origins::Matching(_) => origin.ends_with("b.example"),
            other => panic!("{other:?}"),
        };
        if self.is_same(&origin, config.trust_forwarded) {
            Page::Own
        } else if listed {
            Page::Other(origin)
        } else {
            Page::Refused
        }
    }

    /// Whether a page is one of this host, as far as the request tells.
    fn is_same(&self, origin: &str, trusted: bool) -> bool {
        let Some((scheme @ ("http" | "https"), host)) = origin.split_once("://") else {
            return false;
        };
        let place = |host: &str| {
            let usual = if scheme == "http" { ":80" } else { ":443" };
            host.strip_suffix(usual).unwrap_or(host).to_ascii_lowercase()
        };
        let named = |name: Option<String>| name.is_some_and(|name| place(&name) == place(host));
        let told = self.told();
        let same = told.proto.is_none_or(|told| told == scheme);
        named(self.first("host")) || trusted && same && named(told.host)
    }

    fn kept(&self, keep: &KeepHeaders) -> Vec<(String, String)> {
        let kept = self.0.iter().filter(|(name, ..)| {
            let name = name.to_ascii_lowercase();
            if let KeepHeaders::Named(names) = keep {
                return names.contains(&name);
            }
            name == "sec-websocket-protocol"
                || name != "connection" && !name.starts_with("sec-websocket-")
        });
        let mut all: Vec<(String, String)> = Vec::new();
        for (name, _, lossy) in kept {
            match all.iter_mut().find(|(other, _)| other.eq_ignore_ascii_case(name)) {
                None => all.push((name.clone(), lossy.clone())),
                Some((other, list)) => {
                    let cookie = other.eq_ignore_ascii_case("cookie");
                    *list = [list, lossy.as_str()].join(if cookie { "; " } else { ", " });
                }
            }
        }
        all
    }
}

/// What a proxy says.
#[derive(Default)]
struct Told {
    peer: Option<SocketAddr>,
    /// In lower case, as the next.
    proto: Option<String>,
    host: Option<String>,
}

impl Told {
    /// The last element of a `Forwarded` field, unless anything in it is malformed.
    fn from_standard(field: &str) -> Option<Self> {
        let mut told = Self::default();
        for element in outside_quotes(field, ',')? {
            let mut pairs = Vec::new();
            for pair in outside_quotes(element, ';')? {
                let pair = trim(pair);
                if !pair.is_empty() {
                    pairs.push(pair_of(pair)?);
                }
            }
            if pairs.is_empty() {
                continue;
            }
            let all = |name: &str| pairs.iter().filter(|(other, _)| other == name).count();
            if ["for", "proto", "host"].iter().any(|name| all(name) > 1) {
                return None;
            }
            let value =
                |name| pairs.iter().find(|(other, _)| other == name).map(|(_, v)| v.clone());
            told = Self {
                peer: value("for").and_then(|value| address(&value)),
                proto: value("proto").map(|value| value.to_ascii_lowercase()),
                host: value("host").map(|value| value.to_ascii_lowercase()),
            };
        }
        Some(told)
    }
}

/// The parts between the marks that are outside of quotes; `None` when quotes stay open.
fn outside_quotes(text: &str, mark: char) -> Option<Vec<&str>> {
    let (mut parts, mut start, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (at, char) in text.char_indices() {
        let was_escaped = std::mem::take(&mut escaped);
        match char {
            _ if was_escaped => {}
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if char == mark && !quoted => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    (!quoted).then_some(parts)
}

/// Name and value, without quotes.
fn pair_of(pair: &str) -> Option<(String, String)> {
    let (name, value) = pair.split_once('=')?;
    if name.is_empty() || name.contains([' ', '\t', '"']) {
        return None;
    }
    let Some(quoted) = value.strip_prefix('"') else {
        let plain = !value.contains([' ', '\t', '"']);
        return plain.then(|| (name.to_ascii_lowercase(), value.to_owned()));
    };
    let (mut inside, mut chars) = (String::new(), quoted.chars());
    loop {
        match chars.next()? {
            '"' => break,
            '\\' => inside.push(chars.next()?),
            char => inside.push(char),
        }
    }
    chars.as_str().is_empty().then(|| (name.to_ascii_lowercase(), inside))
}

/// An address, with or without brackets, a port and quotes.
fn address(element: &str) -> Option<SocketAddr> {
    let inner = element.strip_prefix('"').and_then(|element| element.strip_suffix('"'));
    let element = inner.unwrap_or(element);
    let ip = |text: &str| text.parse::<IpAddr>().ok();
    if let Some((host, port)) = element.rsplit_once(':')
        && let Ok(port) = port.parse::<u16>()
    {
        // A port stands behind brackets, or behind the only colon.
        let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let host = inner.and_then(ip).filter(IpAddr::is_ipv6);
        let host = host.or_else(|| ip(element.rsplit_once(':')?.0).filter(IpAddr::is_ipv4));
        if let Some(host) = host {
            return Some(SocketAddr::new(host, port));
        }
    }
    let bare = element.strip_prefix('[').and_then(|element| element.strip_suffix(']'));
    ip(bare.unwrap_or(element)).map(|ip| SocketAddr::new(ip, 0))
}

/// The error that answers a handshake, in the order of the JavaScript server.
fn code(query: &str, page: &Page) -> Option<u8> {
    let values = |key: &str| -> Vec<&str> {
        let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        pairs.filter(|(name, _)| *name == key).map(|(_, value)| value).collect()
    };
    let (revision, transport, sid) = (values("EIO"), values("transport"), values("sid"));
    match () {
        () if [&revision, &transport, &sid].iter().any(|values| values.len() > 1) => Some(3),
        () if !matches!(transport[..], ["polling" | "websocket"]) => Some(0),
        () if *page == Page::Refused => Some(3),
        () if transport == ["polling"] && !values("j").is_empty() => Some(3),
        () if sid.iter().any(|sid| !sid.is_empty()) => Some(1),
        // It needs a WebSocket handshake.
        () if transport == ["websocket"] => Some(3),
        () if revision != ["4"] => Some(5),
        () => None,
    }
}
