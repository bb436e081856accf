//! The requests of a client: target, query and fields (engine.io-protocol v4, "HTTP long-polling").

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::borrow::Cow;

use super::route::Route;
use crate::client::config::{Config, Timestamps, Transport};
use crate::client::url::put_encoded;
use crate::engine::payload::is_framed;
use crate::engine::terms::Revision;
use crate::http::{Method, cut};
use crate::link::{Asks, Exchange};

/// Parameters that are the protocol's to set.
const OWN: [&str; 6] = ["EIO", "transport", "sid", "t", "j", "b64"];

/// Fields that are the protocol's to set.
const FRAMING: [&str; 8] = [
    "connection",
    "content-length",
    "sec-websocket-extensions",
    "sec-websocket-key",
    "sec-websocket-protocol",
    "sec-websocket-version",
    "transfer-encoding",
    "upgrade",
];

/// Fields that prove something to the host that they are meant for.
const SECRETS: [&str; 3] = ["authorization", "cookie", "proxy-authorization"];

#[cfg(feature = "compression")]
const CODINGS: Option<&str> = Some("gzip, deflate");
#[cfg(not(feature = "compression"))]
const CODINGS: Option<&str> = None;

/// What a request is made of.
pub(super) struct Making<'a> {
    pub(super) config: &'a Config,
    pub(super) route: &'a Route,
    pub(super) transport: Transport,
    pub(super) revision: Revision,
    pub(super) sid: Option<&'a str>,
    /// Makes the request different from all others.
    pub(super) nonce: [u8; 6],
    pub(super) cookies: Option<String>,
}

impl Making<'_> {
    pub(super) fn get(self) -> Exchange {
        let asks = match self.transport {
            Transport::Polling => Asks::Answer,
            Transport::WebSocket => Asks::WebSocket,
        };
        let mut exchange = Exchange::get(self.target(), asks);
        self.put_fields(&mut exchange);
        if self.transport == Transport::WebSocket {
            exchange.deflate = self.config.deflate;
        }
        if self.transport == Transport::WebSocket && !self.config.protocols.is_empty() {
            let protocols = self.config.protocols.join(", ");
            exchange.headers.push(("sec-websocket-protocol".into(), protocols.into()));
        }
        exchange
    }

    pub(super) fn post(self, body: Vec<u8>) -> Exchange {
        let framed = self.revision != Revision::V4 && is_framed(&body);
        let kind = if framed { "application/octet-stream" } else { "text/plain;charset=UTF-8" };
        let mut exchange = Exchange::get(self.target(), Asks::Answer);
        exchange.method = Method::Post;
        exchange.body = body.into();
        self.put_fields(&mut exchange);
        exchange.headers.push(("content-type".into(), kind.into()));
        exchange
    }

    fn target(&self) -> String {
        let mut out = String::with_capacity(128);
        out.push_str(self.route.path(self.config));
        out.push('?');
        let start = out.len();
        self.put_query_of_url(&mut out, start);
        if !self.route.is_redirected() {
            for (key, value) in self.config.query.iter().filter(|(key, _)| !is_own(key)) {
                separate(&mut out, start);
                put_encoded(&mut out, key);
                out.push('=');
                put_encoded(&mut out, value);
            }
        }
        separate(&mut out, start);
        out.push_str(match self.revision {
            Revision::V3(_) => "EIO=3&transport=",
            Revision::V4 => "EIO=4&transport=",
        });
        out.push_str(self.transport.as_str());
        if let Some(sid) = self.sid {
            out.push_str("&sid=");
            put_encoded(&mut out, sid);
        }
        let marked = match self.config.timestamps {
            Timestamps::All => true,
            Timestamps::None => false,
            Timestamps::Polling => self.transport == Transport::Polling,
        };
        if marked {
            out.push_str("&t=");
            URL_SAFE_NO_PAD.encode_string(self.nonce, &mut out);
        }
        if self.config.base64 {
            out.push_str("&b64=1");
        }
        out
    }

    /// The pairs of the URL that nothing overrides, as they were written.
    fn put_query_of_url(&self, out: &mut String, start: usize) {
        let redirected = self.route.is_redirected();
        for pair in self.route.endpoint.query().split('&').filter(|pair| !pair.is_empty()) {
            let key = cut(pair, b'=').map_or(pair, |(key, _)| key);
            let given = !redirected && self.config.query.iter().any(|(given, _)| given == key);
            if !given && !is_own(key) {
                separate(out, start);
                out.push_str(pair);
            }
        }
    }

    fn put_fields(&self, exchange: &mut Exchange) {
        let trusted = self.route.is_trusted(self.config);
        let own = &self.config.headers;
        let has = |wanted: &str| own.iter().any(|(name, _)| name.eq_ignore_ascii_case(wanted));
        let put = |exchange: &mut Exchange, name: &'static str, value: Cow<'static, str>| {
            exchange.headers.push((name.into(), value));
        };
        if !has("host") || !trusted {
            put(exchange, "host", self.route.endpoint.authority().to_owned().into());
        }
        if !has("user-agent") {
            put(exchange, "user-agent", concat!("sansocket/", env!("CARGO_PKG_VERSION")).into());
        }
        if !has("accept") {
            put(exchange, "accept", "*/*".into());
        }
        if let Some(codings) = CODINGS.filter(|_| !has("accept-encoding")) {
            put(exchange, "accept-encoding", codings.into());
        }
        let login = self.route.endpoint.login();
        if let Some(login) = login.filter(|_| !(trusted && has("authorization"))) {
            put(exchange, "authorization", login.to_owned().into());
        }
        self.put_own_fields(exchange, trusted);
    }

    /// The fields of the application, and the cookies of the server among them.
    fn put_own_fields(&self, exchange: &mut Exchange, trusted: bool) {
        let mut jar = self.cookies.as_ref();
        for (name, value) in &self.config.headers {
            let is = |known: &str| name.eq_ignore_ascii_case(known);
            let secret = SECRETS.iter().any(|known| is(known)) || is("host");
            if FRAMING.iter().any(|known| is(known)) || (secret && !trusted) {
                continue;
            }
            // A request has one line of cookies (RFC 6265 §5.4).
            let value: Cow<'static, str> = match jar.take_if(|_| is("cookie")) {
                Some(jar) => format!("{value}; {jar}").into(),
                None => value.clone().into(),
            };
            exchange.headers.push((name.clone().into(), value));
        }
        if let Some(jar) = jar {
            exchange.headers.push(("cookie".into(), jar.clone().into()));
        }
    }
}

fn is_own(key: &str) -> bool {
    OWN.contains(&key)
}

fn separate(out: &mut String, start: usize) {
    if out.len() > start {
        out.push('&');
    }
}
