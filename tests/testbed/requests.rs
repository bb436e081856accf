//! The meaning of requests: one table for the core, every binding, and hosts.

/// A request, and its answer.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// What it shows.
    pub name: &'static str,
    /// The request; `SID` in it is a polling session that was just opened, `P` and `W` are targets that
    /// open sessions on polling and WebSocket.
    bytes: &'static [u8],
    /// How we answer.
    pub ours: Told,
    /// How a server answers whose heads and bodies hyper reads.
    pub hyper: Told,
}

/// A status, and words that say why.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Told(pub u16, pub &'static str);

impl Case {
    const fn same(name: &'static str, bytes: &'static [u8], told: Told) -> Self {
        Self { name, bytes, ours: told, hyper: told }
    }

    const fn but(self, hyper: Told) -> Self {
        Self { hyper, ..self }
    }

    /// Returns the bytes of the request.
    #[must_use]
    pub fn request(&self, sid: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        for word in self.bytes.split_inclusive(|byte| matches!(byte, b' ' | b'{' | b'}')) {
            match word {
                b"P}" => bytes.extend(b"/socket.io/?EIO=4&transport=polling"),
                b"W}" => bytes.extend(b"/socket.io/?EIO=4&transport=websocket"),
                b"SID}" => bytes.extend(sid.as_bytes()),
                b"KEY}" => bytes.extend(b"dGhlIHNhbXBsZSBub25jZQ=="),
                _ => bytes.extend(word.strip_suffix(b"{").unwrap_or(word)),
            }
        }
        bytes
    }

    /// Whether the request is about a session that has to be opened first.
    #[must_use]
    pub fn needs_session(&self) -> bool {
        self.bytes.windows(5).any(|window| window == b"{SID}")
    }
}

const OPENED: Told = Told(200, "\"sid\":");
const UPGRADED: Told = Told(101, "");
const POSTED: Told = Told(200, "ok");
const TARGET: Told = Told(400, "the request target is a path");
const HOST: Told = Told(400, "the Host field is missing, or is not one host");
const MALFORMED: Told = Told(400, "malformed HTTP request head");
const CHUNK: Told = Told(400, "malformed chunk or trailer");
/// What hyper refuses itself, it refuses without a word.
const SILENT: Told = Told(400, "");

