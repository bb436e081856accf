//! Functions that handle events of other servers.

use std::collections::HashMap;
use std::sync::Arc;

use crate::handlers::function::{Answer, Handler, Kind, Settle};
use crate::handlers::handler::{Handled, Progress};
use crate::handlers::namespace::{Namespace, check_name};
use crate::sockets::answers::ack::Ack;
use crate::sockets::servers::event::ServerEvent;
use crate::sockets::socket::Socket;

type ServerFn = Arc<dyn Fn(ServerEvent) -> Progress<Handled> + Send + Sync>;

/// The handlers of events of other servers, by name.
#[derive(Clone, Default)]
pub(crate) struct ServerHandlers(HashMap<Box<str>, ServerFn>);

impl Namespace {
    /// Handles an event of other servers of the cluster: see [`server_emit`](crate::NamespaceIo::server_emit). What the
    /// function returns is no reply: [`ServerEvent::reply`] is. An `Err` goes to the log.
    ///
    /// Events of other servers are handled in the order in which they came, one after the other: an async function is
    /// called when the one before it waits or is done, one that may block when the one before it is done. So two processes
    /// whose blocking handlers [ask](crate::NamespaceIo::server_ask) each other wait until the timeout: let such
    /// handlers be async.
    ///
    /// ```
    /// use sansocket_app::{App, EmitError, Io, ServerEvent};
    ///
    /// let mut app = App::new();
    /// app.namespace("/").on_server_event("users?", |event: ServerEvent| {
    ///     let users = event.io().local().count();
    ///     event.reply(&users)
    /// });
    /// app.on("how many", async |io: Io| -> Result<u64, EmitError> {
    ///     let others: Vec<u64> = io.server_ask("users?", &()).await?.decode().unwrap_or_default();
    ///     Ok(io.local().count() as u64 + others.iter().sum::<u64>())
    /// });
    /// # let server = sansocket_app::test::TestServer::new(app);
    /// # assert_eq!(server.connect().unwrap().call("how many", &()), Ok(1));
    /// ```
    ///
    /// # Panics
    /// When the event has such a handler already, or its name is reserved.
    #[track_caller]
    pub fn on_server_event<R, K, H>(&mut self, event: &str, handler: H) -> &mut Self
    where
        H: Handler<(ServerEvent,), R> + Send + Sync + 'static,
        R: Answer<K>,
        K: Settle<R> + Kind<H, (ServerEvent,), R>,
    {
        check_name(event);
        let handlers = &mut self.entrance.servers.0;
        assert!(
            !handlers.contains_key(event),
            "the event {event:?} of other servers has a handler already, and there is one for each"
        );
        let call = move |event| K::settle(K::call(&handler, (event,)), || None::<Ack<Socket>>);
        handlers.insert(event.into(), Arc::new(call));
        self
    }
}

impl ServerHandlers {
    /// Returns the handler of an event.
    pub(crate) fn find(&self, event: &str) -> Option<&ServerFn> {
        self.0.get(event)
    }

    /// Puts other handlers behind these.
    pub(super) fn stand_before(&mut self, any: &Self) {
        for (event, handler) in &any.0 {
            self.0.entry(event.clone()).or_insert_with(|| handler.clone());
        }
    }
}
