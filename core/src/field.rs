//! The header fields that have a meaning here, by their names.

use std::fmt;

/// A header field that decides something: where a request ends, for whom it is, what it asks for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Field {
    /// `Authorization`
    Authorization,
    /// `Connection`
    Connection,
    /// `Content-Length`
    ContentLength,
    /// `Content-Type`
    ContentType,
    /// `Expect`
    Expect,
    /// `Host`
    Host,
    /// `Origin`
    Origin,
    /// `Sec-WebSocket-Key`
    SecWebSocketKey,
    /// `Sec-WebSocket-Protocol`
    SecWebSocketProtocol,
    /// `Sec-WebSocket-Version`
    SecWebSocketVersion,
    /// `Transfer-Encoding`
    TransferEncoding,
    /// `Upgrade`
    Upgrade,
}

impl Field {
    /// Returns the name, in lower case.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Authorization => "authorization",
            Self::Connection => "connection",
            Self::ContentLength => "content-length",
            Self::ContentType => "content-type",
            Self::Expect => "expect",
            Self::Host => "host",
            Self::Origin => "origin",
            Self::SecWebSocketKey => "sec-websocket-key",
            Self::SecWebSocketProtocol => "sec-websocket-protocol",
            Self::SecWebSocketVersion => "sec-websocket-version",
            Self::TransferEncoding => "transfer-encoding",
            Self::Upgrade => "upgrade",
        }
    }
}

impl fmt::Display for Field {
    /// Writes the name as it is usually spelled.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Authorization => "Authorization",
            Self::Connection => "Connection",
            Self::ContentLength => "Content-Length",
            Self::ContentType => "Content-Type",
            Self::Expect => "Expect",
            Self::Host => "Host",
            Self::Origin => "Origin",
            Self::SecWebSocketKey => "Sec-WebSocket-Key",
            Self::SecWebSocketProtocol => "Sec-WebSocket-Protocol",
            Self::SecWebSocketVersion => "Sec-WebSocket-Version",
            Self::TransferEncoding => "Transfer-Encoding",
            Self::Upgrade => "Upgrade",
        })
    }
}
