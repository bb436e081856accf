//! A client before it is started: the address of a server, settings, and handlers.

use sansocket::client::{Config, Endpoint, UrlError};
use sansocket::{EventMessage, Limits};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
#[cfg(unix)]
use std::path::PathBuf;
use std::sync::Arc;

use super::auth::Auth;
use super::error::ConnectError;
use super::event::Event;
use super::manager::Manager;
use super::socket::Socket;
use super::space::{OnSent, Space, handlers};
use crate::dial::proxies::Proxies;
#[cfg(feature = "tls")]
use crate::dial::tls::{Tls, Trust};
use crate::dial::way::{Connector, To, Way};
use crate::handlers::class::NamespaceClass;
use crate::handlers::connect::ConnectHandler;
use crate::handlers::disconnect::DisconnectHandler;
use crate::handlers::function::Handler;
use crate::handlers::handler::EventHandler;
use crate::handlers::state::States;
use crate::runtime::BoxFuture;
use crate::serve::carry::Wire;
use crate::sockets::error::{BoxError, HandlerError};

/// A client of a Socket.IO server: the address of the server, settings, and handlers. A binding starts it.
///
/// The methods that take handlers concern the namespace that the URL names; [`namespace`](Self::namespace) reaches
/// others. Clones share what they have, so that thousands of clients with the same handlers cost little.
///
/// ```
/// use sansocket_app::client::{Backoff, Client, Transport, UrlError};
/// use std::time::Duration;
///
/// # fn main() -> Result<(), UrlError> {
/// let mut client = Client::new("https://example.com/chat?v=2")?;
/// client.header("x-app", "a").configure(|config| {
///     config.transports = vec![Transport::WebSocket];
///     config.timeout = Duration::from_secs(5);
///     config.reconnect = None;
/// });
/// client.on("said", |who: String, text: String| println!("{who}: {text}"));
/// client.namespace("/admin").on("log", |line: String| println!("{line}"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Client {
    pub(super) config: Arc<Config>,
    pub(super) limits: Arc<Limits>,
    pub(super) setup: Arc<Setup>,
    /// The namespace that the URL names.
    pub(super) name: Arc<str>,
    /// The namespaces that have handlers, by name.
    pub(super) spaces: BTreeMap<Arc<str>, Arc<Space>>,
}

/// What concerns all namespaces of a client.
#[derive(Clone, Default)]
pub(super) struct Setup {
    pub(super) states: States,
    pub(super) on_event: Option<Arc<dyn Fn(Event) + Send + Sync>>,
    pub(super) on_sent: Option<OnSent>,
    pub(super) prepare: Option<Prepare>,
    pub(super) way: Way,
}

pub(super) type Prepare = Arc<dyn Fn(Manager) -> BoxFuture<()> + Send + Sync>;

/// Where the values belong that handlers of a client take.
pub(super) const MANAGE: &str = "Client::manage";

impl Client {
    /// Makes a client of the server at a URL with the scheme `http`, `https`, `ws` or `wss`. The path of the URL is
    /// the namespace that it joins, its query goes with every request, and its login is Basic authorization.
    ///
    /// # Errors
    /// The part of the URL that cannot be used.
    pub fn new(url: &str) -> Result<Self, UrlError> {
        Ok(Self::with_config(Config::new(Endpoint::parse(url)?)))
    }

    /// Makes a client with these settings. The path of [`Config::endpoint`] is the namespace that it joins.
    #[must_use]
    pub fn with_config(config: Config) -> Self {
        let name: Arc<str> = config.endpoint.path().into();
        let limits = Arc::new(config.limits.clone());
        Self {
            config: Arc::new(config),
            limits,
            setup: Arc::default(),
            // Clients that are opened from clones of this one share it.
            spaces: BTreeMap::from([(name.clone(), Arc::default())]),
            name,
        }
    }

    /// Changes the settings.
    pub fn configure(&mut self, change: impl FnOnce(&mut Config)) -> &mut Self {
        let config = Arc::make_mut(&mut self.config);
        change(config);
        self.limits = Arc::new(config.limits.clone());
        self
    }

    /// Adds a header field to every request, the WebSocket handshake included.
    pub fn header(&mut self, name: &str, value: &str) -> &mut Self {
        self.configure(|config| config.headers.push((name.into(), value.into())))
    }

