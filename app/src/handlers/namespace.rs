//! The handlers of one namespace, on any side.

use sansocket::EventMessage;
use std::fmt;
use std::sync::Arc;

use crate::handlers::class::{Events, NamespaceClass};
use crate::handlers::connect::{ConnectFn, ConnectHandler};
use crate::handlers::disconnect::{Departure, DisconnectFn, DisconnectHandler};
use crate::handlers::entrance::Entrance;
use crate::handlers::function::Handler;
use crate::handlers::handler::EventHandler;
use crate::handlers::needs::Needs;
use crate::handlers::order::Order;
use crate::handlers::state::States;
use crate::handlers::table::{Entry, Table};
use crate::sockets::error::{BoxError, HandlerError};
use crate::sockets::side::Side;
use crate::sockets::socket::Socket;

pub(crate) type PacketFn<S = Socket> =
    Arc<dyn Fn(&S, &EventMessage) -> Result<(), BoxError> + Send + Sync>;
pub(crate) type OnError<S = Socket> = Arc<dyn Fn(HandlerError<S>) + Send + Sync>;

/// The handlers of one namespace, or of all that a pattern or a predicate matches.
///
/// `S` is the [side](Side) that they serve: the server, or a client.
#[derive(Clone)]
pub struct Namespace<S: Side = Socket> {
    pub(crate) connect: Option<ConnectFn<S>>,
    pub(crate) disconnect: Option<DisconnectFn<S>>,
    /// What events pass before their handlers.
    pub(crate) packets: Vec<PacketFn<S>>,
    events: Table<S>,
    pub(crate) on_error: Option<OnError<S>>,
    order: Order,
    /// Empty on any side but the server's.
    pub(crate) entrance: Entrance,
    needs: Vec<(Box<str>, Needs)>,
    claims: Vec<(Source, Place)>,
}

/// Where a handler comes from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Source {
    Function,
    /// Of a class.
    Method,
}

/// What has one handler of a source at most.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Place {
    Any,
    Connect,
    Disconnect,
    Error,
    Event(Box<str>),
}

impl<S: Side> Namespace<S> {
    /// Handles an event.
    ///
    /// # Panics
    /// When the event has a handler already, or its parameters cannot be told apart: an `Option`
    /// before an argument that is needed, or an argument after [`Rest`](crate::Rest).
    ///
    /// When no event can have that name: `connect` and `disconnect` have methods of their own,
    /// [`on_connect`](Self::on_connect) and [`on_disconnect`](Self::on_disconnect), and so has `*`,
    /// [`on_any`](Self::on_any); `connect_error`, `disconnecting`, `newListener` and `removeListener` are
    /// reserved by the protocol.
    #[track_caller]
    pub fn on<O, P, R, K, H>(&mut self, event: &str, handler: H) -> &mut Self
    where
        H: Handler<P, R, O>,
        H::Function: EventHandler<P, R, K, S>,
    {
        self.add_event(Source::Function, Some(event), H::ORDER, handler.into_function());
        self
    }

    /// Handles the events that have no handler of their own. [`EventName`](crate::EventName) among
    /// the parameters tells which one it is; the arguments come as with [`on`](Self::on), or raw.
    ///
    /// # Panics
    /// When there is such a handler already, or its parameters cannot be told apart.
    #[track_caller]
    pub fn on_any<O, P, R, K, H>(&mut self, handler: H) -> &mut Self
    where
        H: Handler<P, R, O>,
        H::Function: EventHandler<P, R, K, S>,
    {
        self.add_event(Source::Function, None, H::ORDER, handler.into_function());
        self
    }

    /// Looks at each event before its handler is chosen, whether it has one or not. An error drops the event and
    /// goes to the error handler. There may be several; they look in the order in which they were given.
    pub fn packet_middleware<E: Into<BoxError>>(
        &mut self,
        look: impl Fn(&S, &EventMessage) -> Result<(), E> + Send + Sync + 'static,
    ) -> &mut Self {
        let look =
            move |socket: &S, message: &EventMessage| look(socket, message).map_err(Into::into);
        self.packets.push(Arc::new(look));
        self
    }

