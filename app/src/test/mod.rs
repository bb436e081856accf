//! Tests of an application without a network, a runtime or a wait.
//!
//! A [`TestServer`] serves an [`App`](crate::App) to [`TestClient`]s of the same thread, from a plain
//! `#[test]`. They speak the protocol in full, from the WebSocket upgrade to pings and
//! acknowledgements; only the sockets are missing. Each call returns when everything that follows
//! from it has happened, so there is nothing to wait for:
//!
//! ```
//! use sansocket_app::test::TestServer;
//! use sansocket_app::{App, Socket};
//!
//! fn chat() -> App {
//!     let mut app = App::new();
//!     app.on("join", |socket: Socket, room: String| socket.join(room));
//!     app.on("say", |socket: Socket, room: String, text: String| {
//!         socket.to(room).emit("said", &(socket.id(), text))
//!     });
//!     app
//! }
//!
//! # fn everybody_in_the_room_hears_it_but_the_speaker() {
//! let server = TestServer::new(chat());
//! let (ann, bob) = (server.connect().unwrap(), server.connect().unwrap());
//! for client in [&ann, &bob] {
//!     assert_eq!(client.call("join", "tea"), Ok(true));
//! }
//! ann.emit("say", &("tea", "hello"));
//!
//! let (who, text): (String, String) = bob.expect("said");
//! assert_eq!((who, text.as_str()), (ann.id(), "hello"));
//! assert!(ann.get_received().is_empty());
//! # }
//! # everybody_in_the_room_hears_it_but_the_speaker();
//! ```
//!
//! # Time
//!
//! Time stands still until [`advance`](TestServer::advance) moves it, past every deadline on the way:
//! a test of a day takes as long as one of a second.
//!
//! ```
//! # use sansocket_app::test::TestServer;
//! # use sansocket_app::{App, Io};
//! # use std::time::Duration;
//! let mut app = App::new();
//! app.on("remind", async |io: Io, minutes: u64| {
//!     io.sleep(Duration::from_secs(60 * minutes)).await;
//!     let _ = io.emit("reminder", &());
//! });
//! let server = TestServer::new(app);
//! let client = server.connect().unwrap();
//! client.emit("remind", &5);
//!
//! server.advance(Duration::from_secs(299));
//! assert!(client.get_received().is_empty());
//! server.advance(Duration::from_secs(1));
//! client.expect::<()>("reminder");
//! ```
//!
//! Handlers and background tasks have to sleep by [`Io::sleep`](crate::Io::sleep), and to start tasks
//! by [`Io::spawn`](crate::Io::spawn): the means of a runtime that does not run are of no use. A panic
//! of a background task fails the test; that of a handler goes to the application's error handler, as
//! it does in earnest.
//!
//! # Clients
//!
//! [`client`](TestServer::client) prepares one: its namespace, auth payload, query, headers, cookies.
//! Any number of them may be connected at once, and one connection may [join](TestClient::join)
//! several namespaces. Clients answer pings as time passes, unless they are [mute](TestClient::mute).
//! They begin with a WebSocket; HTTP long-polling is left to tests over a network.
//!
//! ```
//! # use sansocket_app::test::{ConnectError, TestServer};
//! # use sansocket_app::{App, Refusal, Socket};
//! # use serde_json::{Value, json};
//! let mut app = App::new();
//! app.namespace("/admin").on_connect(|socket: Socket| -> Result<(), Refusal> {
//!     let auth: Value = socket.auth().unwrap_or_default();
//!     if auth["token"] == "secret" { Ok(()) } else { Err(Refusal::new("not authorized")) }
//! });
//! let server = TestServer::new(app);
//! let admin = server.client().namespace("/admin").auth(&json!({"token": "secret"}));
//! assert!(admin.connect().is_ok());
//!
//! let refused = server.client().namespace("/admin").header("X-Forwarded-For", "::1").connect();
//! let message = "not authorized".into();
//! assert_eq!(refused.err(), Some(ConnectError::Refused { message, data: None }));
//! ```
//!
//! # Questions of the server
//!
//! ```
//! # use sansocket_app::test::TestServer;
//! # use sansocket_app::App;
//! # use std::time::Duration;
//! let server = TestServer::new(App::new());
//! let (ann, bob) = (server.connect().unwrap(), server.connect().unwrap());
//! let asked = server.io().of("/").emit_with_ack("ready?", &(), Duration::from_secs(10));
//! ann.expect_event("ready?").ack(&true);
//! server.advance(Duration::from_secs(10));
//!
//! let gathered = server.block_on(asked).expect("it was sent");
//! assert_eq!((gathered.decode().unwrap(), gathered.missing), (vec![true], 1));
//! ```
//!
//! # Handlers of clients
//!
//! A client answers by itself when it is given [handlers](TestClient::on), by the same rules as those of
//! the server:
//!
//! ```
//! # use sansocket_app::test::{TestServer, TestSocket};
//! # use sansocket_app::{AckError, App, Socket};
//! let mut app = App::new();
//! app.on("buy", async |socket: Socket, item: String| -> Result<bool, AckError> {
//!     socket.call("sure?", &item).await
//! });
//! let server = TestServer::new(app);
//! let client = server.connect().unwrap();
//! client.on("sure?", |socket: TestSocket, item: String| {
//!     socket.emit("thought about", &item);
//!     item != "car"
//! });
//! assert_eq!(client.call("buy", "tea"), Ok(true));
//! assert_eq!(client.call("buy", "car"), Ok(false));
//! ```
//!
//! There are those of connects and disconnects as well, of errors, and [classes](crate::NamespaceClass), in
//! any [order](crate::sequential). Handlers that the client is given [before it connects](Connect::handlers)
//! see it come:
//!
//! ```
//! # use sansocket_app::test::{TestServer, TestSocket};
//! # use sansocket_app::{App, Events, NamespaceClass, Reason, Socket, State};
//! # use std::sync::{Arc, Mutex};
//! type Diary = Arc<Mutex<Vec<String>>>;
//!
//! struct Guest;
//!
//! impl NamespaceClass<TestSocket> for Guest {
//!     fn register(events: &mut Events<'_, Self, TestSocket>) {
//!         events.on_connect(Self::connect).on_disconnect(Self::disconnect).on("leave", Self::leave);
//!     }
//! }
//!
//! impl Guest {
//!     fn connect(&self, socket: TestSocket) {
//!         socket.emit("hello", "Ann");
//!     }
//!
//!     fn leave(&self, diary: State<Diary>, why: String) {
//!         diary.lock().unwrap().push(why);
//!     }
//!
//!     fn disconnect(&self, diary: State<Diary>, reason: Reason) {
//!         diary.lock().unwrap().push(reason.to_string());
//!     }
//! }
//!
//! let mut app = App::new();
//! app.on("hello", |socket: Socket, name: String| {
//!     let _ = socket.emit("leave", &format!("{name} is not invited"));
//!     socket.disconnect();
//! });
//! let server = TestServer::new(app);
//! let diary = Diary::default();
//! let client = server.client().manage(diary.clone()).class(Guest).start();
//! assert!(!client.is_connected());
//! let noted = diary.lock().unwrap().clone();
//! assert_eq!(noted, ["Ann is not invited", "server namespace disconnect"]);
//! ```
//!
//! # Clients as programs have them
//!
//! [`open`](TestServer::open) starts a [`Client`](crate::client::Client), which finds this server whatever its URL, and
//! [`set_network`](TestServer::set_network) breaks its connection:
//!
//! ```
//! # use sansocket_app::client::Client;
//! # use sansocket_app::test::{Network, TestServer};
//! # use sansocket_app::App;
//! # use std::time::Duration;
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let server = TestServer::new(App::new());
//! let manager = server.open(Client::new("http://localhost")?);
//! let socket = server.block_on(manager.connect())?;
//! server.set_network(Network::Down);
//! assert!(!socket.is_connected());
//! server.set_network(Network::Up);
//! server.advance(Duration::from_secs(2));
//! assert!(socket.is_connected());
//! # Ok(())
//! # }
//! ```
//!
//! # Clusters
//!
//! A [`TestCluster`] serves several applications that are processes of one cluster, and is the broker between them.
//!
//! # Plain HTTP
//!
//! What an application answers besides is asked for by [`get`](TestServer::get), or by
//! [`request`](TestServer::request) with anything that an [`http::Request`] can
//! say:
//!
//! ```
//! # use sansocket_app::test::TestServer;
//! # use sansocket_app::{App, Bytes, Io};
//! # use sansocket_app::http::Request;
//! let mut app = App::new();
//! app.fallback(|request: Request<Bytes>| {
//!     let io: &Io = request.extensions().get().expect("it is always there");
//!     let _ = io.emit("news", &request.uri().path());
//!     "told"
//! });
//! let server = TestServer::new(app);
//! let client = server.connect().unwrap();
//! assert_eq!(server.get("/it-rains").body(), "told");
//! assert_eq!(client.expect::<String>("news"), "/it-rains");
//! ```
//!
//! [`start`](TestServer::start) is for answers that take time. The requests of HTTP long-polling may be
//! sent by it as well, one by one.
//!
//! # Coming from Flask-SocketIO
//!
//! | `SocketIOTestClient` | here |
//! |---|---|
//! | `socketio.test_client(app)` | [`TestServer::new(app)`](TestServer::new), [`server.connect()`](TestServer::connect) |
//! | `…, namespace=, auth=, query_string=, headers=` | [`server.client()`](TestServer::client)`.namespace(…).auth(…).query(…).header(…).connect()` |
//! | `…, flask_test_client=` for its cookies | [`.cookie(…)`](Connect::cookie) |
//! | `client.is_connected(namespace)` | [`client.is_connected()`](TestClient::is_connected) |
//! | `client.connect(namespace)` | [`client.join(namespace, &auth)`](TestClient::join), which is a client of its own |
//! | `client.disconnect(namespace)` | [`client.disconnect()`](TestClient::disconnect) |
//! | `client.emit(event, a, b)` | [`client.emit(event, &(a, b))`](TestClient::emit) |
//! | `client.emit(…, callback=True)` | [`client.call(…)`](TestClient::call), or [`emit_with_ack`](TestClient::emit_with_ack) when the answer takes time |
//! | `client.send(data)` | [`client.send(&data)`](TestClient::send) |
//! | `client.send(data, json=True)` | [`client.send_json(&data)`](TestClient::send_json) |
//! | `client.get_received(namespace)` | [`client.get_received()`](TestClient::get_received), each with `name`, `args` and `namespace` |
//! | `received["args"]`, unwrapped for `message` and `json` | [`received.decode::<T>()`](ReceivedEvent::decode), the same for all events |
//! | no message queue allowed | [`TestCluster`], [`with_shards`](TestServer::with_shards) |
//! | handlers of the client: not there | [`client.on(event, …)`](TestClient::on), [`client.class(…)`](TestClient::class) |
//! | — | virtual time, answers to the server, ping timeouts, lost connections |

mod broker;
mod calls;
mod client;
mod clock;
mod cluster;
mod connect;
mod line;
mod peer;
mod pipe;
mod request;
mod server;
mod socket;

pub use client::{Answer, AnswerError, ReceivedEvent, TestClient};
pub use cluster::TestCluster;
pub use connect::{Connect, ConnectError};
pub use pipe::Network;
pub use request::TestRequest;
pub use server::TestServer;
pub use socket::TestSocket;
