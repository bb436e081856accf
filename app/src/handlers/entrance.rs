//! What a namespace has on the server alone: what clients pass before its handlers, and what other servers reach.

use std::sync::Arc;

use crate::handlers::connect::{ConnectFn, ConnectHandler};
use crate::handlers::function::Handler;
use crate::handlers::namespace::Namespace;
use crate::handlers::pattern::Pattern;
use crate::handlers::server::ServerHandlers;
use crate::sockets::socket::Socket;

/// What clients pass before the handlers of a namespace, and what other servers reach in it.
#[derive(Clone, Default)]
pub(crate) struct Entrance {
    /// The names of the namespaces, where there are several.
    pub(crate) pattern: Option<Pattern>,
    middlewares: Vec<ConnectFn>,
    /// What a client passes on its way in: the middlewares, then the connect handler. Made when the
    /// application starts.
    pub(crate) doors: Arc<[ConnectFn]>,
    /// How many of those are middlewares.
    pub(crate) inner: usize,
    /// What other servers send it.
    pub(crate) servers: ServerHandlers,
}

impl Namespace {
    /// Decides which clients may go on to the connect handler, or to the next middleware: the first refusal
    /// reaches the client. [`App::middleware_everywhere`](crate::App::middleware_everywhere) adds one to
    /// every namespace.
    ///
    /// # Panics
    /// When it takes more arguments than the auth payload.
    #[track_caller]
    pub fn middleware<P, R, K, H>(&mut self, handler: H) -> &mut Self
    where
        H: Handler<P, R> + ConnectHandler<P, R, K>,
    {
        self.need_connect(H::needs);
        let door = move |socket: &Socket, auth: Option<&str>| handler.call(socket, auth);
        self.entrance.middlewares.push(Arc::new(door));
        self
    }

    /// Puts the doors in a row: the middlewares of everywhere, those of the namespace, the connect handler.
    pub(crate) fn seal(&mut self, everywhere: &Self) {
        let mut doors = everywhere.entrance.middlewares.clone();
        doors.append(&mut self.entrance.middlewares);
        self.entrance.inner = doors.len();
        doors.extend(self.connect.take());
        self.entrance.doors = doors.into();
    }
}

impl Entrance {
    /// Lets clients pass what stands in another entrance first.
    pub(super) fn stand_before(&mut self, any: &Self) {
        self.middlewares = [&any.middlewares[..], &self.middlewares].concat();
        self.servers.stand_before(&any.servers);
    }
}