    /// Adds a parameter to every request.
    pub fn query(&mut self, name: &str, value: &str) -> &mut Self {
        self.configure(|config| config.query.push((name.into(), value.into())))
    }

    /// Reaches the server through proxies: see [`Proxies`]. By default it is reached directly, whatever the
    /// environment says.
    pub fn proxies(&mut self, proxies: impl Into<Proxies>) -> &mut Self {
        self.setup().way.to = To::Server(proxies.into());
        self
    }

    /// Trusts other certificates than those of the system's authorities, or shows one: see [`Tls`].
    #[cfg(feature = "tls")]
    pub fn tls(&mut self, tls: Tls) -> &mut Self {
        self.setup().way.trust = Trust::new(tls);
        self
    }

    /// Reaches the server by a Unix socket. The URL still says the host, the path and whether there is
    /// encryption.
    #[cfg(unix)]
    pub fn unix_socket(&mut self, path: impl Into<PathBuf>) -> &mut Self {
        self.setup().way.to = To::Unix(path.into());
        self
    }

    /// Opens streams with a function of the application, which is told the address of the server. They are used as
    /// they are: for `https` the function encrypts them.
    pub fn connector<W, E, U, F>(&mut self, connect: F) -> &mut Self
    where
        W: Wire + Send + 'static,
        E: Into<BoxError>,
        U: Future<Output = Result<W, E>> + Send + 'static,
        F: Fn(Arc<Endpoint>) -> U + Send + Sync + 'static,
    {
        self.setup().way.to = To::Own(Connector::new(connect));
        self
    }

    /// Returns what the client does in another namespace. The slash may be left out.
    /// [`Manager::of`] joins it.
    pub fn namespace(&mut self, name: &str) -> &mut Space {
        let name = if name.starts_with('/') { name.into() } else { format!("/{name}").into() };
        Arc::make_mut(self.spaces.entry(name).or_default())
    }

    handlers!(self => self.space());

    /// Keeps a value for all handlers of the client, which take it as [`State`](crate::State).
    pub fn manage<T: Send + Sync + 'static>(&mut self, value: T) -> &mut Self {
        self.setup().states.insert(Arc::new(value));
        self
    }

    /// Called for what becomes of the connection: attempts, sessions, upgrades. For logs and tools; a later one
    /// replaces an earlier one.
    pub fn on_event(&mut self, heard: impl Fn(Event) + Send + Sync + 'static) -> &mut Self {
        self.setup().on_event = Some(Arc::new(heard));
        self
    }

    /// Called for each event that is handed to the transport: one that waited until the namespace was joined when
    /// it no longer waits. A later one replaces an earlier one.
    pub fn on_sent(
        &mut self,
        heard: impl Fn(&Socket, &EventMessage) + Send + Sync + 'static,
    ) -> &mut Self {
        self.setup().on_sent = Some(Arc::new(heard));
        self.configure(|config| config.report_sent = true)
    }

    /// Called before each attempt to connect, which waits for it: an async function that may change the settings, by
    /// [`Manager::configure`].
    ///
    /// ```
    /// # use sansocket_app::client::{Client, Manager, UrlError};
    /// # async fn fresh_token() -> String { String::new() }
    /// # fn main() -> Result<(), UrlError> {
    /// let mut client = Client::new("https://example.com")?;
    /// client.before_attempt(async |manager: Manager| {
    ///     let token = fresh_token().await;
    ///     manager.configure(|config| config.query = vec![("token".into(), token)]);
    /// });
    /// # Ok(())
    /// # }
    /// ```
    pub fn before_attempt<U, F>(&mut self, prepare: F) -> &mut Self
    where
        U: Future<Output = ()> + Send + 'static,
        F: FnOnce(Manager) -> U + Clone + Send + Sync + 'static,
    {
        let prepare = move |manager| -> BoxFuture<()> { Box::pin(prepare.clone()(manager)) };
        self.setup().prepare = Some(Arc::new(prepare));
        self.configure(|config| config.ask_settings = true)
    }

    fn space(&mut self) -> &mut Space {
        Arc::make_mut(self.spaces.entry(self.name.clone()).or_default())
    }

    fn setup(&mut self) -> &mut Setup {
        Arc::make_mut(&mut self.setup)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("endpoint", &self.config.endpoint)
            .field("spaces", &self.spaces)
            .finish_non_exhaustive()
    }
}
