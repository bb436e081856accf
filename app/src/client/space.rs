//! What a client does in one namespace: handlers, and the auth payload.

use sansocket::EventMessage;
use serde::Serialize;
use std::fmt;
use std::future::Future;
use std::sync::Arc;

use super::auth::Auth;
use super::error::ConnectError;
use super::socket::Socket;
use crate::handlers::class::NamespaceClass;
use crate::handlers::connect::ConnectHandler;
use crate::handlers::disconnect::DisconnectHandler;
use crate::handlers::function::Handler;
use crate::handlers::handler::EventHandler;
use crate::handlers::namespace::Namespace;
use crate::sockets::error::{BoxError, HandlerError};

pub(super) type OnConnectError = Arc<dyn Fn(Socket, ConnectError) + Send + Sync>;
pub(super) type OnSent = Arc<dyn Fn(&Socket, &EventMessage) + Send + Sync>;

/// What a client does in one namespace: its handlers, and what shows to the server who joins.
#[derive(Clone, Default)]
pub struct Space {
    pub(super) handlers: Namespace<Socket>,
    pub(super) auth: Auth,
    pub(super) on_connect_error: Option<OnConnectError>,
}

/// The methods of everything that has the handlers of a namespace.
macro_rules! handlers {
    ($this:ident => $space:expr) => {
        /// Handles an event of the server. What the handler returns is the acknowledgement.
        ///
        /// # Panics
        /// As [`Namespace::on`](crate::Namespace::on) does.
        #[track_caller]
        pub fn on<O, P, R, K, H>(&mut $this, event: &str, handler: H) -> &mut Self
        where
            H: Handler<P, R, O>,
            H::Function: EventHandler<P, R, K, Socket>,
        {
            $space.handlers.on(event, handler);
            $this
        }

        /// Looks at each event of the server before its handler is called, as
        /// [`Namespace::packet_middleware`](crate::Namespace::packet_middleware) does on a server: an error drops
        /// the event.
        pub fn packet_middleware<E: Into<BoxError>>(
            &mut $this,
            look: impl Fn(&Socket, &EventMessage) -> Result<(), E> + Send + Sync + 'static,
        ) -> &mut Self {
            $space.handlers.packet_middleware(look);
            $this
        }

        /// Handles the events that have no handler of their own.
        ///
        /// # Panics
        /// As [`Namespace::on_any`](crate::Namespace::on_any) does.
        #[track_caller]
        pub fn on_any<O, P, R, K, H>(&mut $this, handler: H) -> &mut Self
        where
            H: Handler<P, R, O>,
            H::Function: EventHandler<P, R, K, Socket>,
        {
            $space.handlers.on_any(handler);
            $this
        }

        /// Called each time the namespace was joined. The events of the server wait for it; a client that it
        /// refuses leaves again.
        ///
        /// # Panics
        /// As [`Namespace::on_connect`](crate::Namespace::on_connect) does.
        #[track_caller]
        pub fn on_connect<P, R, K, H>(&mut $this, handler: H) -> &mut Self
        where
            H: Handler<P, R> + ConnectHandler<P, R, K, Socket>,
        {
            $space.handlers.on_connect(handler);
            $this
        }

        /// Called each time the namespace was left or lost, after its events. [`Loss`](super::Loss) tells why, and
        /// whether the client joins again by itself.
        ///
        /// # Panics
        /// As [`Namespace::on_disconnect`](crate::Namespace::on_disconnect) does.
        #[track_caller]
        pub fn on_disconnect<P, R, K, H>(&mut $this, handler: H) -> &mut Self
        where
            H: Handler<P, R> + DisconnectHandler<P, R, K, Socket>,
        {
            $space.handlers.on_disconnect(handler);
            $this
        }

        /// Called each time the namespace could not be joined. The client goes on trying if
        /// [`ConnectError::will_retry`] says so, unless the handler calls
        /// [`Socket::disconnect`]. A later one replaces an earlier one.
        pub fn on_connect_error(
            &mut $this,
            heard: impl Fn(Socket, ConnectError) + Send + Sync + 'static,
        ) -> &mut Self {
            $space.on_connect_error = Some(Arc::new(heard));
            $this
        }

        /// Called for handlers that returned an error, panicked, or could not decode a message. Without it
        /// there is a line in the log.
        ///
        /// # Panics
        /// When there is an error handler already.
        #[track_caller]
        pub fn on_error(
            &mut $this,
            heard: impl Fn(HandlerError<Socket>) + Send + Sync + 'static,
        ) -> &mut Self {
            $space.handlers.on_error(heard);
            $this
        }

        /// Makes every handler [`sequential`](crate::sequential) that is not
        /// [`concurrent`](crate::concurrent).
        pub fn sequential(&mut $this) -> &mut Self {
            $space.handlers.sequential();
            $this
        }

        /// Makes the methods of a value handlers, where no function is one.
        ///
        /// # Panics
        /// As [`Namespace::class`](crate::Namespace::class) does.
        #[track_caller]
        pub fn class<C: NamespaceClass<Socket>>(&mut $this, class: C) -> &mut Self {
            $space.handlers.class(class);
            $this
        }

        /// Sends an auth payload along each time the namespace is joined: a value that serde writes as a JSON
        /// object.
        ///
        /// # Panics
        /// When it has no JSON form, or is no object.
        #[track_caller]
        pub fn auth<T: Serialize + ?Sized>(&mut $this, auth: &T) -> &mut Self {
            match Auth::value(auth) {
                Ok(auth) => $space.auth = auth,
                Err(error) => panic!("{error}"),
            }
            $this
        }

        /// Makes the auth payload anew each time the namespace is to be joined: an async function without
        /// parameters, that returns a value which serde writes as a JSON object, or why there is none. Then
        /// the attempt has failed, and the next one asks again.
        ///
        /// ```
        /// # use sansocket_app::client::{Client, UrlError};
        /// # use std::collections::HashMap;
        /// # async fn fresh_token() -> Result<String, std::io::Error> { Ok(String::new()) }
        /// # fn main() -> Result<(), UrlError> {
        /// let mut client = Client::new("https://example.com")?;
        /// client.auth_with(async || fresh_token().await.map(|token| HashMap::from([("token", token)])));
        /// # Ok(())
        /// # }
        /// ```
        pub fn auth_with<T, E, U, F>(&mut $this, make: F) -> &mut Self
        where
            T: Serialize,
            E: Into<BoxError>,
            U: Future<Output = Result<T, E>> + Send + 'static,
            F: FnOnce() -> U + Clone + Send + Sync + 'static,
        {
            $space.auth = Auth::function(make);
            $this
        }

        /// Sends no auth payload: the default.
        pub fn clear_auth(&mut $this) -> &mut Self {
            $space.auth = Auth::None;
            $this
        }
    };
}
pub(super) use handlers;

impl Space {
    handlers!(self => self);

    /// Removes the handler of an event; without one it does nothing.
    pub fn off(&mut self, event: &str) -> &mut Self {
        self.handlers.off(event);
        self
    }
}

impl fmt::Debug for Space {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.handlers.fmt(f)
    }
}
