//! The handlers of an application, by namespace and event.

use sansocket::{Config, Received};
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use crate::engine::EngineSession;
use crate::error::HandlerError;
use crate::handler::{
    ConnectFn, ConnectHandler, DisconnectFn, DisconnectHandler, EventHandler, Handler,
};
use crate::web::Web;

type Predicate = Box<dyn Fn(&str) -> bool + Send + Sync>;
type OnError = Box<dyn Fn(HandlerError) + Send + Sync>;
type OnEngine = Box<dyn Fn(EngineSession, Received) + Send + Sync>;

/// Everything an application brings: handlers, settings, and answers to plain HTTP requests.
///
/// The methods that take handlers concern the namespace `/`; [`namespace`](Self::namespace) reaches
/// the others.
pub struct App {
    pub(crate) config: Config,
    root: Namespace,
    named: HashMap<Box<str>, Namespace>,
    matched: Vec<(Predicate, Namespace)>,
    pub(crate) web: Web,
    pub(crate) on_error: OnError,
    pub(crate) on_engine: Option<OnEngine>,
}

/// The handlers of one namespace, or of all that a predicate matches.
#[derive(Default)]
pub struct Namespace {
    pub(crate) connect: Option<ConnectFn>,
    pub(crate) disconnect: Option<DisconnectFn>,
    /// Keys are the application's own, so nobody can aim names at one bucket.
    events: HashMap<Box<str>, EventHandler, foldhash::fast::FixedState>,
    /// Whether it is open although nothing is handled in it.
    open: bool,
}

impl App {
    /// Makes an application with default settings.
    #[must_use]
    pub fn new() -> Self {
        Self::with_config(Config::default())
    }

    /// Makes an application with settings of yours.
    #[must_use]
    pub fn with_config(config: Config) -> Self {
        Self {
            config,
            root: Namespace::default(),
            named: HashMap::new(),
            matched: Vec::new(),
            web: Web::default(),
            on_error: Box::new(|error| eprintln!("sansocket: {error}")),
            on_engine: None,
        }
    }

    /// Handles an event of the namespace `/`.
    pub fn on<M>(&mut self, event: &str, handler: impl Handler<M>) -> &mut Self {
        self.root.on(event, handler);
        self
    }

    /// Decides who may join the namespace `/`. Without it everybody may.
    pub fn on_connect<M>(&mut self, handler: impl ConnectHandler<M>) -> &mut Self {
        self.root.on_connect(handler);
        self
    }

    /// Hears who left the namespace `/`.
    pub fn on_disconnect<M>(&mut self, handler: impl DisconnectHandler<M>) -> &mut Self {
        self.root.on_disconnect(handler);
        self
    }

    /// Opens a namespace, `/` or `/name`, and returns it for its handlers.
    pub fn namespace(&mut self, name: &str) -> &mut Namespace {
        let namespace = match name {
            "/" => &mut self.root,
            name => self.named.entry(name.into()).or_default(),
        };
        namespace.open = true;
        namespace
    }

    /// Opens every namespace whose name `matches` accepts and that is not opened by name. Each is
    /// apart from the others; they only share the handlers that are put into what is returned.
    pub fn namespaces(
        &mut self,
        matches: impl Fn(&str) -> bool + Send + Sync + 'static,
    ) -> &mut Namespace {
        self.matched.push((Box::new(matches), Namespace { open: true, ..Namespace::default() }));
        let (_, namespace) = self.matched.last_mut().expect("it was just pushed");
        namespace
    }

    /// Hears bare Engine.IO messages, when the settings choose
    /// [`Layer::EngineIo`](sansocket::Layer).
    pub fn on_engine_message(
        &mut self,
        heard: impl Fn(EngineSession, Received) + Send + Sync + 'static,
    ) -> &mut Self {
        self.on_engine = Some(Box::new(heard));
        self
    }

    /// Hears of handlers that returned an error, panicked, or did not understand a client. Without
    /// it errors are written to standard error.
    pub fn on_error(&mut self, heard: impl Fn(HandlerError) + Send + Sync + 'static) -> &mut Self {
        self.on_error = Box::new(heard);
        self
    }

    /// The namespace a client asks for, when it is open.
    pub(crate) fn find(&self, name: &str) -> Option<Found> {
        if name == "/" {
            return Some(Found::Root);
        }
        if self.named.get(name).is_some_and(|namespace| namespace.open) {
            return Some(Found::Named(name.into()));
        }
        self.matched.iter().position(|(matches, _)| matches(name)).map(Found::Matched)
    }

    pub(crate) fn get(&self, found: &Found) -> Option<&Namespace> {
        match found {
            Found::Root => Some(&self.root),
            Found::Named(name) => self.named.get(&**name),
            Found::Matched(at) => self.matched.get(*at).map(|(_, namespace)| namespace),
        }
    }
}

/// Where the handlers of a namespace are.
#[derive(Debug)]
pub(crate) enum Found {
    Root,
    Named(Arc<str>),
    Matched(usize),
}

impl Default for App {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Namespace {
    /// Handles an event; a second handler for the same event replaces the first.
    pub fn on<M>(&mut self, event: &str, handler: impl Handler<M>) -> &mut Self {
        let handler: EventHandler =
            Arc::new(move |socket, message, ack| handler.call(socket, message, ack));
        self.events.insert(event.into(), handler);
        self
    }

    /// Decides who may join. Without it everybody may.
    ///
    /// The client is in the namespace once the handler returned: what it emits to the client until
    /// then follows the admission, and broadcasts pass the client by.
    pub fn on_connect<M>(&mut self, handler: impl ConnectHandler<M>) -> &mut Self {
        self.connect = Some(Arc::new(move |socket| handler.call(socket)));
        self
    }

    /// Hears who left. The client is gone already, but its [`Socket`](crate::Socket) still tells who
    /// it was.
    pub fn on_disconnect<M>(&mut self, handler: impl DisconnectHandler<M>) -> &mut Self {
        self.disconnect =
            Some(Arc::new(move |socket, reason, rooms| handler.call(socket, reason, rooms)));
        self
    }

    pub(crate) fn event(&self, name: &str) -> Option<(&str, &EventHandler)> {
        self.events.get_key_value(name).map(|(name, handler)| (&**name, handler))
    }
}

impl fmt::Debug for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Namespace").field("events", &self.events.keys()).finish_non_exhaustive()
    }
}
