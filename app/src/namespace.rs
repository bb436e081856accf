//! The handlers of one namespace.

use sansocket::EventMessage;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use crate::class::{Events, NamespaceClass};
use crate::connect::{ConnectFn, ConnectHandler};
use crate::disconnect::{Departure, DisconnectFn, DisconnectHandler};
use crate::error::{BoxError, HandlerError};
use crate::handler::{Delivery, EventHandler, Handler};
use crate::order::Order;
use crate::pattern::Pattern;
use crate::socket::Socket;
use crate::state::Needs;

pub(crate) type OnError = Arc<dyn Fn(HandlerError) + Send + Sync>;

pub(crate) type PacketFn =
    Arc<dyn Fn(&Socket, &EventMessage) -> Result<(), BoxError> + Send + Sync>;

/// The handlers of one namespace, or of all that a pattern or a predicate matches.
#[derive(Clone, Default)]
pub struct Namespace {
    pub(crate) connect: Option<ConnectFn>,
    pub(crate) disconnect: Option<DisconnectFn>,
    pub(crate) middlewares: Vec<ConnectFn>,
    /// What a client passes on its way in: the middlewares, then the connect handler. Made when the
    /// application starts.
    pub(crate) doors: Vec<ConnectFn>,
    pub(crate) packets: Vec<PacketFn>,
    /// Keys are the application's own, so nobody can aim names at one bucket.
    events: HashMap<Box<str>, Entry, foldhash::fast::FixedState>,
    pub(crate) any: Option<Entry>,
    pub(crate) on_error: Option<OnError>,
    order: Order,
    pub(crate) pattern: Option<Pattern>,
    needs: Vec<(Box<str>, Needs)>,
}

/// A handler and its order.
#[derive(Clone)]
pub(crate) struct Entry {
    /// The event it is for; a catch-all has none.
    pub(crate) name: Option<Box<str>>,
    pub(crate) order: Order,
    pub(crate) call: EventHandler,
}

impl Namespace {
    /// Handles an event; a second handler for the same event replaces the first.
    ///
    /// # Panics
    /// When no client can send an event of that name: `connect` and `disconnect` have methods of
    /// their own, [`on_connect`](Self::on_connect) and [`on_disconnect`](Self::on_disconnect), and
    /// so has `*`, [`on_any`](Self::on_any); `connect_error`, `disconnecting`, `newListener` and
    /// `removeListener` are reserved by the protocol.
    pub fn on<M, H: Handler<M>>(&mut self, event: &str, handler: H) -> &mut Self {
        check_name(event);
        let entry = self.entry(Some(event), handler);
        self.events.insert(event.into(), entry);
        self
    }

    /// Handles the events that have no handler of their own. [`EventName`](crate::EventName) among
    /// the parameters tells which one it is; the arguments come as with [`on`](Self::on), or raw.
    pub fn on_any<M, H: Handler<M>>(&mut self, handler: H) -> &mut Self {
        self.any = Some(self.entry(None, handler));
        self
    }

    /// Decides who may join. Without it everybody may.
    ///
    /// The client is in the namespace once the handler returned: what it emits to the client until
    /// then follows the admission, and broadcasts pass the client by.
    pub fn on_connect<M, H: ConnectHandler<M>>(&mut self, handler: H) -> &mut Self {
        self.need("connect", H::needs);
        self.connect = Some(Arc::new(move |socket| handler.call(socket)));
        self
    }

    /// Decides who may go on to the connect handler, or to the next middleware: the first refusal
    /// reaches the client.
    pub fn middleware<M, H: ConnectHandler<M>>(&mut self, handler: H) -> &mut Self {
        self.need("connect", H::needs);
        self.middlewares.push(Arc::new(move |socket| handler.call(socket)));
        self
    }

    /// Looks at each event before its handler is chosen. An error drops the event and goes to the
    /// error handler.
    pub fn packet_middleware<E: Into<BoxError>>(
        &mut self,
        look: impl Fn(&Socket, &EventMessage) -> Result<(), E> + Send + Sync + 'static,
    ) -> &mut Self {
        self.packets
            .push(Arc::new(move |socket, message| look(socket, message).map_err(Into::into)));
        self
    }

