//! Why a request is refused: code and message as the JavaScript server words them, and a hint that
//! says what to do.

use crate::config::Transports;
use crate::error::Violation;
use crate::http::Response;
use crate::ws::handshake::{Flaw, VERSION};

/// A rule that a request broke.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::server) enum Refusal {
    /// The process holds as many sessions as it may, or as many bytes.
    Busy,
    /// The session is on the node that its sid names.
    Elsewhere,
    /// The session ended before the body of a POST was complete.
    Ended,
    /// A session is opened by something other than GET.
    HandshakeMethod,
    /// Neither a plain request for polling nor a whole WebSocket handshake for WebSocket.
    HandshakeTransport,
    /// Polling by JSONP, which is not offered.
    Jsonp,
    /// Polling by JSONP, with something other than a number for the function.
    JsonpNumber,
    /// Subprotocols that are no list of different tokens.
    Protocols,
    /// A parameter of the protocol is given more than once.
    Repeated,
    /// Another revision than the session was opened with.
    RevisionChanged,
    /// A page of another host.
    Origin,
    /// The session is not where its sid says, or never was.
    Session,
    /// A request that does not fit the transport of its session.
    SessionTransport,
    /// The host chose a session id that another session has.
    SidInUse,
    /// The host chose a session id that cannot travel in a URL.
    SidMalformed,
    /// A transport that is off or does not exist.
    Transport(Transports),
    /// Another revision of Engine.IO than 4, which alone is spoken here.
    Version,
    /// Another revision of Engine.IO than the two that are spoken here.
    Versions,
    /// A WebSocket handshake that breaks a rule.
    WebSocket(Flaw),
}

impl Refusal {
    pub(in crate::server) fn response(self) -> Response {
        let (code, message) = self.told();
        let hint = self.hint();
        let response = |status| Response::error(status, code, message, hint).refused_by(hint);
        match self {
            // As long as JavaScript clients wait at most between their attempts.
            Self::Busy => response(503).header("retry-after", "5"),
            // RFC 6455 §4.2.2.
            Self::WebSocket(Flaw::Version) => {
                response(400).header("sec-websocket-version", VERSION)
            }
            Self::Elsewhere
            | Self::Ended
            | Self::HandshakeMethod
            | Self::HandshakeTransport
            | Self::Jsonp
            | Self::JsonpNumber
            | Self::Origin
            | Self::Protocols
            | Self::Repeated
            | Self::RevisionChanged
            | Self::Session
            | Self::SessionTransport
            | Self::SidInUse
            | Self::SidMalformed
            | Self::Transport(_)
            | Self::Version
            | Self::Versions
            | Self::WebSocket(_) => response(400),
        }
    }

    fn told(self) -> (u8, &'static str) {
        match self {
            Self::Transport(_) => (0, "Transport unknown"),
            Self::Elsewhere | Self::Session => (1, "Session ID unknown"),
            Self::HandshakeMethod => (2, "Bad handshake method"),
            Self::Origin => (3, "Origin not allowed"),
            Self::Ended
            | Self::HandshakeTransport
            | Self::Jsonp
            | Self::JsonpNumber
            | Self::Protocols
            | Self::Repeated
            | Self::RevisionChanged
            | Self::SessionTransport
            | Self::SidInUse
            | Self::SidMalformed
            | Self::WebSocket(_) => (3, "Bad request"),
            Self::Busy => (4, "Forbidden"),
            Self::Version | Self::Versions => (5, "Unsupported protocol version"),
        }
    }

