//! What clients and their events pass on the server before the handlers of their namespace.

use sansocket::EventMessage;
use std::sync::Arc;

use crate::handlers::connect::{ConnectFn, ConnectHandler};
use crate::handlers::function::Handler;
use crate::handlers::namespace::Namespace;
use crate::handlers::pattern::Pattern;
use crate::sockets::error::BoxError;
use crate::sockets::socket::Socket;

pub(crate) type PacketFn =
    Arc<dyn Fn(&Socket, &EventMessage) -> Result<(), BoxError> + Send + Sync>;

/// What clients and their events pass before the handlers of a namespace.
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
    pub(crate) packets: Vec<PacketFn>,
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

    /// Looks at each event before its handler is chosen. An error drops the event and goes to the
    /// error handler.
    pub fn packet_middleware<E: Into<BoxError>>(
        &mut self,
        look: impl Fn(&Socket, &EventMessage) -> Result<(), E> + Send + Sync + 'static,
    ) -> &mut Self {
        let look = move |socket: &Socket, message: &EventMessage| {
            look(socket, message).map_err(Into::into)
        };
        self.entrance.packets.push(Arc::new(look));
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
    /// Lets clients and events pass what stands in another entrance first.
    pub(super) fn stand_before(&mut self, any: &Self) {
        self.middlewares = [&any.middlewares[..], &self.middlewares].concat();
        self.packets = [&any.packets[..], &self.packets].concat();
    }
}
