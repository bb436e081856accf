//! A client about to connect.

use sansocket::{Fields, Method, Request};
use serde::Serialize;
use serde_json::Value;
use std::fmt::{self, Write as _};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use super::client::TestClient;
use super::line::Line;
use super::peer::Peer;
use super::server::World;
use super::socket::TestSocket;
use crate::handlers::class::NamespaceClass;
use crate::handlers::namespace::Namespace;
use crate::handlers::state::States;

/// A client about to connect: its namespace, its auth payload, and the request it begins with.
#[must_use = "nobody connects until `connect` or `start` is called"]
pub struct Connect {
    world: Rc<World>,
    namespace: String,
    auth: String,
    query: String,
    fields: Vec<(String, String)>,
    cookies: Vec<String>,
    address: Option<SocketAddr>,
    handlers: Namespace<TestSocket>,
    states: States,
}

/// Why a client is not in its namespace.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The connection ended, or the client left.
    #[error("the client is not connected any more")]
    Closed,
    /// The namespace did not let the client in.
    #[error("the namespace refused the client: {message}")]
    Refused {
        /// What `connect_error` shows as the message.
        message: String,
        /// What it carries besides.
        data: Option<Value>,
    },
    /// The server answered the request to connect with an HTTP error.
    #[error("the request was answered with status {status}: {body}")]
    Rejected {
        /// The status.
        status: u16,
        /// The body, as text.
        body: String,
    },
    /// A connect handler waits for time to pass, or for something else.
    #[error(
        "the connect handler has not decided: use `start`, let time pass, then ask `admission`"
    )]
    Undecided,
}

/// Where the values belong that handlers of a client take.
pub(super) const MANAGE: &str = "Connect::manage";

impl Connect {
    pub(super) fn new(world: Rc<World>) -> Self {
        Self {
            world,
            namespace: "/".into(),
            auth: String::new(),
            query: String::new(),
            fields: vec![("Host".into(), "localhost".into())],
            cookies: Vec::new(),
            address: None,
            handlers: Namespace::default(),
            states: States::default(),
        }
    }

    /// Joins this namespace instead of `/`.
    pub fn namespace(mut self, name: &str) -> Self {
        self.namespace = name.into();
        self
    }

    /// Sends an auth payload along, which has to be an object.
    ///
    /// # Panics
    /// When it has no JSON form.
    #[track_caller]
    pub fn auth<T: Serialize + ?Sized>(mut self, auth: &T) -> Self {
        self.auth = payload(auth);
        self
    }

    /// Adds a parameter to the query of the request.
    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.query.push('&');
        escape(&mut self.query, name);
        self.query.push('=');
        escape(&mut self.query, value);
        self
    }

    /// Adds a header to the request.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.into(), value.into()));
        self
    }

    /// Adds a cookie to the request.
    pub fn cookie(mut self, name: &str, value: &str) -> Self {
        self.cookies.push(format!("{name}={value}"));
        self
    }

    /// Connects from this address; without it the client has none.
    pub fn address(mut self, address: SocketAddr) -> Self {
        self.address = Some(address);
        self
    }

    /// Gives the client handlers before it connects: see [`TestClient::handlers`].
    pub fn handlers(mut self, add: impl FnOnce(&mut Namespace<TestSocket>)) -> Self {
        add(&mut self.handlers);
        self
    }

    /// Makes the methods of a value handlers of the client, before it connects.
    ///
    /// # Panics
    /// As [`Namespace::class`] does.
    #[track_caller]
    pub fn class<C: NamespaceClass<TestSocket>>(mut self, class: C) -> Self {
        self.handlers.class(class);
        self
    }

    /// Keeps a value for all handlers of the client, which take it as [`State`](crate::State), as
    /// [`App::manage`](crate::App::manage) does for those of the server.
    pub fn manage<T: Send + Sync + 'static>(mut self, value: T) -> Self {
        self.states.insert(Arc::new(value));
        self
    }

    /// Connects and joins the namespace.
    ///
    /// # Errors
    /// Why the client is not in the namespace now.
    ///
    /// # Panics
    /// As [`start`](Self::start) does.
    #[track_caller]
    pub fn connect(self) -> Result<TestClient, ConnectError> {
        let client = self.start();
        client.admission().map(|()| client)
    }

    /// Asks to connect and to join the namespace, whatever comes of it:
    /// [`admission`](TestClient::admission) tells.
    ///
    /// # Panics
    /// When a handler of the client takes a [`State`](crate::State) that there is no value of.
    #[track_caller]
    pub fn start(self) -> TestClient {
        let Self { world, namespace, auth, query, mut fields, cookies, address, handlers, states } =
            self;
        if !cookies.is_empty() {
            fields.push(("Cookie".into(), cookies.join("; ")));
        }
        let config = &world.hub.app().config;
        let target = format!("{}?EIO=4&transport=websocket{query}", config.path);
        handlers.check_states(&states, MANAGE);
        let request = Request::new(Method::Get, &target, Fields::host(&fields));
        let mut peer = Peer::new(&request, Arc::new(states), config.parser.as_ref());
        peer.set_handlers(&namespace, handlers);
        let line = Rc::new(Line::new(world, peer, address));
        TestClient::start(line, &namespace, &auth)
    }
}

/// The text of an auth payload; nothing for `()`.
#[track_caller]
pub(super) fn payload<T: Serialize + ?Sized>(auth: &T) -> String {
    match serde_json::to_string(auth) {
        Ok(json) if json == "null" => String::new(),
        Ok(json) => json,
        Err(error) => panic!("the auth payload cannot be written as JSON: {error}"),
    }
}

/// Appends text as a part of a query (RFC 3986 §2.1).
fn escape(query: &mut String, text: &str) {
    for byte in text.bytes() {
        match byte {
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'.' | b'_' | b'~' => {
                query.push(byte.into());
            }
            _ => write!(query, "%{byte:02X}").expect("strings take everything"),
        }
    }
}

impl fmt::Debug for Connect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connect").field("namespace", &self.namespace).finish_non_exhaustive()
    }
}