/// The table.
pub const REQUESTS: &[Case] = &[
    // Lists.
    Case::same("a plain request", b"GET {P} HTTP/1.1\r\nHost: a\r\n\r\n", OPENED),
    Case::same(
        "two Connection lines on polling",
        b"GET {P} HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\nConnection: x\r\n\r\n",
        OPENED,
    ),
    Case::same(
        "two Connection lines on plain HTTP",
        b"GET /elsewhere HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\nConnection: x\r\n\r\n",
        Told(404, ""),
    ),
    Case::same(
        "two Connection lines on WebSocket",
        b"GET {W} HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\nConnection: Upgrade\r\n\
          Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n",
        UPGRADED,
    ),
    Case::same(
        "two Upgrade lines",
        b"GET {W} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: a\r\nUpgrade: websocket\r\n\
          Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n",
        UPGRADED,
    ),
    Case::same(
        "an offer of HTTP/2 on polling",
        b"GET {P} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\
          HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n",
        OPENED,
    ),
    // The opening handshake of WebSocket.
    Case::same(
        "a key with spare bits set",
        b"GET {W} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
          Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZR==\r\n\r\n",
        UPGRADED,
    ),
    Case::same(
        "a key that is too short",
        b"GET {W} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
          Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25j\r\n\r\n",
        Told(400, "22 characters of base64"),
    ),
    Case::same(
        "two keys",
        b"GET {W} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
          Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Key: {KEY}\r\n\r\n",
        Told(400, "Sec-WebSocket-Key is given more than once"),
    ),
    Case::same(
        "another version",
        b"GET {W} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
          Sec-WebSocket-Version: 14\r\nSec-WebSocket-Key: {KEY}\r\n\r\n",
        Told(400, "Sec-WebSocket-Version that is spoken here is 13"),
    ),
    Case::same(
        "two versions",
        b"GET {W} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
          Sec-WebSocket-Version: 13\r\nSec-WebSocket-Version: 8\r\nSec-WebSocket-Key: {KEY}\r\n\r\n",
        Told(400, "Sec-WebSocket-Version is given more than once"),
    ),
    Case::same(
        "an Upgrade that Connection does not name",
        b"GET {W} HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\nUpgrade: websocket\r\n\
          Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n",
        Told(400, "names Upgrade"),
    ),
    Case::same(
        "a POST that asks for a WebSocket",
        b"POST {W}&sid={SID} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
          Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\nContent-Length: 0\r\n\r\n",
        Told(400, "a WebSocket handshake is a GET"),
    ),
    // HTTP/1.0.
    Case::same("HTTP/1.0 without a host", b"GET {P} HTTP/1.0\r\n\r\n", OPENED),
    Case::same(
        "HTTP/1.0 that stays",
        b"GET {P} HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n",
        OPENED,
    ),
    Case::same(
        "HTTP/1.0 that asks for a WebSocket",
        b"GET {W} HTTP/1.0\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
          Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n",
        Told(400, "over HTTP/1.1"),
    ),
    Case::same(
        "HTTP/1.0 that offers a WebSocket on polling",
        b"GET {P} HTTP/1.0\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        OPENED,
    ),
    Case::same(
        "HTTP/1.0 in chunks",
        b"POST {P}&sid={SID} HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
          2\r\n40\r\n0\r\n\r\n",
        Told(400, "HTTP/1.0 has no Transfer-Encoding"),
    )
    .but(SILENT),
    // Targets.
    Case::same("an absolute target", b"GET http://a{P} HTTP/1.1\r\nHost: b\r\n\r\n", OPENED),
    Case::same("its scheme in any case", b"GET HTTP://a:80{P} HTTP/1.1\r\nHost: b\r\n\r\n", OPENED),
    Case::same("that of TLS", b"GET https://[::1]{P} HTTP/1.1\r\nHost: b\r\n\r\n", OPENED),
    Case::same(
        "an absolute target on WebSocket",
        b"GET http://a{W} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
          Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n",
        UPGRADED,
    ),
    Case::same(
        "an absolute target decides what the host of a page is",
        b"GET http://a{P} HTTP/1.1\r\nHost: b\r\nOrigin: http://b\r\n\r\n",
        Told(400, "Origin not allowed"),
    ),
    Case::same("a host alone", b"GET http://a HTTP/1.1\r\nHost: a\r\n\r\n", Told(404, "")),
    Case::same(
        "a host and a query",
        b"GET http://a?EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\n\r\n",
        Told(404, ""),
    ),
    Case::same(
        "a target with user information",
        b"GET http://me@a{P} HTTP/1.1\r\nHost: a\r\n\r\n",
        TARGET,
    ),
    Case::same("another scheme", b"GET ftp://a{P} HTTP/1.1\r\nHost: a\r\n\r\n", TARGET),
    // An http::Uri has no fragment.
    Case::same("a fragment", b"GET {P}#x HTTP/1.1\r\nHost: a\r\n\r\n", TARGET).but(OPENED),
    Case::same("a target without a slash", b"GET a/b HTTP/1.1\r\nHost: a\r\n\r\n", TARGET).but(SILENT),
    Case::same("an asterisk", b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", Told(404, "")),
    // Not for us there, as the next.
    Case::same("an asterisk of GET", b"GET * HTTP/1.1\r\nHost: a\r\n\r\n", TARGET).but(Told(404, "")),
    Case::same(
        "a proxy is asked for",
        b"CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n",
        Told(501, "CONNECT asks for a proxy"),
    )
    .but(Told(404, "")),
    // Hosts.
    // Hyper takes it, and so do we from hosts: a request made by hand for a service need not have one.
    Case::same("no host", b"GET {P} HTTP/1.1\r\n\r\n", HOST).but(OPENED),
    Case::same("an absolute target without the field", b"GET http://a{P} HTTP/1.1\r\n\r\n", HOST)
        .but(OPENED),
    Case::same("an empty host", b"GET {P} HTTP/1.1\r\nHost:\r\n\r\n", HOST),
    Case::same("no authority", b"GET {P} HTTP/1.1\r\nHost: a b,c/@\r\n\r\n", HOST),
    Case::same("two hosts in one", b"GET {P} HTTP/1.1\r\nHost: a, b\r\n\r\n", HOST),
    Case::same("user information", b"GET {P} HTTP/1.1\r\nHost: me@a\r\n\r\n", HOST),
    Case::same("a port of letters", b"GET {P} HTTP/1.1\r\nHost: a:http\r\n\r\n", HOST),
    Case::same(
        "two Host fields",
        b"GET {P} HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
        Told(400, "Host is given more than once"),
    ),
    Case::same(
        "two Host fields beside an absolute target",
        b"GET http://a{P} HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        Told(400, "Host is given more than once"),
    ),
    // Other fields that decide something.
    Case::same(
        "an origin that is no text",
        b"GET {P} HTTP/1.1\r\nHost: a\r\nOrigin: http://\xff\r\n\r\n",
        Told(400, "the Origin field is not text"),
    ),
    Case::same(
        "two origins",
        b"GET {P} HTTP/1.1\r\nHost: a\r\nOrigin: http://a\r\nOrigin: http://b\r\n\r\n",
        Told(400, "Origin is given more than once"),
    ),
    Case::same(
        "two who authorize",
        b"GET {P} HTTP/1.1\r\nHost: a\r\nAuthorization: a\r\nAuthorization: b\r\n\r\n",
        Told(400, "Authorization is given more than once"),
    ),
    Case::same(
        "another expectation",
        b"GET {P} HTTP/1.1\r\nHost: a\r\nExpect: y 100-continue\r\n\r\n",
        Told(417, "the only expectation"),
    ),
    // Lengths and chunks.
    Case::same(
        "a body in chunks",
        b"POST {P}&sid={SID} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
          2 ;a=\"b\"\r\n40\r\n0\r\nX: y\r\n\r\n",
        POSTED,
    ),
    Case::same(
        "a GET with a body",
        b"GET {P} HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx",
        Told(400, "GET and HEAD have no body"),
    ),
    Case::same(
        "a length and chunks",
        b"POST {P}&sid={SID} HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\
          Transfer-Encoding: chunked\r\n\r\n2\r\n40\r\n0\r\n\r\n",
        Told(400, "not both"),
    )
    // Hyper takes the length away, as RFC 9112 §6.3 lets it.
    .but(POSTED),
    Case::same(
        "a length with a sign",
        b"POST {P}&sid={SID} HTTP/1.1\r\nHost: a\r\nContent-Length: +2\r\n\r\n40",
        Told(400, "Content-Length is one number in digits"),
    )
    .but(SILENT),
    // Hyper takes one of two lengths that are the same.
    Case::same(
        "two lengths",
        b"POST {P}&sid={SID} HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n40",
        Told(400, "Content-Length is given more than once"),
    )
    .but(POSTED),
    Case::same(
        "another coding",
        b"POST {P}&sid={SID} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        Told(501, "the only transfer coding"),
    ),
    Case::same(
        "a size that is two",
        b"POST {P}&sid={SID} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
          3 4\r\n40x\r\n0\r\n\r\n",
        CHUNK,
    )
    .but(SILENT),
    Case::same(
        "a size with white space behind it",
        b"POST {P}&sid={SID} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
          2 \r\n40\r\n0\r\n\r\n",
        CHUNK,
    )
    .but(POSTED),
    Case::same(
        "NUL in an extension",
        b"POST {P}&sid={SID} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
          2;\0\r\n40\r\n0\r\n\r\n",
        CHUNK,
    )
    .but(POSTED),
    Case::same(
        "a malformed trailer",
        b"POST {P}&sid={SID} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
          2\r\n40\r\n0\r\nX : y\r\n\r\n",
        CHUNK,
    )
    .but(SILENT),
    // Lines.
    Case::same("a bare CR", b"GET {P} HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n", MALFORMED).but(SILENT),
    Case::same("a bare LF", b"GET {P} HTTP/1.1\nHost: a\n\n", MALFORMED).but(OPENED),
    Case::same("a folded line", b"GET {P} HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n", MALFORMED)
        .but(SILENT),
    Case::same("a space before a colon", b"GET {P} HTTP/1.1\r\nHost: a\r\nX : a\r\n\r\n", MALFORMED)
        .but(SILENT),
    Case::same("NUL in a value", b"GET {P} HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n", MALFORMED)
        .but(SILENT),
    Case::same("a method that is no text", b"G\xcb\x9aT {P} HTTP/1.1\r\nHost: a\r\n\r\n", MALFORMED)
        .but(SILENT),
    Case::same("two spaces", b"GET  {P} HTTP/1.1\r\nHost: a\r\n\r\n", MALFORMED).but(SILENT),
];
