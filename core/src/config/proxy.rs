//! What a trusted proxy says about a request: `Forwarded`, or the `X-Forwarded-*` fields.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

use crate::context::Caller;
use crate::http::Fields;

/// The client as the proxy reports it, in the fields of a request that came from `proxy`.
pub(super) fn seen_from(fields: Fields<'_>, proxy: Caller) -> Caller {
    let told = Told::of(fields);
    Caller {
        peer: told.peer.or(proxy.peer),
        secure: match told.proto {
            Some(proto) => proto.eq_ignore_ascii_case("https"),
            None => proxy.secure,
        },
    }
}

/// What a proxy says of a request.
#[derive(Debug, Default, Eq, PartialEq)]
pub(super) struct Told<'a> {
    /// The address of the client, with port 0 when none is told.
    pub(super) peer: Option<SocketAddr>,
    /// The scheme that the client used.
    pub(super) proto: Option<Cow<'a, str>>,
    /// The host that the client named.
    pub(super) host: Option<Cow<'a, str>>,
}

impl<'a> Told<'a> {
    /// Reads the `X-Forwarded-*` fields; only when there is none of these, `Forwarded`. Nearly all
    /// proxies write the former, and pass on whatever their clients say in the latter.
    pub(super) fn of(fields: Fields<'a>) -> Self {
        let (mut usual, mut standard) = (None::<Self>, None);
        fields.each(&mut |name, value| match name.len() {
            9 if name.eq_ignore_ascii_case("forwarded") => standard = Some(value),
            15 if name.eq_ignore_ascii_case("x-forwarded-for") => {
                // Whatever stands before the last element came from the client.
                let last = value.rsplit(|&byte| byte == b',').next().unwrap_or_default();
                usual.get_or_insert_default().peer = text(last).and_then(address);
            }
            16 if name.eq_ignore_ascii_case("x-forwarded-host") => {
                let host = &mut usual.get_or_insert_default().host;
                *host = host.take().or_else(|| first(value));
            }
            17 if name.eq_ignore_ascii_case("x-forwarded-proto") => {
                let proto = &mut usual.get_or_insert_default().proto;
                *proto = proto.take().or_else(|| first(value));
            }
            _ => {}
        });
        usual.or_else(|| Self::from_standard(text(standard?)?)).unwrap_or_default()
    }

    /// Reads the last element of the last `Forwarded` field, which the nearest proxy wrote; `None` when
    /// the field is malformed (RFC 7239 §4).
    ///
    /// ```text
    /// field = element *( "," element )      element = [ pair ] *( ";" [ pair ] )
    /// pair  = token "=" ( word / quoted )   word    = 1*( any but white space, quotes, "," and ";" )
    /// ```
    fn from_standard(field: &'a str) -> Option<Self> {
        let mut told = Self::default();
        let mut unread = Unread(field);
        let mut names: [&str; 3] = [""; 3];
        let mut ended = false;
        loop {
            match unread.next_mark() {
                None => return Some(told),
                Some(b',') => {
                    ended = true;
                    unread.skip();
                }
                Some(b';') => unread.skip(),
                Some(_) => {
                    if std::mem::take(&mut ended) {
                        (told, names) = (Self::default(), [""; 3]);
                    }
                    let (name, value) = unread.pair()?;
                    told.learn(name, value, &mut names)?;
                }
            }
        }
    }

    /// Takes one pair of an element; `None` when it has the same already.
    fn learn(&mut self, name: &str, value: Cow<'a, str>, names: &mut [&str; 3]) -> Option<()> {
        let known = ["for", "host", "proto"].into_iter().zip(names);
        for (known, seen) in known.filter(|(known, _)| name.eq_ignore_ascii_case(known)) {
            if *seen == known {
                return None;
            }
            *seen = known;
        }
        if name.eq_ignore_ascii_case("for") {
            self.peer = address(&value);
        } else if name.eq_ignore_ascii_case("host") {
            self.host = Some(value);
        } else if name.eq_ignore_ascii_case("proto") {
            self.proto = Some(value);
        }
        Some(())
    }
}

/// The part of a `Forwarded` field that is not read yet.
struct Unread<'a>(&'a str);

