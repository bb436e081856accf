//! The facts of a request about its client are those that a slow reader of its fields finds:
//! the page, the cookies, and of a proxy's words those that a trusted one wrote.

mod reading;

use arbitrary::{Result, Unstructured};
use sansocket::{
    Caller, Config, Conn, Cookie, Event, Fields, Handshake, Headers, Inbound, KeepHeaders, Layer,
    Method, Origins, Request, RequestContext, Response, SameSite, Server, Shard, Verdict,
};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::host::BIRTH;
use reading::Reading;

pub(super) fn run(data: &[u8]) {
    let mut input = Unstructured::new(data);
    let Ok(case) = Case::read(&mut input) else { return };
    let expected = Reading::of(&case);
    // A host framework that parsed the fields, and our own reader of the same head.
    let lines = Lines(&case.fields);
    let request = Request::new(case.method, &case.target, Fields::host(&lines));
    match expected.is_ambiguous {
        true => case.check_refusal(request),
        false => case.check(request, &expected),
    }
    let mut conn = Conn::new(Arc::new(case.config.limits.clone()));
    let mut head = case.head();
    let mut decoder = conn.decode(&mut head);
    match decoder.poll() {
        Ok(Some(Inbound::Request(request))) => {
            assert!(!expected.is_ambiguous, "two readers could disagree");
            assert_eq!(request.target, case.target);
            case.check(request, &expected);
        }
        Ok(item) => panic!("{item:?} instead of a request"),
        Err(violation) => assert!(expected.is_ambiguous, "{violation:?}"),
    }
}

/// A request, and the parser asked.
struct Case {
    config: Arc<Config>,
    peer: Option<SocketAddr>,
    secure: bool,
    method: Method,
    target: String,
    fields: Vec<(&'static str, Vec<u8>)>,
}

impl Case {
    fn read(input: &mut Unstructured<'_>) -> Result<Self> {
        let config = config(input)?;
        let peer: bool = input.arbitrary()?;
        let secure = input.arbitrary()?;
        let method = *input.choose(&[Method::Get, Method::Get, Method::Get, Method::Options])?;
        let mut target = String::from("/socket.io/?");
        if input.ratio(1, 4)? {
            for _ in 0..input.int_in_range(0..=8)? {
                target += *input.choose(&PARAMETERS)?;
            }
        } else {
            target += "EIO=4&transport=polling";
        }
        let mut fields = vec![("Host", b"a.example".to_vec())];
        for _ in 0..MAX_FIELDS {
            if input.is_empty() {
                break;
            }
            let name = *input.choose(&NAMES)?;
            fields
                .push((name, if input.ratio(1, 4)? { words(input)? } else { value(name, input)? }));
        }
        let peer = peer.then(|| ([9, 9, 9, 9], 9).into());
        Ok(Self { config: Arc::new(config), peer, secure, method, target, fields })
    }

    /// The request as its client wrote it.
    fn head(&self) -> Vec<u8> {
        let method = self.method.name().expect("it is a known one");
        let mut head = format!("{method} {} HTTP/1.1\r\n", self.target).into_bytes();
        for (name, value) in &self.fields {
            head.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
        }
        head.extend(b"\r\n");
        head
    }

    /// A host that takes what our own reader refuses is answered as our reader does.
    fn check_refusal(&self, request: Request<'_>) {
        let mut server = Server::new(self.config.clone(), Shard::ONLY, [7; 32], *BIRTH);
        let Verdict::Respond(response) =
            server.handle_request(*BIRTH, request, RequestContext::default())
        else {
            panic!("the request is answered")
        };
        assert_eq!((response.status, response.content_type.as_deref()), (400, Some("text/plain")));
        assert!(server.poll_event().is_none());
    }

