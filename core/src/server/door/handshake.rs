//! The request that a session began with, as far as the session keeps it.

use std::any::Any;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::config::KeepHeaders;
use crate::context::RequestContext;
use crate::http::{Request, cut, separator};

/// The request a session began with.
///
/// Its `Debug` text shows no query and no headers, which may hold credentials.
pub struct Handshake {
    peer: Option<SocketAddr>,
    extra: Option<Arc<dyn Any + Send + Sync>>,
    /// Path, query, then `name:value` lines: one allocation for all.
    text: Box<str>,
    /// Bytes of the query.
    query: u32,
    /// Bytes of the path.
    path: u16,
    secure: bool,
}

const _: () = assert!(size_of::<Handshake>() <= 72, "a handshake is held per connection");

impl Handshake {
    /// `text` is an empty buffer that is reused, so that the kept text has its exact size.
    pub(in crate::server) fn of(
        (request, context): (&Request<'_>, &RequestContext<'_>),
        keep: &KeepHeaders,
        text: &mut String,
    ) -> Self {
        let (path, query) = cut(request.target, b'?').unwrap_or((request.target, ""));
        // A request head is never so long that these fail.
        let (path, path_len) = u16::try_from(path.len()).map_or(("", 0), |len| (path, len));
        let (query, query_len) = u32::try_from(query.len()).map_or(("", 0), |len| (query, len));
        text.push_str(path);
        text.push_str(query);
        let start = text.len();
        let mut seen = 0;
        request.fields.each_text(&mut |name, value| {
            let wanted = match keep {
                KeepHeaders::All => !is_transport(name),
                KeepHeaders::Named(names) => names.iter().any(|n| n.eq_ignore_ascii_case(name)),
            };
            let mark = mark_of(name);
            if !wanted || seen & mark != 0 && join(text, start, name, value) {
                return;
            }
            seen |= mark;
            text.push_str(name);
            text.push(':');
            text.push_str(value);
            text.push('\n');
        });
        let this = Self {
            peer: context.caller.peer,
            extra: context.extra.cloned(),
            text: text.as_str().into(),
            query: query_len,
            path: path_len,
            secure: context.caller.secure,
        };
        // No other code is to see it.
        text.clear();
        if text.capacity() > KEEP {
            *text = String::new();
        }
        this
    }

    /// Memory it takes, without the attachment of the host.
    pub(in crate::server) fn bytes_held(&self) -> usize {
        size_of::<Self>() + self.text.len()
    }

    /// Returns the address of the other end, when the embedder told it.
    ///
    /// With [`Config::trust_forwarded`](crate::Config::trust_forwarded), that is the one the proxy
    /// reports.
    #[must_use]
    pub fn peer(&self) -> Option<SocketAddr> {
        self.peer
    }

    /// Whether the request came encrypted: to this process, or to a proxy that is trusted.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// Returns the attachment of the host to the request.
    #[must_use]
    pub fn extra(&self) -> Option<&Arc<dyn Any + Send + Sync>> {
        self.extra.as_ref()
    }

    /// Returns the path, still percent-encoded.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.text[..self.query_start()]
    }

    /// Returns the query string, still percent-encoded.
    #[must_use]
    pub fn query(&self) -> &str {
        &self.text[self.query_start()..self.headers_start()]
    }

    /// Returns the revision of Engine.IO that the session speaks: 4, or 3 for clients of Socket.IO 2.
    #[must_use]
    pub fn revision(&self) -> u8 {
        if self.query().split('&').any(|pair| pair == "EIO=3") { 3 } else { 4 }
    }

    /// Returns the header of that name, in any case, when it was kept; with `?` for what is not UTF-8.
    ///
    /// One that came on several lines is the list of all of them, as in Node: those of `cookie` are
    /// separated by `; `, others by `, `, and of `user-agent`, `referer` and others that are no lists
    /// only the first counts.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers().find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Returns the headers that were kept, each name once, in the order they came.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.text[self.headers_start()..].lines().filter_map(|line| line.split_once(':'))
    }

    /// Returns the first cookie of exactly that name, as it was sent, when the `Cookie` header was
    /// kept (RFC 6265 §5.4: pairs are separated by semicolons).
    #[must_use]
    pub fn cookie(&self, name: &str) -> Option<&str> {
        self.headers()
            .filter(|(field, _)| field.eq_ignore_ascii_case("cookie"))
            .flat_map(|(_, cookies)| cookies.split(';'))
            // Browsers take other white space for part of a name: trimming it as well would let a
            // page set what reads as a `__Host-` cookie.
            .filter_map(|cookie| cookie.trim_ascii().split_once('='))
            .find(|(found, _)| *found == name)
            .map(|(_, value)| value)
    }

    fn query_start(&self) -> usize {
        usize::from(self.path)
    }

    fn headers_start(&self) -> usize {
        self.query_start() + self.query as usize
    }
}

impl fmt::Debug for Handshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { peer, secure, .. } = self;
        f.debug_struct("Handshake")
            .field("peer", peer)
            .field("path", &self.path())
            .field("secure", secure)
            .finish_non_exhaustive()
    }
}

/// One of 64 bits for a name: names that share one may be the same.
fn mark_of(name: &str) -> u64 {
    let last = name.as_bytes().last().map_or(0, |byte| usize::from(byte | 0x20));
    1 << ((5 * name.len() + last) % 64)
}

