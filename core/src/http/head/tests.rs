use super::*;
use crate::http::Fields;

/// Reads a head from a text that may be changed by it.
fn parse(text: &[u8], limits: &Limits) -> Result<Head, Violation> {
    super::parse(&mut text.to_vec(), limits)
}

fn head(fields: &str) -> Result<Head, Violation> {
    let text = format!("POST /socket.io/?EIO=4 HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
    parse(text.as_bytes(), &Limits::default())
}

/// The refusal of a request of these bytes.
fn refused(text: impl AsRef<[u8]>) -> Option<Violation> {
    parse(text.as_ref(), &Limits::default()).err()
}

#[test]
fn target_and_fields_are_places_in_the_head() {
    let text = b"GET /GET?x HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n";
    let head = parse(text, &Limits::default()).expect("valid");
    assert_eq!(&text[head.target], b"/GET?x");
    assert_eq!(head.places.lines_of(text), b"Host: a\r\nX: y\r\n\r\n");
}

#[test]
fn values_are_found_where_they_are() {
    let text = b"GET / HTTP/1.1\r\nHost:  a.b \r\nX: y\r\nUpgrade:\r\nOrigin:c\r\n\r\n";
    let head = parse(text, &Limits::default()).expect("valid");
    let fields = Fields::head(text, &head.places);
    for (name, value) in [
        ("host", Some("a.b")),
        ("upgrade", Some("")),
        ("origin", Some("c")),
        ("x", Some("y")),
        ("expect", None),
        ("y", None),
    ] {
        assert_eq!(fields.get(name).as_deref(), value, "{name}");
    }
}

#[test]
fn lists_on_several_lines_are_one() {
    let several = "Connection: keep-alive\r\nUpgrade: a\r\nconnection: Upgrade, close\r\n\
                   Upgrade: b\r\n";
    let text = format!("GET / HTTP/1.1\r\nHost: a\r\n{several}\r\n");
    let head = parse(text.as_bytes(), &Limits::default()).expect("valid");
    assert_eq!(head.persistence, Persistence::Close);
    let fields = Fields::head(text.as_bytes(), &head.places);
    assert_eq!(fields.get("connection").as_deref(), Some("keep-alive, Upgrade, close"));
    assert!(fields.has_token(Field::Connection, "upgrade"));
    assert!(fields.has_token(Field::Upgrade, "b"));
}

#[test]
fn who_speaks_http_1_0_has_to_ask_for_the_connection_to_stay() {
    let persistence = |version: &str, fields: &str| {
        let text = format!("GET / HTTP/{version}\r\nHost: a\r\n{fields}\r\n");
        parse(text.as_bytes(), &Limits::default()).expect("valid").persistence
    };
    for (version, fields, expected) in [
        ("1.1", "", Persistence::Keep),
        ("1.1", "Connection: keep-alive\r\n", Persistence::Keep),
        ("1.1", "Connection: keep-alive, close\r\n", Persistence::Close),
        ("1.0", "", Persistence::Close),
        ("1.0", "Connection: Keep-Alive\r\n", Persistence::KeepAlive),
        ("1.0", "Connection: x\r\nConnection: keep-alive\r\n", Persistence::KeepAlive),
        ("1.0", "Connection: close\r\nConnection: keep-alive\r\n", Persistence::Close),
    ] {
        assert_eq!(persistence(version, fields), expected, "{version} {fields}");
    }
}

#[test]
fn what_http_1_0_cannot_do_is_not_asked_for() {
    let text = b"GET / HTTP/1.0\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                 Expect: 100-continue\r\nUpgrade: h2c\r\n\r\n";
    let head = parse(text, &Limits::default()).expect("valid");
    assert!(!head.expects_continue);
    assert!(!Fields::head(text, &head.places).has_token(Field::Upgrade, "websocket"));
}

#[test]
fn a_target_may_name_its_host() {
    for (sent, target, host) in [
        ("/a?b", "/a?b", "h"),
        ("http://b.example/a?b", "/a?b", "b.example"),
        ("HTTP://b.example:80/", "/", "b.example:80"),
        ("hTTps://[::1]:443/?a=http://c/", "/?a=http://c/", "[::1]:443"),
        ("http://b", "/", "b"),
        ("http://b:1", "/", "b:1"),
        ("http://b.example?a/b", "/?a/b", "b.example"),
    ] {
        let mut text = format!("GET {sent} HTTP/1.1\r\nX: y\r\nHost: h\r\n\r\n").into_bytes();
        let head = super::parse(&mut text, &Limits::default()).expect(sent);
        assert_eq!(std::str::from_utf8(&text[head.target]), Ok(target), "{sent}");
        let lines = &text[..text.len() - 2];
        let fields = Fields::head(lines, &head.places);
        assert_eq!(fields.get("host").as_deref(), Some(host), "{sent}");
        let mut all = Vec::new();
        fields.each(&mut |name, value| {
            all.push((name.to_ascii_lowercase(), String::from_utf8_lossy(value).into_owned()));
        });
        all.sort();
        let expected = [("host", host), ("x", "y")].map(|(a, b)| (a.to_owned(), b.to_owned()));
        assert_eq!(all, expected, "{sent}");
    }
}

#[test]
fn targets_that_are_no_address_of_ours_are_refused() {
    for target in [
        "http://",
        "http:///a",
        "http://?a",
        "http://a b/",
        "http://me@b/",
        "http://me:secret@b/",
        "http://a,b/",
        "http://a:x/",
        "http:/a",
        "ftp://a/",
        "ws://a/",
        "a:80",
        "a",
        "*",
        "?a",
        "/a#b",
        "/a?b#c",
        "http://a/#b",
        "http://a#b",
    ] {
        let text = format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n");
        let expected =
            if target.contains(' ') { Violation::InvalidHead } else { Violation::InvalidTarget };
        assert_eq!(refused(text), Some(expected), "{target}");
    }
    let asks = |line: &str| refused(format!("{line} HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_eq!(asks("OPTIONS *"), None);
    assert_eq!(asks("OPTIONS *a"), Some(Violation::InvalidTarget));
    assert_eq!(asks("CONNECT a:80"), Some(Violation::Tunnel));
    assert_eq!(asks("CONNECT /"), Some(Violation::Tunnel));
}

#[test]
fn a_host_is_one_authority() {
    let refused = |version: &str, target: &str, fields: &str| {
        refused(format!("GET {target} HTTP/{version}\r\n{fields}\r\n"))
    };
    for (fields, expected) in [
        ("", Some(Violation::InvalidHost)),
        ("Host:\r\n", Some(Violation::InvalidHost)),
        ("Host: a b,c/@\r\n", Some(Violation::InvalidHost)),
        ("Host: a, b\r\n", Some(Violation::InvalidHost)),
        ("Host: me@a\r\n", Some(Violation::InvalidHost)),
        ("Host: a:80\r\n", None),
        ("Host: a\r\nHost: a\r\n", Some(Violation::RepeatedField(Field::Host))),
    ] {
        assert_eq!(refused("1.1", "/", fields), expected, "{fields}");
        let old = if fields.is_empty() { None } else { expected };
        assert_eq!(refused("1.0", "/", fields), old, "{fields}");
    }
    // The host of the target goes before the field, which has to be there all the same.
    assert_eq!(refused("1.1", "http://a/", "Host:\r\n"), None);
    assert_eq!(refused("1.1", "http://a/", ""), Some(Violation::InvalidHost));
    assert_eq!(refused("1.0", "http://a/", ""), None);
}

#[test]
fn ambiguous_framing_is_refused() {
    use Violation::{AmbiguousRequest, InvalidLength, RepeatedField};
    for (fields, expected) in [
        ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", AmbiguousRequest),
        ("Content-Length: +5\r\n", InvalidLength),
        ("Content-Length: 5, 5\r\n", InvalidLength),
        ("Content-Length:\r\n", InvalidLength),
        ("Content-Length: 5\r\nContent-Length: 5\r\n", RepeatedField(Field::ContentLength)),
        (
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            RepeatedField(Field::TransferEncoding),
        ),
        ("Host: b\r\n", RepeatedField(Field::Host)),
        ("Origin: http://a\r\nOrigin: http://a\r\n", RepeatedField(Field::Origin)),
        ("Content-Type: a\r\nContent-Type: b\r\n", RepeatedField(Field::ContentType)),
        ("Authorization: a\r\nAuthorization: b\r\n", RepeatedField(Field::Authorization)),
        ("Sec-WebSocket-Key: a\r\nSec-WebSocket-Key: b\r\n", RepeatedField(Field::SecWebSocketKey)),
    ] {
        assert_eq!(head(fields).err(), Some(expected), "{fields}");
    }
    let get = |fields: &str| refused(format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n"));
    assert_eq!(get("Content-Length: 1\r\n"), Some(Violation::UnexpectedBody));
    assert_eq!(get("Transfer-Encoding: chunked\r\n"), Some(Violation::UnexpectedBody));
    assert_eq!(get("Content-Length: 0\r\n"), None);
    let old = "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(refused(old), Some(Violation::UnexpectedCoding));
}

#[test]
fn repeated_fields_are_named() {
    let told = head("Host: b\r\n").expect_err("refused").to_string();
    assert_eq!(told, "the field Host is given more than once");
}

#[test]
fn expectations_other_than_100_continue_are_refused() {
    assert!(head("Expect: 100-Continue\r\n").expect("valid").expects_continue);
    for value in ["200-ok", "y 100-continue", "100-continue, x", "", "100-continue;a"] {
        let refusal = head(&format!("Expect: {value}\r\n")).err();
        assert_eq!(refusal, Some(Violation::UnknownExpectation), "{value}");
    }
}

#[test]
fn an_origin_that_is_no_text_is_refused() {
    let text = b"GET / HTTP/1.1\r\nHost: a\r\nOrigin: http://\xff\r\n\r\n";
    assert_eq!(refused(text), Some(Violation::InvalidOrigin));
}

#[test]
fn only_the_chunked_coding_is_known() {
    let coding = |value: &str| head(&format!("Transfer-Encoding: {value}\r\n")).err();
    assert_eq!(coding("chunked"), None);
    assert_eq!(coding("gzip, chunked"), Some(Violation::UnsupportedCoding));
    assert_eq!(coding("xchunked"), Some(Violation::UnsupportedCoding));
}

#[test]
fn malformed_heads_are_refused() {
    for text in [
        "GET / HTTP/2.0\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n",
        "GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /  HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1 \r\nHost: a\r\n\r\n",
        "GET / http/1.1\r\nHost: a\r\n\r\n",
        "G\u{e9}T / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX\u{e9}: b\r\n\r\n",
    ] {
        assert_eq!(refused(text), Some(Violation::InvalidHead), "{text:?}");
    }
}

#[test]
fn any_token_of_some_length_is_a_method() {
    let method = |name: &str| {
        let text = format!("{name} /a HTTP/1.1\r\nHost: a\r\n\r\n");
        parse(text.as_bytes(), &Limits::default()).map(|head| (head.method, head.target))
    };
    assert_eq!(method("PROPFIND"), Ok((Method::Other, 9..11)));
    assert_eq!(method("M-x!#$%&'*+.^_`|~"), Ok((Method::Other, 18..20)));
    assert_eq!(method("get"), Ok((Method::Other, 4..6)));
    assert_eq!(method(&"M".repeat(32)), Ok((Method::Other, 33..35)));
    for name in [&*"M".repeat(33), "", "M/", "M\"", "M\u{e9}", "M\t"] {
        assert_eq!(method(name), Err(Violation::InvalidHead), "{name}");
    }
}

#[test]
fn fields_are_counted() {
    let limits = Limits { headers: 2, ..Limits::default() };
    let refused = |n: usize| {
        let text = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(n));
        parse(text.as_bytes(), &limits).err()
    };
    assert_eq!(refused(1), None);
    assert_eq!(refused(2), Some(Violation::TooManyHeaders));
}

#[test]
fn the_end_is_found_without_looking_twice() {
    let limits = Limits { head: 40, ..Limits::default() };
    let text = b"GET / HTTP/1.1\r\nHost: a\r\n\r\nrest";
    let mut scanned = 0;
    for end in 0..27 {
        match find_end(&text[..end], scanned, &limits) {
            Ok(Err(n)) => scanned = n,
            other => assert_eq!((other, end), (Ok(Ok(27)), 27)),
        }
    }
    assert_eq!(find_end(text, scanned, &limits), Ok(Ok(27)));
    assert_eq!(find_end(&[b'x'; 40], 0, &limits), Err(Violation::HeadTooLarge));
    assert_eq!(find_end(b"GET / HTTP/1.1\n\n", 0, &limits), Err(Violation::InvalidHead));
}