impl<'a> Unread<'a> {
    /// The next byte that is no white space.
    fn next_mark(&mut self) -> Option<u8> {
        self.0 = self.0.trim_start_matches([' ', '\t']);
        self.0.bytes().next()
    }

    /// Passes over a mark, which is ASCII.
    fn skip(&mut self) {
        self.0 = &self.0[1..];
    }

    fn pair(&mut self) -> Option<(&'a str, Cow<'a, str>)> {
        let (name, value) = self.0.split_once('=')?;
        if name.is_empty() || name.contains([' ', '\t', ',', ';', '"']) {
            return None;
        }
        self.0 = value;
        let value = match value.strip_prefix('"') {
            Some(quoted) => self.quoted(quoted)?,
            None => self.word(),
        };
        // Whatever follows begins something else.
        matches!(self.next_mark(), None | Some(b',' | b';')).then_some((name, value))
    }

    fn word(&mut self) -> Cow<'a, str> {
        let end = self.0.find([' ', '\t', ',', ';', '"']).unwrap_or(self.0.len());
        let (word, rest) = self.0.split_at(end);
        self.0 = rest;
        word.into()
    }

    /// The inside of quotes, where a backslash stands before a character that is meant as it is.
    fn quoted(&mut self, text: &'a str) -> Option<Cow<'a, str>> {
        let mut unescaped: Option<String> = None;
        let mut chars = text.char_indices();
        while let Some((at, char)) = chars.next() {
            match char {
                '"' => {
                    self.0 = &text[at + 1..];
                    return Some(unescaped.map_or(Cow::Borrowed(&text[..at]), Cow::Owned));
                }
                '\\' => {
                    let (_, char) = chars.next()?;
                    unescaped.get_or_insert_with(|| text[..at].to_owned()).push(char);
                }
                _ => {
                    if let Some(unescaped) = &mut unescaped {
                        unescaped.push(char);
                    }
                }
            }
        }
        None
    }
}

/// The first element of a list, unless it is empty.
fn first(list: &[u8]) -> Option<Cow<'_, str>> {
    let element = text(list.split(|&byte| byte == b',').next()?)?;
    (!element.is_empty()).then_some(Cow::Borrowed(element))
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes.trim_ascii()).ok()
}