    /// Removes the handler of an event; without one it does nothing. Those of classes go with it.
    pub fn off(&mut self, event: &str) -> &mut Self {
        self.events.remove(event);
        let place = Place::Event(event.into());
        self.claims.retain(|(_, claimed)| *claimed != place);
        self
    }

    /// Decides which clients may join. Without it all may.
    ///
    /// On the server, the client is in the namespace once the handler returned: what it emits to the client
    /// until then follows the admission, and broadcasts pass the client by. On a client, which the server has
    /// let in by then, events wait for the handler, and a refused client leaves.
    ///
    /// # Panics
    /// When there is a connect handler already, or when it takes more arguments than the auth payload.
    #[track_caller]
    pub fn on_connect<P, R, K, H>(&mut self, handler: H) -> &mut Self
    where
        H: Handler<P, R> + ConnectHandler<P, R, K, S>,
    {
        self.add_connect(Source::Function, handler);
        self
    }

    /// Handles the disconnects of clients. The client is gone already, but its [`Socket`] still knows its id, and
    /// has its session.
    ///
    /// # Panics
    /// When there is a disconnect handler already.
    #[track_caller]
    pub fn on_disconnect<P, R, K, H>(&mut self, handler: H) -> &mut Self
    where
        H: Handler<P, R> + DisconnectHandler<P, R, K, S>,
    {
        self.add_disconnect(Source::Function, handler);
        self
    }

    /// Called for handlers of the namespace that returned an error, panicked, or could not decode a
    /// message. Without it [`App::on_error`](crate::App::on_error) is called on the server.
    ///
    /// # Panics
    /// When there is an error handler already.
    #[track_caller]
    pub fn on_error(
        &mut self,
        heard: impl Fn(HandlerError<S>) + Send + Sync + 'static,
    ) -> &mut Self {
        self.add_on_error(Source::Function, heard);
        self
    }

    /// Makes every handler of the namespace [`sequential`](crate::sequential) that is not
    /// [`concurrent`](crate::concurrent).
    pub fn sequential(&mut self) -> &mut Self {
        self.order = Order::Sequential;
        self
    }

    /// Makes the methods of a value handlers of the namespace, where no function is one.
    ///
    /// # Panics
    /// When a class before it has a method for the same.
    #[track_caller]
    pub fn class<C: NamespaceClass<S>>(&mut self, class: C) -> &mut Self {
        C::register(&mut Events::new(self, &Arc::new(class)));
        self
    }

    /// The handler of an event.
    pub(crate) fn find(&self, event: &str) -> Option<&Entry<S>> {
        self.events.find(event)
    }

    /// Whether any event has a handler that waits for nothing.
    pub(crate) fn has_concurrent(&self) -> bool {
        self.events.has(Order::Concurrent)
    }

    #[track_caller]
    pub(crate) fn add_event<P, R, K, H: EventHandler<P, R, K, S>>(
        &mut self,
        source: Source,
        event: Option<&str>,
        order: Order,
        handler: H,
    ) {
        event.into_iter().for_each(check_name);
        let needs = self.need(event.unwrap_or("*"), H::needs);
        if let Err(instead) = needs.check_event() {
            panic!("the handler of {:?} {instead}", event.unwrap_or("*"));
        }
        let place = event.map_or(Place::Any, |event| Place::Event(event.into()));
        if self.claim(source, place) {
            self.events.insert(event, order, handler);
        }
    }

    #[track_caller]
    pub(crate) fn add_connect<P, R, K, H: ConnectHandler<P, R, K, S>>(
        &mut self,
        source: Source,
        handler: H,
    ) {
        self.need_connect(H::needs);
        if self.claim(source, Place::Connect) {
            self.connect = Some(Arc::new(move |socket, payload| handler.call(socket, payload)));
        }
    }

