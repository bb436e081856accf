//! What an application says about HTTP: files, other paths, and the gate before handshakes.

use http::StatusCode;
use sansocket::{Caller, Request};

use crate::app::App;
use crate::web::files::Files;
use crate::web::handler::{IntoWeb, WebHandler, response_of};

impl App {
    /// Serves static files outside the Socket.IO path. What a mapping covers and does not find goes
    /// to the [`fallback`](Self::fallback), if there is one.
    ///
    /// Files are read by the task of the connection, large ones piece by piece. Texts up to 64 KiB are
    /// compressed for clients that ask for it, once for each version of a file; what was asked for
    /// lately is kept, in 16 MiB for all files. In front of another service, files that are there are
    /// answered before it is asked.
    pub fn files(&mut self, files: Files) -> &mut Self {
        self.web.files = Some(files);
        self
    }

    /// Answers plain HTTP requests outside the Socket.IO path, with a function of an
    /// [`http::Request`], plain or async, that returns [`IntoWeb`]. Without it they get a 404.
    ///
    /// A body larger than `Limits::max_payload` is answered with 413 before the function is asked. In
    /// front of another service there is none: that service answers the rest.
    /// Among the extensions, [`Caller`] tells the client's address, and [`Io`](crate::Io) reaches the clients.
    pub fn fallback<M>(&mut self, answer: impl WebHandler<M>) -> &mut Self {
        self.web.fallback = Some(Box::new(move |request| answer.call(request)));
        self
    }

    /// Asks `allow` before a session opens, with the head of the request and the client that sent it; an error is the answer to the request, with status 403
    /// unless it has one that is no success. It runs while
    /// the connection waits: leave what takes time to an async connect handler.
    pub fn allow_request<E: IntoWeb>(
        &mut self,
        allow: impl Fn(&Request<'_>, Caller) -> Result<(), E> + Send + Sync + 'static,
    ) -> &mut Self {
        self.web.allow = Some(Box::new(move |request, caller| {
            let mut refusal = allow(request, caller).err()?.into_response();
            if refusal.status().is_success() {
                *refusal.status_mut() = StatusCode::FORBIDDEN;
            }
            Some(response_of(refusal, None))
        }));
        self
    }

    /// Makes the session ids from the head of the request and the client that sent it, instead of 120 random bits each: a name for a load balancer to route
    /// by, say. They are what proves to whom a session belongs, so a part of them must be
    /// unpredictable. Up to 256 letters, digits, `-`, `_`, `.` and `~`; one that is in use is refused.
    pub fn generate_id(
        &mut self,
        generate: impl Fn(&Request<'_>, Caller) -> String + Send + Sync + 'static,
    ) -> &mut Self {
        self.web.generate_id = Some(Box::new(generate));
        self
    }
}