    /// Hears who left. The client is gone already, but its [`Socket`] still tells who it was, and
    /// has its session.
    pub fn on_disconnect<M, H: DisconnectHandler<M>>(&mut self, handler: H) -> &mut Self {
        self.need("disconnect", H::needs);
        let call = move |departure: Departure<'_>| handler.call(departure);
        self.disconnect = Some(Arc::new(call));
        self
    }

    /// Hears of handlers of the namespace that returned an error, panicked, or did not understand a
    /// client. Without it [`App::on_error`](crate::App::on_error) hears of them.
    pub fn on_error(&mut self, heard: impl Fn(HandlerError) + Send + Sync + 'static) -> &mut Self {
        self.on_error = Some(Arc::new(heard));
        self
    }

    /// Makes every handler of the namespace [`sequential`](crate::sequential) that is not
    /// [`concurrent`](crate::concurrent).
    pub fn sequential(&mut self) -> &mut Self {
        self.order = Order::Sequential;
        self
    }

    /// Makes the methods of a value handlers of the namespace, where no function is one.
    pub fn class<C: NamespaceClass>(&mut self, class: C) -> &mut Self {
        C::register(&mut Events::new(self, &Arc::new(class)));
        self
    }

    /// The handler of an event.
    pub(crate) fn find(&self, event: &str) -> Option<&Entry> {
        self.events.get(event).or(self.any.as_ref())
    }

    /// Adds a method of a class: functions are there before.
    pub(crate) fn add_event(&mut self, event: &str, entry: Entry) {
        check_name(event);
        self.events.entry(event.into()).or_insert(entry);
    }

    pub(crate) fn need(&mut self, event: &str, needs: impl FnOnce(&mut Needs)) {
        let mut list = Needs::default();
        needs(&mut list);
        self.needs.push((event.into(), list));
    }

    /// The types of state its handlers take, with the names of their events.
    pub(crate) fn needs(&self) -> &[(Box<str>, Needs)] {
        &self.needs
    }

    /// Puts the catch-all namespace behind this one, so that nobody has to look there later.
    pub(crate) fn stand_before(&mut self, any: &Self) {
        if self.any.is_none() {
            for (name, entry) in &any.events {
                self.events.entry(name.clone()).or_insert_with(|| entry.clone());
            }
            self.any.clone_from(&any.any);
        }
        self.connect = self.connect.take().or_else(|| any.connect.clone());
        self.disconnect = self.disconnect.take().or_else(|| any.disconnect.clone());
        self.on_error = self.on_error.take().or_else(|| any.on_error.clone());
        self.middlewares = [&any.middlewares[..], &self.middlewares].concat();
        self.packets = [&any.packets[..], &self.packets].concat();
    }

    /// Settles what depends on all that was said.
    pub(crate) fn seal(&mut self) {
        self.doors = std::mem::take(&mut self.middlewares);
        self.doors.extend(self.connect.take());
    }

    /// Gives the order of the namespace to the handlers that chose none.
    pub(crate) fn settle_order(&mut self) {
        for entry in self.events.values_mut().chain(&mut self.any) {
            if entry.order == Order::Inline {
                entry.order = self.order;
            }
        }
    }

    fn entry<M, H: Handler<M>>(&mut self, event: Option<&str>, handler: H) -> Entry {
        self.need(event.unwrap_or("*"), H::needs);
        let call = Arc::new(move |delivery: &mut Delivery<'_>| {
            let progress = handler.call(delivery);
            delivery.came(progress);
        });
        Entry { name: event.map(Into::into), order: H::order(), call }
    }
}

/// An event nobody can send is a mistake, found when the application starts.
fn check_name(event: &str) {
    let instead = match event {
        "connect" => "use on_connect",
        "disconnect" => "use on_disconnect",
        "*" => "use on_any",
        "connect_error" | "disconnecting" | "newListener" | "removeListener" => {
            "the protocol reserves the name"
        }
        _ => return,
    };
    panic!("{event:?} is no event that a client can send: {instead}");
}

impl fmt::Debug for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Namespace").field("events", &self.events.keys()).finish_non_exhaustive()
    }
}
