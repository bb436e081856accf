//! What a session keeps of the request it began with.

use std::net::SocketAddr;

use crate::config::KeepHeaders;
use crate::http::Request;

/// The request a session began with.
#[derive(Debug)]
pub struct Handshake {
    peer: Option<SocketAddr>,
    /// Query, then `name: value` lines: one allocation for both.
    text: Box<str>,
    query: usize,
}

impl Handshake {
    pub(super) fn of(request: &Request<'_>, keep: &KeepHeaders) -> Self {
        let query = request.target.split_once('?').map_or("", |(_, query)| query);
        let mut text = String::from(query);
        request.fields.each(&mut |name, value| {
            let wanted = match keep {
                KeepHeaders::All => !is_transport(name),
                KeepHeaders::Named(names) => names.iter().any(|n| n.eq_ignore_ascii_case(name)),
            };
            if wanted {
                text.push_str(name);
                text.push(':');
                text.push_str(value);
                text.push('\n');
            }
        });
        Self { peer: request.peer, text: text.into_boxed_str(), query: query.len() }
    }

    /// Returns the address of the other end, when the embedder told it.
    #[must_use]
    pub fn peer(&self) -> Option<SocketAddr> {
        self.peer
    }

    /// Returns the query string, still percent-encoded.
    #[must_use]
    pub fn query(&self) -> &str {
        &self.text[..self.query]
    }

    /// Returns the first header of that name, in any case, when it was kept.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers().find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Returns the headers that were kept, in the order they came.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.text[self.query..].lines().filter_map(|line| line.split_once(':'))
    }
}

/// Headers that only concern the transport and tell an application nothing.
fn is_transport(name: &str) -> bool {
    name.eq_ignore_ascii_case("connection")
        || name.eq_ignore_ascii_case("upgrade")
        || name.get(..14).is_some_and(|start| start.eq_ignore_ascii_case("sec-websocket-"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::head::Seen;
    use crate::http::{Fields, Method};

    #[test]
    fn a_handshake_keeps_query_and_headers() {
        let lines = b"Host: a\r\nSec-WebSocket-Key: x\r\nX-Conf: 1\r\nUpgrade: websocket\r\n";
        let request = Request {
            method: Method::Get,
            target: "/socket.io/?EIO=4&a=b%20c",
            fields: Fields::lines(lines, Seen::ALL),
            peer: None,
        };
        let all = Handshake::of(&request, &KeepHeaders::All);
        assert_eq!(all.query(), "EIO=4&a=b%20c");
        assert_eq!(all.headers().collect::<Vec<_>>(), [("Host", "a"), ("X-Conf", "1")]);
        assert_eq!(all.header("x-conf"), Some("1"));
        let named = Handshake::of(&request, &KeepHeaders::Named(vec!["x-conf".into()]));
        assert_eq!(named.headers().collect::<Vec<_>>(), [("X-Conf", "1")]);
    }
}