    #[track_caller]
    pub(crate) fn add_disconnect<P, R, K, H: DisconnectHandler<P, R, K, S>>(
        &mut self,
        source: Source,
        handler: H,
    ) {
        self.need("disconnect", H::needs);
        if self.claim(source, Place::Disconnect) {
            let call = move |departure: Departure<'_, S>| handler.call(departure);
            self.disconnect = Some(Arc::new(call));
        }
    }

    #[track_caller]
    pub(crate) fn add_on_error(
        &mut self,
        source: Source,
        heard: impl Fn(HandlerError<S>) + Send + Sync + 'static,
    ) {
        if self.claim(source, Place::Error) {
            self.on_error = Some(Arc::new(heard));
        }
    }

    /// Whether a handler takes a place: a function goes before a method, whichever came first.
    ///
    /// # Panics
    /// When another of the same source took it.
    #[track_caller]
    fn claim(&mut self, source: Source, place: Place) -> bool {
        let claimed = |by| self.claims.contains(&(by, place.clone()));
        assert!(!claimed(source), "{place}: it has a handler already, and there is one for each");
        let first = !claimed(Source::Function);
        self.claims.push((source, place));
        first
    }

    fn need(&mut self, event: &str, needs: impl FnOnce(&mut Needs)) -> &Needs {
        let mut list = Needs::default();
        needs(&mut list);
        self.needs.push((event.into(), list));
        &self.needs.last().expect("it was just put there").1
    }

    #[track_caller]
    pub(super) fn need_connect(&mut self, needs: impl FnOnce(&mut Needs)) {
        if let Err(instead) = self.need("connect", needs).check_connect() {
            panic!("a connect handler or middleware {instead}");
        }
    }

    /// Looks whether there is a value for every [`State`](crate::State) that its handlers take.
    ///
    /// # Panics
    /// When one is missing. `advice` says where it belongs.
    #[track_caller]
    pub(crate) fn check_states(&self, states: &States, advice: &str) {
        for (event, needs) in &self.needs {
            if let Some(missing) = states.missing(needs) {
                panic!("a handler of {event:?} takes State<{missing}>: give one to {advice}");
            }
        }
    }

    /// Puts the catch-all namespace behind this one, so that no lookup goes there later.
    pub(crate) fn stand_before(&mut self, any: &Self) {
        self.packets = [&any.packets[..], &self.packets].concat();
        self.events.stand_before(&any.events);
        self.connect = self.connect.take().or_else(|| any.connect.clone());
        self.disconnect = self.disconnect.take().or_else(|| any.disconnect.clone());
        self.on_error = self.on_error.take().or_else(|| any.on_error.clone());
        self.entrance.stand_before(&any.entrance);
    }

    /// Whether all handlers have their order.
    pub(crate) fn is_settled(&self) -> bool {
        self.order == Order::Inline
    }

    /// Gives the order of the namespace to the handlers that chose none.
    pub(crate) fn settle_order(&mut self) {
        self.events.settle_order(self.order);
    }
}

/// Looks whether events can have a name: a handler that no event reaches is a mistake of the application.
#[track_caller]
pub(crate) fn check_name(event: &str) {
    let instead = match event {
        "connect" => "use on_connect",
        "disconnect" => "use on_disconnect",
        "*" => "use on_any",
        "connect_error" | "disconnecting" | "newListener" | "removeListener" => {
            "the protocol reserves the name"
        }
        _ => return,
    };
    panic!("{event:?} is no event that can be sent: {instead}");
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("on_any"),
            Self::Connect => f.write_str("on_connect"),
            Self::Disconnect => f.write_str("on_disconnect"),
            Self::Error => f.write_str("on_error"),
            Self::Event(name) => write!(f, "the event {name:?}"),
        }
    }
}

impl<S: Side> Default for Namespace<S> {
    fn default() -> Self {
        Self {
            connect: None,
            disconnect: None,
            packets: Vec::new(),
            events: Table::default(),
            on_error: None,
            order: Order::default(),
            entrance: Entrance::default(),
            needs: Vec::new(),
            claims: Vec::new(),
        }
    }
}

impl<S: Side> fmt::Debug for Namespace<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Namespace")
            .field("events", &self.events.names().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}
