//! The handlers of an application, by namespace and event.

use sansocket::{Config, Life, Received};
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use crate::cluster::cluster::Cluster;
use crate::handlers::class::NamespaceClass;
use crate::handlers::connect::ConnectHandler;
use crate::handlers::disconnect::DisconnectHandler;
use crate::handlers::function::Handler;
use crate::handlers::handler::EventHandler;
use crate::handlers::namespace::{Namespace, OnError};
use crate::handlers::pattern::Pattern;
use crate::handlers::state::States;
use crate::sockets::engine::EngineSession;
use crate::sockets::error::HandlerError;
use crate::sockets::io::Io;
use crate::sockets::outgoing::{OnOutgoing, Outgoing};
use crate::web::handler::Web;

mod web;

type Predicate = Box<dyn Fn(&str) -> bool + Send + Sync>;
type OnEngine = Box<dyn Fn(EngineSession, Received) + Send + Sync>;
type OnLife = Box<dyn Fn(Io, &str, Life) + Send + Sync>;

/// Everything an application brings: handlers, settings, and answers to plain HTTP requests.
///
/// The methods that take handlers concern the namespace `/`; [`namespace`](Self::namespace) and its
/// kin reach the others.
///
/// ```
/// use sansocket_app::{App, BoxError, Files, Refusal, Socket};
/// # use sansocket_app::test::TestServer;
///
/// let mut app = App::new();
/// app.files(Files::new().map("/", "public"));
/// app.on_connect(|socket: Socket| match socket.query("name") {
///     Some(name) => {
///         socket.session().set(name);
///         Ok(())
///     }
///     None => Err(Refusal::new("who are you?")),
/// });
/// app.on("join", |socket: Socket, room: String| socket.join(room));
/// app.on("say", |socket: Socket, room: String, text: String| -> Result<(), BoxError> {
///     let name: String = socket.session().get().unwrap_or_default();
///     Ok(socket.to(room).emit("said", &(name, text))?)
/// });
/// app.namespace("/admin").on_connect(|socket: Socket| socket.header("authorization").is_some());
/// # let server = TestServer::new(app);
/// # let of = |name| server.client().query("name", name).connect().unwrap();
/// # let (ann, bob) = (of("Ann"), of("Bob"));
/// # assert_eq!(ann.call("join", "tea"), Ok(true));
/// # bob.emit("say", &("tea", "hello"));
/// # assert_eq!(ann.expect::<(String, String)>("said"), ("Bob".into(), "hello".into()));
/// # assert!(server.client().connect().is_err());
/// ```
///
/// # Which handler gets which event
///
/// The namespace a client asks for is the first of these that is there; with none of them the client
/// is refused with "Invalid namespace". `/` is always there.
///
/// | | made by |
/// |---|---|
/// | the one of that name | [`namespace`](Self::namespace), [`class`](Self::class) |
/// | the first pattern or predicate that matches, in the order they were made | `namespace("/room-{id}")`, [`namespaces`](Self::namespaces) |
/// | the catch-all | [`any_namespace`](Self::any_namespace) |
///
/// The catch-all namespace also stands behind every other one. What happens is handled by the first
/// of these that is there:
///
/// | | an event | connect | disconnect | an error |
/// |---|---|---|---|---|
/// | in the namespace | its handler, else `on_any` | `on_connect` | `on_disconnect` | `on_error` |
/// | in the catch-all namespace | its handler, else `on_any` | `on_connect` | `on_disconnect` | `on_error` |
/// | otherwise | ignored, logged, and not acknowledged | admitted | nothing | [`App::on_error`] |
///
/// There is one function for each, and it goes before a method of a [class](NamespaceClass).
/// Middlewares for [everywhere](Self::middleware_everywhere), of the catch-all namespace and of the
/// namespace all run, in this order. `on_any` is never called for connect and
/// disconnect.
pub struct App {
    pub(crate) config: Config,
    /// The first is `/`.
    spaces: Vec<Namespace>,
    /// Positions in `spaces`, here and below.
    named: HashMap<Box<str>, usize>,
    matched: Vec<(Predicate, usize)>,
    any: Option<usize>,
    /// Only its middlewares are used: they are in front of those of all others.
    everywhere: Namespace,
    pub(crate) states: States,
    pub(crate) always_connect: bool,
    pub(crate) web: Web,
    pub(crate) cluster: Option<Cluster>,
    pub(crate) on_error: Option<OnError>,
    pub(crate) on_engine: Option<OnEngine>,
    pub(crate) on_life: Option<OnLife>,
    pub(crate) on_any_outgoing: Option<OnOutgoing>,
}

