//! What an application says about HTTP: files, other paths, and the gate before handshakes.

use http::{HeaderMap, StatusCode};
use sansocket::{Caller, NodeName, Request};
use std::net::SocketAddr;

use crate::app::App;
use crate::web::files::Files;
use crate::web::handler::{IntoWeb, WebHandler, response_of};
use crate::web::refused::RefusedRequest;

impl App {
    /// Serves static files outside the Socket.IO path. What a mapping covers and does not find goes
    /// to the [`fallback`](Self::fallback), if there is one.
    ///
    /// Files are read by the task of the connection, large ones piece by piece. Texts up to 64 KiB are
    /// compressed for clients that ask for it, once for each version of a file; what was asked for
    /// lately is kept, in 16 MiB for all files. In front of another service, files that are there are
    /// answered before it is asked.
    pub fn files(&mut self, files: Files) -> &mut Self {
        self.web.files = Some(files);
        self
    }

    /// Answers plain HTTP requests outside the Socket.IO path, with a function of an
    /// [`http::Request`], plain or async, that returns [`IntoWeb`]. Without it they get a 404.
    ///
    /// A body larger than `Limits::max_payload` is answered with 413 before the function is asked. In
    /// front of another service there is none: that service answers the rest.
    /// Among the extensions, [`Caller`] tells the client's address, and [`Io`](crate::Io) reaches the clients.
    pub fn fallback<M>(&mut self, answer: impl WebHandler<M>) -> &mut Self {
        self.web.fallback = Some(Box::new(move |request| answer.call(request)));
        self
    }

    /// Names the other nodes behind the load balancer of this one, and where they listen for plain HTTP. A request
    /// whose session one of them has, as the [name](sansocket::Config::node) in front of its id says, is
    /// forwarded there, and its answer goes back to the client: so no sticky sessions are needed, at the cost of
    /// one more hop. When a polling client upgrades to a WebSocket on the wrong node, the bytes of the WebSocket pass
    /// through that node for as long as it lasts. A layer in front of another service forwards as well.
    ///
    /// A request is forwarded once at most. When a node does not answer, the client gets 502 and opens a new session;
    /// so it does when a node ends through which its WebSocket passes. As many WebSockets may pass through a node as it
    /// may have sessions, `Limits::sessions`, and one more is answered with 503.
    ///
    /// What another node says of a client, in `X-Forwarded-For` and `-Proto`, is believed if it comes from one of
    /// these addresses: nobody else should be able to send from there.
    ///
    /// ```
    /// # use sansocket_app::{App, Config};
    /// # fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let mut config = Config::default();
    /// config.node = Some("n1".parse()?);
    /// let mut app = App::with_config(config);
    /// app.nodes([("n2".parse()?, "10.0.0.2:3000".parse()?)]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Without a name of its own, a server forwards nothing.
    pub fn nodes(&mut self, others: impl IntoIterator<Item = (NodeName, SocketAddr)>) -> &mut Self {
        self.web.nodes.get_or_insert_default().name(others);
        self
    }

    /// Tells the other processes of the [cluster](Self::cluster) under which address and port this one listens for
    /// plain HTTP, and learns from them where they listen: instead of [`nodes`](Self::nodes), or beside it, where what
    /// is named there goes before what is learnt. It needs a [name](sansocket::Config::node) of its own, and
    /// [`Format::Native`](crate::Format::Native): processes of other formats neither tell nor learn anything.
    ///
    /// Whoever can write to the broker can then have requests for a node, with session ids and cookies in them, sent
    /// to an address of its choice, and be believed what it says of clients: without this, it cannot.
    ///
    /// ```
    /// # use sansocket_app::{App, Broker, Cluster, Config};
    /// # fn example(redis: impl Broker) -> Result<(), Box<dyn std::error::Error>> {
    /// let mut config = Config::default();
    /// config.node = Some("n1".parse()?);
    /// let mut app = App::with_config(config);
    /// app.cluster(Cluster::new(redis));
    /// app.tell_nodes("10.0.0.1:3000".parse()?);
    /// # Ok(())
    /// # }
    /// ```
    pub fn tell_nodes(&mut self, address: SocketAddr) -> &mut Self {
        self.web.nodes.get_or_insert_default().tell(address);
        self
    }

    /// Asks `allow` before a session opens, with the head of the request and the client that sent it; an error is the answer to the request, with status 403
    /// unless it has one that is no success. It runs while
    /// the connection waits: leave what takes time to an async connect handler.
    pub fn allow_request<E: IntoWeb>(
        &mut self,
        allow: impl Fn(&Request<'_>, Caller) -> Result<(), E> + Send + Sync + 'static,
    ) -> &mut Self {
        self.web.allow = Some(Box::new(move |request, caller| {
            let mut refusal = allow(request, caller).err()?.into_response();
            if refusal.status().is_success() {
                *refusal.status_mut() = StatusCode::FORBIDDEN;
            }
            Some(response_of(refusal, None))
        }));
        self
    }

    /// Called for each request of the protocol that is refused, before the answer leaves: with the request, the
    /// number and the words that the JavaScript server has for the refusal, and the rule that was broken. It runs while
    /// the connection waits, however many requests a client causes; the log, which is limited, has the same.
    ///
    /// Of a WebSocket, it is the handshake that may be refused: what breaks a rule later is the reason of a
    /// disconnect.
    #[doc(alias = "connection_error")]
    pub fn on_refused(
        &mut self,
        heard: impl Fn(RefusedRequest<'_>) + Send + Sync + 'static,
    ) -> &mut Self {
        self.web.on_refused = Some(Box::new(heard));
        self
    }

    /// Adds header fields to the answer that opens a session, or refuses one: from the head of the request and the
    /// client that sent it. It runs while the connection waits.
    ///
    /// Fields that the server sets itself stay as they are, and go before those of `Config::headers`; a
    /// `Set-Cookie` is always added. Without a function like this no request costs more.
    pub fn initial_headers(
        &mut self,
        dress: impl Fn(&Request<'_>, Caller, &mut HeaderMap) + Send + Sync + 'static,
    ) -> &mut Self {
        self.web.initial_headers = Some(Box::new(dress));
        self
    }

    /// Adds header fields to every answer of the protocol, as [`initial_headers`](Self::initial_headers) does, which
    /// comes first: to handshakes of WebSockets, polls and POSTs. For a poll that waits they are made when it comes.
    pub fn headers(
        &mut self,
        dress: impl Fn(&Request<'_>, Caller, &mut HeaderMap) + Send + Sync + 'static,
    ) -> &mut Self {
        self.web.headers = Some(Box::new(dress));
        self
    }

    /// Makes the session ids from the head of the request and the client that sent it, instead of 120 random bits each: a name for a load balancer to route
    /// by, say. They are what proves to whom a session belongs, so a part of them must be
    /// unpredictable. Up to 256 letters, digits, `-`, `_`, `.` and `~`; one that is in use is refused.
    pub fn generate_id(
        &mut self,
        generate: impl Fn(&Request<'_>, Caller) -> String + Send + Sync + 'static,
    ) -> &mut Self {
        self.web.generate_id = Some(Box::new(generate));
        self
    }
}
