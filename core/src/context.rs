//! What a host knows of a request beside its head.

use std::any::Any;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

/// The client that sent a request, as the stream shows it or as a trusted proxy reports it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Caller {
    /// Its address, when the host knows it.
    pub peer: Option<SocketAddr>,
    /// Whether the request came encrypted.
    pub secure: bool,
}

/// What a host knows and decides about a request, for
/// [`Server::handle_request`](crate::Server::handle_request). The default says nothing.
#[derive(Clone, Copy, Default)]
#[non_exhaustive]
pub struct RequestContext<'a> {
    /// The client that sent the request.
    pub caller: Caller,
    /// A value of the host's own, which [`Handshake::extra`](crate::Handshake::extra) returns.
    pub extra: Option<&'a Arc<dyn Any + Send + Sync>>,
    /// The session id that a handshake is to use instead of one that is made here: 1 to 256 letters,
    /// digits and any of `-._~`, not in use, and impossible to guess, since knowing it is having the
    /// session. Hand such a handshake to the shard of [`Sid::shard_of_text`](crate::Sid::shard_of_text).
    pub own_sid: Option<&'a str>,
    /// Further header fields of the answer, also when it comes later: that to a held poll, or to a POST. They go
    /// behind the answer's own and before [`Config::headers`](crate::Config::headers); malformed ones, and those
    /// that are not a host's to set, are left out.
    pub headers: &'a [(String, String)],
    /// Whether the page that sent the request may connect, when the host asked
    /// [`Config::judge`](crate::Config::judge) already.
    pub judged: Option<bool>,
}

impl From<Caller> for RequestContext<'_> {
    fn from(caller: Caller) -> Self {
        Self { caller, ..Self::default() }
    }
}

impl fmt::Debug for RequestContext<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The session id stays out: whoever knows it has the session.
        f.debug_struct("RequestContext")
            .field("caller", &self.caller)
            .field("judged", &self.judged)
            .finish_non_exhaustive()
    }
}