    fn check(&self, request: Request<'_>, expected: &Reading) {
        let mut caller = Caller::default();
        (caller.peer, caller.secure) = (self.peer, self.secure);
        let seen = self.config.seen(&request, caller);
        assert_eq!((seen.peer, seen.secure), (expected.peer, expected.secure));
        let mut server = Server::new(self.config.clone(), Shard::ONLY, [7; 32], *BIRTH);
        let Verdict::Respond(response) = server.handle_request(*BIRTH, request, caller.into())
        else {
            panic!("the request is answered")
        };
        expected.check_access(&response, &self.config);
        expected.check_answer(&response);
        let opened = matches!(expected.code, Some(None));
        match server.poll_event() {
            Some(Event::Opened { handshake, .. }) if opened => {
                expected.check_handshake(&handshake);
            }
            None if !opened => {}
            event => panic!("{event:?}, but {:?} is expected", expected.code),
        }
        let cookies: Vec<_> = all(&response, "set-cookie").collect();
        match &self.config.cookie {
            Some(cookie) if opened => reading::check_cookie(cookie, &cookies, &response, expected),
            Some(_) | None => assert!(cookies.is_empty(), "{cookies:?}"),
        }
    }
}

const MAX_FIELDS: usize = 10;

fn config(input: &mut Unstructured<'_>) -> Result<Config> {
    let mut config = Config::default();
    config.layer = Layer::EngineIo;
    config.trust_forwarded = input.ratio(2, 3)?;
    config.credentials = input.arbitrary()?;
    config.origins = match input.int_in_range(0..=4)? {
        0 => Origins::Any,
        1 => Origins::Unchecked,
        2 => Origins::SameOrigin,
        3 => Origins::List(LISTED.map(str::to_owned).into()),
        _ => Origins::matching(|origin| origin.ends_with("b.example")),
    };
    if input.ratio(1, 4)? {
        config.keep_headers = KeepHeaders::Named(KEPT.map(str::to_owned).into());
    }
    if input.arbitrary()? {
        let mut cookie = Cookie::named(*input.choose(&["io", "sid", "__Host-io"])?);
        cookie.path = (*input.choose(&["/", "/chat"])?).to_owned();
        cookie.domain = input.choose(&[None, Some("a.example")])?.map(str::to_owned);
        cookie.max_age = input.choose(&[None, Some(0), Some(61_900)])?.map(Duration::from_millis);
        cookie.http_only = input.arbitrary()?;
        cookie.secure = input.arbitrary()?;
        cookie.same_site = *input.choose(&[SameSite::Lax, SameSite::None, SameSite::Strict])?;
        if input.ratio(1, 4)? {
            let text = String::from_utf8_lossy(&words(input)?).into_owned();
            match input.int_in_range(0..=2)? {
                0 => cookie.name = text,
                1 => cookie.path += &text,
                _ => cookie.domain = Some(text),
            }
        }
        let is_sound = reading::is_sound(&cookie);
        let mut alone = Config::default();
        alone.cookie = Some(cookie);
        assert_eq!(alone.check().is_ok(), is_sound, "{:?}", alone.cookie);
        config.cookie = alone.cookie.filter(|_| is_sound);
    }
    Ok(config)
}

const LISTED: [&str; 2] = ["http://b.example", "null"];
const KEPT: [&str; 2] = ["cookie", "x-forwarded-for"];

/// A value of a kind that the field has.
fn value(name: &str, input: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let (elements, between): (&[&[u8]], _) = match &*name.to_ascii_lowercase() {
        "x-forwarded-for" | "x-real-ip" => (&WORDS[..10], b", "),
        "x-forwarded-proto" => (&WORDS[10..13], b", "),
        "x-forwarded-host" | "connection" => (&WORDS[13..17], b", "),
        "forwarded" => (&TOLD, b"; "),
        "origin" => return input.choose(&WORDS[17..23]).map(|origin| origin.to_vec()),
        _ => (&PAIRS, b"; "),
    };
    let list = (0..input.int_in_range(1..=3)?).map(|_| input.choose(elements).copied());
    Ok(list.collect::<Result<Vec<_>>>()?.join(&between[..]))
}

/// Anything that means something in one field or the other.
fn words(input: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let words = (0..input.int_in_range(0..=6)?).map(|_| input.choose(&WORDS).copied());
    Ok(words.collect::<Result<Vec<_>>>()?.concat())
}

const PAIRS: [&[u8]; 10] = [
    b"io=1",
    b"io=2",
    b"sid=3; io",
    b"__Host-io=4",
    b"\xe2\x80\x80__Host-io=5",
    b"\xc2\x85io=6",
    b"io =7",
    b"IO=8",
    b"=9",
    b" sid=\xff ",
];

const TOLD: [&[u8]; 16] = [
    b"for=1.2.3.4",
    b"for=6.6.6.6:99",
    b"For=\"[::1]:8\"",
    b"for=\"[::1]\"",
    b"for=unknown",
    b"for=\"\\1.2.3.4\"",
    b"proto=https",
    b"Proto=\"HTTP\"",
    b"host=a.example",
    b"HOST=\"b.example:443\"",
    b"by=_me",
    b"by=\",;\"",
    b",",
    b" ,",
    b"",
    b"x",
];

const NAMES: [&str; 19] = [
    "Forwarded",
    "forwarded",
    "Authorization",
    "X-Forwarded-For",
    "X-Forwarded-For",
    "x-forwarded-for",
    "X-Forwarded-Proto",
    "X-FORWARDED-PROTO",
    "X-Forwarded-Host",
    "Forwarded",
    "Origin",
    "Origin",
    "Cookie",
    "Cookie",
    "cookie",
    "Connection",
    "Access-Control-Request-Headers",
    "Sec-WebSocket-Extensions",
    "X-Real-IP",
];

const WORDS: [&[u8]; 40] = [
    // Addresses.
    b"1.2.3.4",
    b"6.6.6.6:99",
    b"[::1]",
    b"[::1]:8",
    b"::1",
    b"fe80::1%3",
    b"01.2.3.4",
    b"unknown",
    b"\xff",
    b"",
    // Schemes.
    b"http",
    b"https",
    b"HTTPS",
    // Hosts.
    b"a.example",
    b"b.example",
    b"b.example:443",
    b"B.example:80",
    // Origins.
    b"http://a.example",
    b"https://A.example",
    b"https://b.example:443",
    b"http://b.example",
    b"file://a.example",
    b"null",
    b"://",
    b":443",
    b"for=",
    b"*",
    b",",
    b", ",
    b";",
    b"; ",
    b"=",
    b"io",
    b"__Host-io",
    b"\"",
    b" ",
    b"\t",
    b"\xe2\x80\x80",
    b"\xc2\x85",
    b"\xc3\xa9",
];

const PARAMETERS: [&str; 14] = [
    "EIO=4",
    "EIO=3",
    "EIO",
    "transport=polling",
    "transport=websocket",
    "transport=",
    "&",
    "&j=0",
    "sid=x",
    "sid=",
    "t=1",
    "=",
    "?",
    "%45IO=4",
];

/// Fields as they came, gone through one by one.
struct Lines<'a>(&'a [(&'static str, Vec<u8>)]);

impl Headers for Lines<'_> {
    fn each<'a>(&'a self, each: &mut dyn FnMut(&'a str, &'a [u8])) {
        for (name, value) in self.0 {
            let spaces = |byte: &&u8| matches!(byte, b' ' | b'\t');
            let start = value.iter().take_while(spaces).count();
            let end = value.len() - value[start..].iter().rev().take_while(spaces).count();
            each(name, &value[start..end]);
        }
    }
}

/// A text without the white space of HTTP around it.
fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

fn all<'a>(response: &'a Response, name: &str) -> impl Iterator<Item = &'a str> {
    response.headers.iter().filter(move |(other, _)| other == name).map(|(_, value)| &**value)
}

/// Compares with what a session keeps.
fn kept(handshake: &Handshake) -> Vec<(String, String)> {
    handshake.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}
