//! What a handler may ask about the request a client came with.

use std::any::TypeId;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::sockets::socket::Socket;

impl Socket {
    /// Returns the first header of that name, in any case, of the request the session began with,
    /// when it [was kept](sansocket::Config::keep_headers).
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.handshake().header(name)
    }

    /// Returns the cookie of that name, as the client sent it (RFC 6265 §5.4).
    #[must_use]
    pub fn cookie(&self, name: &str) -> Option<&str> {
        let lines = self.handshake().headers().filter(|(n, _)| n.eq_ignore_ascii_case("cookie"));
        let mut pairs = lines.flat_map(|(_, line)| line.split(';'));
        pairs.find_map(|pair| pair.trim().split_once('=').filter(|(n, _)| *n == name).map(|p| p.1))
    }

    /// Returns the first value of that name in the query of the request, percent-decoded.
    #[must_use]
    pub fn query(&self, name: &str) -> Option<String> {
        let mut pairs = form_urlencoded::parse(self.handshake().query().as_bytes());
        pairs.find_map(|(key, value)| (key == name).then(|| value.into_owned()))
    }

    /// Returns the address of the other end of the connection, when the binding knows it.
    #[must_use]
    pub fn peer(&self) -> Option<SocketAddr> {
        self.handshake().peer()
    }

    /// Returns what stands for a parameter in the name of the namespace: `"7"` for `id` in
    /// `/room-7` where the application opened `/room-{id}`.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<&str> {
        self.hub().param(self.place(), self.namespace(), name)
    }

    /// Returns the value of a type that was given to [`App::manage`](crate::App::manage).
    #[must_use]
    pub fn state<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.hub().state(TypeId::of::<T>())?.downcast().ok()
    }
}