    fn hint(self) -> &'static &'static str {
        match self {
            Self::Busy => {
                &"too many clients, or too much waits for them: try again later, or raise \
                 Limits::sessions or Limits::bytes"
            }
            Self::Elsewhere => {
                &"the session is on the node that its sid names: let the load balancer follow that name, \
                 or the nodes know each other"
            }
            Self::Ended => {
                &"the session ended, or moved to WebSocket, before the POST was complete"
            }
            Self::HandshakeMethod => &"a session is opened by GET",
            Self::HandshakeTransport => {
                &"transport=websocket needs a whole WebSocket handshake, over HTTP/1.1, which proxies have to \
                 pass on with its Upgrade and Connection headers, and transport=polling none; or the \
                 server wants sessions to start on polling"
            }
            Self::Jsonp => {
                &"JSONP, the parameter j, is not offered: let the client poll by XMLHttpRequest or \
                 fetch, or use WebSocket, or turn Config::allow_jsonp on"
            }
            Self::JsonpNumber => &"the parameter j is the number of a function: digits, below 2^32",
            Self::Protocols => &"Sec-WebSocket-Protocol is not a list of different names",
            Self::Repeated => &"EIO, transport or sid is given more than once",
            Self::RevisionChanged => &"a session goes on with the EIO that it was opened with",
            Self::Origin => {
                &"pages of other hosts have to be named in Config::origins; a proxy has to pass the \
                 Host header on, or X-Forwarded-Host with Config::trust_forwarded"
            }
            Self::Session => {
                &"no such session: it timed out, the server restarted, or a load balancer lacks \
                 sticky sessions"
            }
            Self::SessionTransport => {
                &"the session is on another transport by now, or upgrades are off, or the WebSocket \
                 handshake is not whole"
            }
            Self::SidInUse => &"the session id that was chosen for this session is in use",
            Self::SidMalformed => {
                &"the session id that was chosen for this session is not 1 to 256 letters, digits \
                 and any of - . _ ~"
            }
            Self::Transport(transports) => {
                match (transports.polling, transports.websocket || transports.upgrades) {
                    (true, true) => &"transport is polling or websocket",
                    (true, false) => &"transport is polling: this server offers no WebSocket",
                    (false, _) => &"transport is websocket: this server offers no polling",
                }
            }
            Self::WebSocket(flaw) => hint_of(flaw),
            Self::Version => {
                &"EIO=4 is spoken here: it fits socket.io-client 3 and 4, python-socketio 5 and \
                 others of Socket.IO protocol 5; older ones are let in by Config::allow_eio3"
            }
            Self::Versions => &"EIO=4 and EIO=3 are spoken here, and one of them has to be named",
        }
    }
}

fn hint_of(flaw: Flaw) -> &'static &'static str {
    match flaw {
        Flaw::Connection => {
            &"the Connection header of a WebSocket handshake names Upgrade: a proxy has to pass it on"
        }
        Flaw::Key => {
            &"the Sec-WebSocket-Key of a WebSocket handshake is 22 characters of base64 and =="
        }
        Flaw::Method => &"a WebSocket handshake is a GET",
        Flaw::Version => &"the Sec-WebSocket-Version that is spoken here is 13",
    }
}

impl Response {
    /// Makes the answer of a server that shuts down, worded as by the JavaScript server.
    #[must_use]
    pub fn shutting_down() -> Self {
        let body = "{\"code\":3,\"message\":\"Server is shutting down\"}";
        Self::with_body(503, "application/json", body).nosniff()
    }
}

/// The answer to a head of a host that our own reader would have refused.
pub(super) fn of_head(violation: Violation) -> Response {
    Response::refusing(violation).refused_by(&"the head of the request breaks a rule of HTTP")
}

/// The answer to a request of a session that breaks a rule.
pub(in crate::server) fn of_session(violation: Violation) -> Response {
    if violation.status() != 400 {
        return Response::refusing(violation);
    }
    Response::error(400, 3, "Bad request", &violation.to_string())
        .refused_by(&"the body of a POST breaks a rule of the protocol")
}

/// The answer to a request that the JavaScript server refuses without a body.
pub(super) fn silent(rule: &'static &'static str) -> Response {
    Response::status(400).refused_by(rule)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_are_valid_json_strings() {
        let transports = |polling, websocket| {
            let upgrades = false;
            Refusal::Transport(Transports { polling, websocket, upgrades, ..Transports::default() })
        };
        for refusal in [
            Refusal::Busy,
            Refusal::Elsewhere,
            Refusal::Ended,
            Refusal::HandshakeMethod,
            Refusal::HandshakeTransport,
            Refusal::Jsonp,
            Refusal::JsonpNumber,
            Refusal::Protocols,
            Refusal::Repeated,
            Refusal::RevisionChanged,
            Refusal::Origin,
            Refusal::Session,
            Refusal::SessionTransport,
            Refusal::SidInUse,
            Refusal::SidMalformed,
            transports(true, true),
            transports(true, false),
            transports(false, true),
            Refusal::Version,
            Refusal::Versions,
            Refusal::WebSocket(Flaw::Connection),
            Refusal::WebSocket(Flaw::Key),
            Refusal::WebSocket(Flaw::Method),
            Refusal::WebSocket(Flaw::Version),
        ] {
            let response = refusal.response();
            let read: serde_json::Value = serde_json::from_slice(&response.body).expect("JSON");
            assert_eq!(read["hint"].as_str(), response.rule(), "{refusal:?}");
        }
    }
}