/// An address in any of the forms that proxies write: in quotes or not, IPv6 in brackets or not, with
/// a port or not, which is 0 then. A name that hides an address is none (RFC 7239 §6).
fn address(text: &str) -> Option<SocketAddr> {
    let inner = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    let text = inner.unwrap_or(text);
    let alone = |text: &str| {
        let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
        bare.parse::<IpAddr>().ok().map(|ip| SocketAddr::new(ip, 0))
    };
    // A port may be hidden as well.
    let hidden = || text.split_once(":_").and_then(|(text, _)| alone(text));
    text.parse().ok().or_else(|| alone(text)).or_else(hidden)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::head::Places;

    fn fields(lines: &str) -> Fields<'_> {
        Fields::head(lines.as_bytes(), &Places::UNKNOWN)
    }

    /// The client that a proxy reports, whose own stream is not encrypted.
    fn seen(lines: &str) -> Caller {
        seen_from(fields(lines), Caller::default())
    }

    fn peer(lines: &str) -> Option<String> {
        seen(lines).peer.map(|peer| peer.to_string())
    }

    #[test]
    fn the_last_address_is_the_one_the_nearest_proxy_wrote() {
        for (lines, expected) in [
            ("X-Forwarded-For: 1.2.3.4\r\n", Some("1.2.3.4:0")),
            ("X-Forwarded-For: 6.6.6.6, 1.2.3.4:99\r\n", Some("1.2.3.4:99")),
            ("X-Forwarded-For: 6.6.6.6\r\nx-forwarded-for: ::1\r\n", Some("[::1]:0")),
            ("X-Forwarded-For: [::1]\r\n", Some("[::1]:0")),
            ("X-Forwarded-For: [::1]:8\r\n", Some("[::1]:8")),
            ("X-Forwarded-For: \"[2001:db8::1]:4711\"\r\n", Some("[2001:db8::1]:4711")),
            ("X-Forwarded-For: 6.6.6.6, \"[2001:db8::1]\"\r\n", Some("[2001:db8::1]:0")),
            ("X-Forwarded-For: \"1.2.3.4:5\"\r\n", Some("1.2.3.4:5")),
            ("X-Forwarded-For: \"1.2.3.4\r\n", None),
            ("X-Forwarded-For: 1.2.3.4, unknown\r\n", None),
            ("X-Forwarded-For:\r\n", None),
            ("", None),
        ] {
            assert_eq!(peer(lines).as_deref(), expected, "{lines}");
        }
    }

    #[test]
    fn the_first_scheme_and_host_are_the_clients() {
        let forwarded =
            "X-Forwarded-Proto: https, http\r\nX-Forwarded-Host: shop.example, inner\r\n";
        assert!(seen(forwarded).secure);
        assert_eq!(Told::of(fields(forwarded)).host.as_deref(), Some("shop.example"));
        let proxy = Caller { secure: true, ..Caller::default() };
        assert!(!seen_from(fields("X-Forwarded-Proto: http\r\n"), proxy).secure);
        let silent = fields("X-Forwarded-Host: ,\r\n");
        assert!(seen_from(silent, proxy).secure);
        assert_eq!(Told::of(silent).host, None);
    }

    #[test]
    fn the_last_element_of_forwarded_is_the_one_the_nearest_proxy_wrote() {
        for (field, expected) in [
            ("for=192.0.2.60;proto=http;by=203.0.113.43", Some("192.0.2.60:0")),
            ("For=\"[2001:db8:cafe::17]:4711\"", Some("[2001:db8:cafe::17]:4711")),
            ("for=192.0.2.43, for=198.51.100.17", Some("198.51.100.17:0")),
            ("for=6.6.6.6,FOR = 1.2.3.4", None),
            ("for=6.6.6.6 , ;for=\"1.2.3.4:5\";", Some("1.2.3.4:5")),
            ("for=1.2.3.4:5", Some("1.2.3.4:5")),
            ("for=\"1.2.3.4:_port\"", Some("1.2.3.4:0")),
            ("for=\"[::1]:_port\"", Some("[::1]:0")),
            ("for=\"\\1.2\\.3.4\"", Some("1.2.3.4:0")),
            ("for=6.6.6.6, for=unknown", None),
            ("for=6.6.6.6, for=_hidden", None),
            ("for=6.6.6.6, by=_hidden", None),
            ("for=1.2.3.4,", Some("1.2.3.4:0")),
            ("", None),
            ("for", None),
            ("=1.2.3.4", None),
            ("for=1.2.3.4;for=6.6.6.6", None),
            // A client that opens quotes swallows what its proxy adds, and gains nothing by it.
            ("for=6.6.6.6;x=\", for=1.2.3.4", None),
            ("for=6.6.6.6;x=\", for=\"[::1]:5\"", None),
            ("for=6.6.6.6;x=\"\\", None),
        ] {
            let lines = format!("Forwarded: {field}\r\n");
            assert_eq!(peer(&lines).as_deref(), expected, "{lines}");
        }
        let lines = "Forwarded: for=6.6.6.6;proto=https\r\nforwarded: for=1.2.3.4\r\n";
        assert_eq!(peer(lines).as_deref(), Some("1.2.3.4:0"));
        assert!(!seen(lines).secure);
        let lines = "Forwarded: host=evil, for=\"_a\";proto=HTTPS;host=\"shop.example:80\"\r\n";
        assert!(seen(lines).secure);
        assert_eq!(Told::of(fields(lines)).host.as_deref(), Some("shop.example:80"));
    }

    #[test]
    fn forwarded_is_not_believed_beside_the_usual_fields() {
        for usual in ["X-Forwarded-For: 1.2.3.4", "X-Forwarded-Proto: http", "X-Forwarded-Host: a"]
        {
            let lines = format!("Forwarded: for=6.6.6.6;proto=https;host=evil\r\n{usual}\r\n");
            let seen = seen(&lines);
            assert!(!seen.secure, "{usual}");
            assert_ne!(seen.peer.map(|peer| peer.ip().to_string()).as_deref(), Some("6.6.6.6"));
            assert_ne!(Told::of(fields(&lines)).host.as_deref(), Some("evil"), "{usual}");
        }
    }
}
