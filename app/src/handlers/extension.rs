//! What a host knew of the request a session began with.

use crate::args::DecodeError;
use crate::handlers::extract::{Extract, Incoming};
use crate::sockets::socket::Socket;

/// A value that middleware of the host set on the request the session began with, as a parameter of
/// a handler: see [`Socket::extension`]. Without it the handler is not called, and the error
/// handler gets the error.
#[derive(Clone, Copy, Debug)]
pub struct Extension<T>(pub T);

impl Socket {
    /// Returns a value that middleware of the host set on the request the session began with: one of
    /// its [`http::Extensions`].
    ///
    /// There are none unless the host parses HTTP, as a service in front of an axum router does.
    #[must_use]
    pub fn extension<T: Clone + Send + Sync + 'static>(&self) -> Option<&T> {
        self.handshake().extra()?.downcast_ref::<http::Extensions>()?.get()
    }
}

impl<T: Clone + Send + Sync + 'static> Extract for Extension<T> {
    fn extract(incoming: &mut Incoming<'_>) -> Result<Self, DecodeError> {
        let socket = Socket::extract(incoming)?;
        socket.extension().cloned().map(Self).ok_or_else(|| DecodeError::Arguments {
            message: format!("the request has no extension {}", std::any::type_name::<T>()),
        })
    }
}