/// Adds a further line of a field to the one that is kept of it; whether there is one.
fn join(text: &mut String, start: usize, name: &str, value: &str) -> bool {
    let mut at = start;
    while let Some((line, _)) = cut(&text[at..], b'\n') {
        let end = at + line.len();
        if line.split_once(':').is_some_and(|(found, _)| found.eq_ignore_ascii_case(name)) {
            if let Some(separator) = separator(name) {
                text.insert_str(end, value);
                text.insert_str(end, separator);
            }
            return true;
        }
        at = end + 1;
    }
    false
}

/// A longer buffer is given back after the request that needed it.
const KEEP: usize = 4096;

/// Headers that only concern the transport and tell an application nothing. Subprotocols are names that
/// the application of the client chose, and may be more than names.
fn is_transport(name: &str) -> bool {
    name.eq_ignore_ascii_case("connection")
        || name.eq_ignore_ascii_case("upgrade")
        || name.get(..14).is_some_and(|start| start.eq_ignore_ascii_case("sec-websocket-"))
            && !name.eq_ignore_ascii_case("sec-websocket-protocol")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Caller;
    use crate::http::head::Places;
    use crate::http::{Fields, Method};

    fn request(lines: &[u8]) -> Request<'_> {
        let fields = Fields::head(lines, &Places::UNKNOWN);
        Request::new(Method::Get, "/socket.io/?EIO=4&a=b%20c", fields)
    }

    /// The handshake of a request with these header lines.
    fn kept(lines: &[u8], keep: &KeepHeaders) -> Handshake {
        Handshake::of((&request(lines), &RequestContext::default()), keep, &mut String::new())
    }

    #[test]
    fn a_handshake_keeps_path_query_and_headers() {
        let lines = b"Host: a\r\nSec-WebSocket-Key: x\r\nX-Conf: 1\r\nUpgrade: websocket\r\n";
        let request = request(lines);
        let nothing = RequestContext::default();
        let all = Handshake::of((&request, &nothing), &KeepHeaders::All, &mut String::new());
        assert_eq!((all.path(), all.query()), ("/socket.io/", "EIO=4&a=b%20c"));
        assert_eq!(all.revision(), 4);
        assert_eq!(all.headers().collect::<Vec<_>>(), [("Host", "a"), ("X-Conf", "1")]);
        assert_eq!(all.header("x-conf"), Some("1"));
        assert_eq!((all.peer(), all.is_secure(), all.extra().is_some()), (None, false, false));
        let keep = KeepHeaders::Named(vec!["x-conf".into()]);
        let named = Handshake::of((&request, &nothing), &keep, &mut String::new());
        assert_eq!(named.headers().collect::<Vec<_>>(), [("X-Conf", "1")]);
    }

    #[test]
    fn a_handshake_keeps_what_the_host_attached() {
        let extra: Arc<dyn Any + Send + Sync> = Arc::new(7_u32);
        let caller = Caller { secure: true, ..Caller::default() };
        let context = RequestContext { extra: Some(&extra), ..caller.into() };
        let handshake =
            Handshake::of((&request(b""), &context), &KeepHeaders::All, &mut String::new());
        assert!(handshake.is_secure());
        let found = handshake.extra().and_then(|extra| extra.downcast_ref::<u32>());
        assert_eq!(found, Some(&7));
    }

    #[test]
    fn a_header_on_several_lines_is_kept_as_one() {
        let lines = b"Cookie: a=1\r\nX-List: a\r\ncookie: b=2\r\nx-list: b, c\r\nReferer: a\r\n\
            Referer: b\r\nX-Lost: d\r\nX-List:\r\n";
        let handshake = kept(lines, &KeepHeaders::All);
        assert_eq!(
            handshake.headers().collect::<Vec<_>>(),
            [("Cookie", "a=1; b=2"), ("X-List", "a, b, c, "), ("Referer", "a"), ("X-Lost", "d")]
        );
        assert_eq!(handshake.cookie("b"), Some("2"));
    }

    #[test]
    fn a_header_that_is_no_text_takes_no_more_than_it_came_with() {
        let lines = [&b"X: "[..], &[0xff; 1000], b"\r\nX: \xe2\x82 \xff\r\n"].concat();
        let handshake = kept(&lines, &KeepHeaders::All);
        let kept: usize = handshake.headers().map(|(name, value)| name.len() + value.len()).sum();
        assert!(kept <= lines.len(), "{kept}");
        assert_eq!(handshake.header("x"), Some(&*format!("{}, ? ?", "?".repeat(1000))));
    }

    #[test]
    fn cookies_are_found_by_their_exact_name() {
        let lines = b"Cookie: a=1; b=x=y;c = 3 ; flag; A=9\r\ncookie: a=2; late=\"q\"\r\n";
        let handshake = kept(lines, &KeepHeaders::All);
        for (name, value) in [
            ("a", Some("1")),
            ("A", Some("9")),
            ("b", Some("x=y")),
            ("late", Some("\"q\"")),
            ("flag", None),
            ("", None),
            ("nobody", None),
        ] {
            assert_eq!(handshake.cookie(name), value, "{name}");
        }
        let named = kept(lines, &KeepHeaders::Named(Vec::new()));
        assert_eq!(named.cookie("a"), None);
    }
}