impl App {
    /// Makes an application with default settings.
    #[must_use]
    pub fn new() -> Self {
        Self::with_config(Config::default())
    }

    /// Makes an application with these settings.
    #[must_use]
    pub fn with_config(config: Config) -> Self {
        Self {
            config,
            spaces: vec![Namespace::default()],
            named: HashMap::from([("/".into(), 0)]),
            matched: Vec::new(),
            any: None,
            everywhere: Namespace::default(),
            states: States::default(),
            always_connect: false,
            web: Web::default(),
            cluster: None,
            on_error: None,
            on_engine: None,
            on_life: None,
            on_any_outgoing: None,
        }
    }

    /// Handles an event of the namespace `/`.
    ///
    /// # Panics
    /// As [`Namespace::on`] does.
    #[track_caller]
    pub fn on<O, P, R, K, H>(&mut self, event: &str, handler: H) -> &mut Self
    where
        H: Handler<P, R, O>,
        H::Function: EventHandler<P, R, K>,
    {
        self.spaces[0].on(event, handler);
        self
    }

    /// Handles the events of the namespace `/` that have no handler of their own.
    ///
    /// # Panics
    /// As [`Namespace::on_any`] does.
    #[track_caller]
    pub fn on_any<O, P, R, K, H>(&mut self, handler: H) -> &mut Self
    where
        H: Handler<P, R, O>,
        H::Function: EventHandler<P, R, K>,
    {
        self.spaces[0].on_any(handler);
        self
    }

    /// Decides which clients may join the namespace `/`. Without it all may.
    ///
    /// # Panics
    /// As [`Namespace::on_connect`] does.
    #[track_caller]
    pub fn on_connect<P, R, K, H>(&mut self, handler: H) -> &mut Self
    where
        H: Handler<P, R> + ConnectHandler<P, R, K>,
    {
        self.spaces[0].on_connect(handler);
        self
    }

    /// Decides in every namespace which clients may go on to its own middlewares and its connect handler, before
    /// those: patterns, and the catch-all, too. It opens no namespace; [`Socket::namespace`] tells which
    /// one a client asks for.
    ///
    /// # Panics
    /// As [`Namespace::middleware`] does.
    ///
    /// [`Socket::namespace`]: crate::Socket::namespace
    #[track_caller]
    pub fn middleware_everywhere<P, R, K, H>(&mut self, handler: H) -> &mut Self
    where
        H: Handler<P, R> + ConnectHandler<P, R, K>,
    {
        self.everywhere.middleware(handler);
        self
    }

    /// Handles the disconnects of clients from the namespace `/`.
    ///
    /// # Panics
    /// As [`Namespace::on_disconnect`] does.
    #[track_caller]
    pub fn on_disconnect<P, R, K, H>(&mut self, handler: H) -> &mut Self
    where
        H: Handler<P, R> + DisconnectHandler<P, R, K>,
    {
        self.spaces[0].on_disconnect(handler);
        self
    }

    /// Opens a namespace, `/` or `/name`, and returns it for its handlers. The slash may be left out.
    ///
    /// A name with braces opens all that match: `/room-{id}` is every name that begins so and goes on
    /// with at least one character and no slash; [`Socket::param`](crate::Socket::param) returns
    /// what stands there. Each is apart from the others; they only share the handlers. `*` is
    /// [`any_namespace`](Self::any_namespace).
    ///
    /// # Panics
    /// When the braces are not in pairs, names in them are missing or the same, or nothing stands
    /// between two parameters.
    pub fn namespace(&mut self, name: &str) -> &mut Namespace {
        if name == "*" {
            return self.any_namespace();
        }
        let name = if name.starts_with('/') { name.into() } else { format!("/{name}") };
        if let Some(&at) = self.named.get(&*name) {
            return &mut self.spaces[at];
        }
        let pattern = Pattern::parse(&name);
        let at = self.add(pattern.clone());
        self.named.insert(name.into(), at);
        if let Some(pattern) = pattern {
            self.matched.push((Box::new(move |name| pattern.matches(name)), at));
        }
        &mut self.spaces[at]
    }

    /// Opens every namespace whose name `matches` accepts and that is not opened by name. Each is
    /// apart from the others; they only share the handlers added to the returned namespace.
    pub fn namespaces(
        &mut self,
        matches: impl Fn(&str) -> bool + Send + Sync + 'static,
    ) -> &mut Namespace {
        let at = self.add(None);
        self.matched.push((Box::new(matches), at));
        &mut self.spaces[at]
    }

    /// Opens every namespace there may be, and returns what stands behind all of them.
    pub fn any_namespace(&mut self) -> &mut Namespace {
        let at = match self.any {
            Some(at) => at,
            None => self.add(None),
        };
        self.any = Some(at);
        &mut self.spaces[at]
    }

    /// Opens a namespace, or a pattern of them, whose handlers are the methods of a value.
    ///
    /// # Panics
    /// As [`namespace`](Self::namespace) and [`Namespace::class`] do.
    #[track_caller]
    pub fn class<C: NamespaceClass>(&mut self, name: &str, class: C) -> &mut Namespace {
        self.namespace(name).class(class)
    }

    /// Keeps a value for all handlers, which take it as [`State`](crate::State). There is one per
    /// type; a second one replaces the first.
    pub fn manage<T: Send + Sync + 'static>(&mut self, value: T) -> &mut Self {
        self.manage_shared(Arc::new(value))
    }

    /// The same for a value that is shared already.
    pub fn manage_shared<T: Send + Sync + 'static>(&mut self, value: Arc<T>) -> &mut Self {
        self.states.insert(value);
        self
    }

    /// Joins a cluster: what is emitted reaches the clients of all its processes from then on. A second one replaces the
    /// first.
    ///
    /// The server never waits for the broker: clients of this process are served whether it can be reached or not.
    pub fn cluster(&mut self, cluster: Cluster) -> &mut Self {
        self.cluster = Some(cluster);
        self
    }

    /// Admits every client to an open namespace before its connect handler runs. One that is refused
    /// then is disconnected without a word; its events wait for the decision.
    pub fn always_connect(&mut self) -> &mut Self {
        self.always_connect = true;
        self
    }

    /// Handles bare Engine.IO messages, when the settings choose
    /// [`Layer::EngineIo`](sansocket::Layer).
    ///
    /// # Panics
    /// When there is such a handler already.
    #[track_caller]
    pub fn on_engine_message(
        &mut self,
        heard: impl Fn(EngineSession, Received) + Send + Sync + 'static,
    ) -> &mut Self {
        assert!(
            self.on_engine.is_none(),
            "App::on_engine_message: there is one for an application"
        );
        self.on_engine = Some(Box::new(heard));
        self
    }

    /// Called when namespaces and rooms come and go, and when clients join and leave rooms: with the name of the
    /// namespace, and what happened. Rooms that clients have by their ids are left out.
    ///
    /// It concerns this process, and hears of what happened, not of what is to happen. The events of one client come
    /// in order; those about a room whose members are on several shards may come on several threads. A namespace comes
    /// with its first admitted client and goes with its last; a client may be in a room before it is
    /// admitted. Without such a function nothing of this is noted.
    ///
    /// ```
    /// use sansocket_app::{App, Io, Life, Socket};
    /// # use sansocket_app::test::TestServer;
    ///
    /// let mut app = App::new();
    /// app.on("join", |socket: Socket, room: String| socket.join(room));
    /// app.on_life(|io: Io, namespace: &str, life: Life| {
    ///     if let Life::RoomCreated { room } = life {
    ///         let _ = io.of(namespace).emit("opened", &*room);
    ///     }
    /// });
    /// # let server = TestServer::new(app);
    /// # let client = server.connect().unwrap();
    /// # client.emit("join", "tea");
    /// # assert_eq!(client.expect::<String>("opened"), "tea");
    /// ```
    ///
    /// # Panics
    /// When there is such a function already.
    #[doc(alias("create-room", "delete-room", "join-room", "leave-room", "new_namespace"))]
    #[track_caller]
    pub fn on_life(&mut self, heard: impl Fn(Io, &str, Life) + Send + Sync + 'static) -> &mut Self {
        assert!(self.on_life.is_none(), "App::on_life: there is one for an application");
        self.config.life_events = true;
        self.on_life = Some(Box::new(heard));
        self
    }

    /// Called for each event that the application sends, before it is sent, on the thread that sends it: once for a
    /// broadcast, however many clients it reaches. Acknowledgements are no events. What it sends itself, it hears of
    /// as well.
    ///
    /// # Panics
    /// When there is such a function already.
    #[doc(alias = "onAnyOutgoing")]
    #[track_caller]
    pub fn on_any_outgoing(
        &mut self,
        heard: impl Fn(Outgoing<'_>) + Send + Sync + 'static,
    ) -> &mut Self {
        assert!(
            self.on_any_outgoing.is_none(),
            "App::on_any_outgoing: there is one for an application"
        );
        self.on_any_outgoing = Some(Box::new(heard));
        self
    }

    /// Called for handlers that returned an error, panicked, or could not decode their arguments, unless
    /// their namespace has an error handler. Without it errors are logged: through `tracing` where
    /// the process has a subscriber, else to standard error.
    ///
    /// `heard` is called for each error, however many a client causes, on the thread of the handler.
    /// What is logged without it is limited: eight lines in ten seconds for one address, 64 for all,
    /// then a count of the lines left out. No thread of the server ever waits for standard
    /// error.
    ///
    /// # Panics
    /// When there is such an error handler already.
    #[track_caller]
    pub fn on_error(&mut self, heard: impl Fn(HandlerError) + Send + Sync + 'static) -> &mut Self {
        assert!(self.on_error.is_none(), "App::on_error: there is one for an application");
        self.on_error = Some(Arc::new(heard));
        self
    }

    /// Settles what depends on all handlers together.
    ///
    /// # Panics
    /// When a handler takes a [`State`](crate::State) that there is no value of.
    #[track_caller]
    pub(crate) fn seal(mut self) -> Self {
        self.spaces.iter_mut().for_each(Namespace::settle_order);
        if let Some(any) = self.any.map(|at| self.spaces[at].clone()) {
            let others = self.spaces.iter_mut().enumerate().filter(|(at, _)| Some(*at) != self.any);
            others.for_each(|(_, namespace)| namespace.stand_before(&any));
        }
        self.spaces.iter_mut().for_each(|namespace| namespace.seal(&self.everywhere));
        for namespace in self.spaces.iter().chain([&self.everywhere]) {
            namespace.check_states(&self.states, "App::manage before serving");
        }
        let home = self.web.nodes.as_ref().and_then(|nodes| nodes.home(&self.config));
        if let (Some(cluster), Some(home)) = (&mut self.cluster, home) {
            cluster.config.home = Some(home);
        }
        self
    }

    /// Where the handlers are of the namespace a client asks for, when it is open.
    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        // A pattern is in there too, but a client cannot join under its own name unless it matches.
        let named = self.named.get(name).filter(|at| self.spaces[**at].entrance.pattern.is_none());
        let matched = || self.matched.iter().find(|(matches, _)| matches(name)).map(|(_, at)| at);
        named.or_else(matched).copied().or(self.any)
    }

    /// The names of the namespaces that are open whoever comes: those that are no patterns.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        let named = self.named.iter();
        named
            .filter(|(_, at)| self.spaces[**at].entrance.pattern.is_none())
            .map(|(name, _)| &**name)
    }

    /// Whether any event has a handler that waits for nothing.
    pub(crate) fn has_concurrent(&self) -> bool {
        self.spaces.iter().any(Namespace::has_concurrent)
    }

    pub(crate) fn get(&self, found: usize) -> Option<&Namespace> {
        self.spaces.get(found)
    }

    fn add(&mut self, pattern: Option<Pattern>) -> usize {
        let mut namespace = Namespace::default();
        namespace.entrance.pattern = pattern;
        self.spaces.push(namespace);
        self.spaces.len() - 1
    }
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
