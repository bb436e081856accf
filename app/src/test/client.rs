//! A client of a test, and the events it received.

use sansocket::{Args, ArgsRef, EventMessage, SocketBody};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;
use std::rc::Rc;

use super::connect::{self, ConnectError, MANAGE};
use super::line::{End as _, Line};
use super::peer::{Arrival, Peer};
use super::socket::TestSocket;
use crate::args::{self, DecodeError, EncodeError, IntoArgs};
use crate::handlers::class::NamespaceClass;
use crate::handlers::function::Handler;
use crate::handlers::handler::EventHandler;
use crate::handlers::namespace::Namespace;

/// A client in one namespace.
///
/// Each call lets the server do all that follows from it. The connection ends when its last client is
/// dropped: there are several when it [joined](Self::join) further namespaces.
pub struct TestClient {
    line: Rc<Line<Peer>>,
    namespace: Rc<str>,
}

/// The acknowledgement a client asked for.
#[must_use = "the event is sent already; this only reads its acknowledgement"]
pub struct Answer {
    line: Rc<Line<Peer>>,
    namespace: Rc<str>,
    question: u64,
}

/// An event the server sent.
pub struct ReceivedEvent {
    /// The name.
    pub name: String,
    /// The arguments.
    pub args: Args,
    /// The namespace.
    pub namespace: String,
    line: Rc<Line<Peer>>,
    question: Option<u64>,
}

/// Why there is no acknowledgement.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AnswerError {
    /// The value has another type.
    #[error("the acknowledgement does not fit: {0}")]
    Decode(#[from] DecodeError),
    /// The server sent none: the event has no handler, the handler failed, or it waits for something.
    #[error("the server sent no acknowledgement")]
    Missing,
}

impl TestClient {
    /// A client that asks to join a namespace.
    pub(super) fn start(line: Rc<Line<Peer>>, namespace: &str, auth: &str) -> Self {
        line.act(|peer| peer.join(namespace, auth));
        Self { line, namespace: namespace.into() }
    }

    /// Joins another namespace over the same connection, with an auth payload unless it is `()`; or
    /// this one again, after the client left or was refused.
    ///
    /// # Errors
    /// Why the client is not in the namespace now.
    ///
    /// # Panics
    /// When the auth payload has no JSON form.
    #[track_caller]
    pub fn join<T: Serialize + ?Sized>(
        &self,
        namespace: &str,
        auth: &T,
    ) -> Result<Self, ConnectError> {
        let client = Self::start(self.line.clone(), namespace, &connect::payload(auth));
        client.admission().map(|()| client)
    }

    /// Tells whether the client was let in.
    ///
    /// # Errors
    /// Why it is not in the namespace.
    pub fn admission(&self) -> Result<(), ConnectError> {
        self.look(|peer, namespace| peer.admission(namespace))
    }

    /// Whether the client is in its namespace now.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.look(|peer, namespace| peer.is_in(namespace))
    }

    /// Returns the client's id in its namespace, also after it left.
    ///
    /// # Panics
    /// When it was never let in.
    #[must_use]
    #[track_caller]
    pub fn id(&self) -> String {
        let id = self.look(|peer, namespace| peer.id(namespace));
        id.expect("a client has an id once it was let into its namespace")
    }

    /// Returns the name of its namespace.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Handles an event that the server sends from now on, instead of keeping it for
    /// [`expect`](Self::expect): the rules are those of handlers of the server, with [`TestSocket`] in
    /// the place of `Socket`. What the handler returns is the acknowledgement.
    ///
    /// A handler that fails ends the test, unless the client has an error handler. An async one goes on as a
    /// task.
    ///
    /// # Panics
    /// As [`Namespace::on`] does, and when the handler takes a [`State`](crate::State) that was not given to
    /// [`Connect::manage`](super::Connect::manage).
    #[track_caller]
    pub fn on<O, P, R, K, H>(&self, event: &str, handler: H) -> &Self
    where
        H: Handler<P, R, O>,
        H::Function: EventHandler<P, R, K, TestSocket>,
    {
        let mut handlers = self.copy_handlers();
        handlers.on(event, handler);
        self.set_handlers(handlers)
    }

    /// Handles the events that have no handler of their own.
    ///
    /// # Panics
    /// As [`on`](Self::on) does.
    #[track_caller]
    pub fn on_any<O, P, R, K, H>(&self, handler: H) -> &Self
    where
        H: Handler<P, R, O>,
        H::Function: EventHandler<P, R, K, TestSocket>,
    {
        let mut handlers = self.copy_handlers();
        handlers.on_any(handler);
        self.set_handlers(handlers)
    }

    /// Makes the methods of a value handlers of the client, where no function is one.
    ///
    /// # Panics
    /// As [`Namespace::class`] does, and when a method takes a [`State`](crate::State) that was not given to
    /// [`Connect::manage`](super::Connect::manage).
    #[track_caller]
    pub fn class<C: NamespaceClass<TestSocket>>(&self, class: C) -> &Self {
        let mut handlers = self.copy_handlers();
        handlers.class(class);
        self.set_handlers(handlers)
    }

    /// Gives the client handlers of all kinds: of events, of its connects and disconnects, of errors. The
    /// connect handler is called when the client joins again; [`Connect::handlers`](super::Connect::handlers)
    /// sets one for the first time.
    ///
    /// # Panics
    /// When a handler takes a [`State`](crate::State) that was not given to
    /// [`Connect::manage`](super::Connect::manage).
    #[track_caller]
    pub fn handlers(&self, add: impl FnOnce(&mut Namespace<TestSocket>)) -> &Self {
        let mut handlers = self.copy_handlers();
        add(&mut handlers);
        self.set_handlers(handlers)
    }

    /// Sends an event. A tuple is several arguments, `()` none, anything else one.
    ///
    /// # Panics
    /// When the client is not in its namespace, or the arguments have no JSON form.
    #[track_caller]
    pub fn emit(&self, event: &str, args: impl IntoArgs) {
        self.send_event(event, args, None);
    }

    /// Sends the event `message`.
    ///
    /// # Panics
    /// When the client is not in its namespace, or the arguments have no JSON form.
    #[track_caller]
    pub fn send(&self, args: impl IntoArgs) {
        self.emit("message", args);
    }

    /// Sends the event `json`.
    ///
    /// # Panics
    /// When the client is not in its namespace, or the arguments have no JSON form.
    #[track_caller]
    pub fn send_json(&self, args: impl IntoArgs) {
        self.emit("json", args);
    }

    /// Sends an event and asks for an acknowledgement, which may come later.
    ///
    /// # Panics
    /// When the client is not in its namespace, or the arguments have no JSON form.
    #[track_caller]
    pub fn emit_with_ack(&self, event: &str, args: impl IntoArgs) -> Answer {
        let question = self.line.look(Peer::ask);
        self.send_event(event, args, Some(question));
        Answer { line: self.line.clone(), namespace: self.namespace.clone(), question }
    }

    /// Sends an event and returns what the server acknowledged. A tuple is several arguments, `()`
    /// any, anything else the first.
    ///
    /// # Errors
    /// When no acknowledgement came, or another one.
    ///
    /// # Panics
    /// When the client is not in its namespace, or the arguments have no JSON form.
    #[track_caller]
    pub fn call<R: DeserializeOwned>(
        &self,
        event: &str,
        args: impl IntoArgs,
    ) -> Result<R, AnswerError> {
        self.emit_with_ack(event, args).read()
    }

    /// Takes all events that came since they were taken last, in their order.
    pub fn get_received(&self) -> Vec<ReceivedEvent> {
        let arrived = self.look(|peer, namespace| std::mem::take(peer.arrived(namespace)));
        arrived.into_iter().map(|arrival| self.received(arrival)).collect()
    }

    /// Takes the one event of this name that came and reads its arguments; others stay.
    ///
    /// # Panics
    /// When there is none or more than one, or its arguments do not fit.
    #[track_caller]
    pub fn expect<T: DeserializeOwned>(&self, event: &str) -> T {
        let received = self.expect_event(event);
        match received.decode() {
            Ok(args) => args,
            Err(error) => panic!("{error}, in {received:?}"),
        }
    }

    /// Takes the one event of this name that came; others stay.
    ///
    /// # Panics
    /// When there is none or more than one.
    #[track_caller]
    pub fn expect_event(&self, event: &str) -> ReceivedEvent {
        let found = self.look(|peer, namespace| {
            let arrived = peer.arrived(namespace);
            let mut named = (0..arrived.len()).filter(|&at| arrived[at].message.name() == event);
            match (named.next(), named.next()) {
                (Some(at), None) => Ok(arrived.remove(at)),
                (None | Some(_), _) => {
                    Err(arrived.iter().map(|arrival| format!("\n  {arrival:?}")).collect())
                }
            }
        });
        match found {
            Ok(arrival) => self.received(arrival),
            Err(all) => {
                let all: String = all;
                let all = if all.is_empty() { " nothing" } else { &all };
                panic!("expected one event {event:?} in {}, received:{all}", self.namespace)
            }
        }
    }

    /// Leaves the namespace; the connection and its other namespaces live on.
    pub fn disconnect(&self) {
        if self.is_connected() {
            self.line.act(|peer| peer.leave(&self.namespace));
        }
    }

    /// Drops the connection without a word, as a network fault would.
    pub fn close(&self) {
        self.line.act(Peer::hang_up);
    }

    /// Leaves pings unanswered from now on, so that the server gives the client up in time.
    pub fn mute(&self) {
        self.line.look(Peer::mute);
    }

    /// The handlers of its namespace, to be changed where a panic leaves the client as it was.
    fn copy_handlers(&self) -> Namespace<TestSocket> {
        self.look(|peer, namespace| peer.handlers(namespace).clone())
    }

    #[track_caller]
    fn set_handlers(&self, handlers: Namespace<TestSocket>) -> &Self {
        let states = self.line.look(|peer| peer.states().clone());
        handlers.check_states(&states, MANAGE);
        self.look(|peer, namespace| peer.set_handlers(namespace, handlers));
        self
    }

    #[track_caller]
    fn send_event(&self, event: &str, args: impl IntoArgs, question: Option<u64>) {
        let message = EventMessage::from_args(event, encode(args).as_ref());
        assert!(self.is_connected(), "the client is not in {}", self.namespace);
        let body = SocketBody::Event { message, id: question };
        self.line.act(|peer| peer.send(&self.namespace, body));
    }

    fn look<R>(&self, act: impl FnOnce(&mut Peer, &str) -> R) -> R {
        self.line.look(|peer| act(peer, &self.namespace))
    }

    fn received(&self, arrival: Arrival) -> ReceivedEvent {
        let Arrival { message, question } = arrival;
        let (name, args) = (message.name().to_owned(), message.args().to_args());
        let (namespace, line) = (self.namespace.to_string(), self.line.clone());
        ReceivedEvent { name, args, namespace, line, question }
    }
}

impl Answer {
    /// Whether it came.
    #[must_use]
    pub fn is_here(&self) -> bool {
        self.args().is_some()
    }

    /// Reads it. A tuple is several arguments, `()` any, anything else the first.
    ///
    /// # Errors
    /// When it has not come, or does not fit.
    pub fn read<R: DeserializeOwned>(&self) -> Result<R, AnswerError> {
        let args = self.args().ok_or(AnswerError::Missing)?;
        Ok(args::decode(args.json(), args.attachments())?)
    }

    fn args(&self) -> Option<Args> {
        self.line.look(|peer| peer.answer(&self.namespace, self.question))
    }
}

impl ReceivedEvent {
    /// Reads the arguments. A tuple is several arguments, `()` any, anything else the first.
    ///
    /// # Errors
    /// When they do not fit.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, DecodeError> {
        args::decode(self.args.json(), self.args.attachments())
    }

    /// Whether the server waits for an acknowledgement.
    #[must_use]
    pub fn wants_ack(&self) -> bool {
        self.question.is_some()
    }

    /// Acknowledges. A tuple is several arguments, `()` none, anything else one.
    ///
    /// # Panics
    /// When the server does not wait for it, or the arguments have no JSON form.
    #[track_caller]
    pub fn ack(self, args: impl IntoArgs) {
        let Some(id) = self.question else {
            panic!("the server does not wait for {self:?} to be acknowledged");
        };
        let body = SocketBody::Ack { args: encode(args), id };
        self.line.act(|peer| peer.send(&self.namespace, body));
    }
}

/// Encodes arguments as an application would.
///
/// # Panics
/// When they have no JSON form.
#[track_caller]
pub(super) fn encode(args: impl IntoArgs) -> Args {
    let copied = args::with_args(args, |args| Ok::<_, EncodeError>(args.to_args()));
    copied.unwrap_or_else(|error| panic!("{error}"))
}

impl fmt::Debug for TestClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestClient").field("namespace", &self.namespace).finish_non_exhaustive()
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").field("namespace", &self.namespace).finish_non_exhaustive()
    }
}

impl fmt::Debug for ReceivedEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt_event(f, &self.name, self.args.as_ref(), self.question)
    }
}

impl fmt::Debug for Arrival {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt_event(f, self.message.name(), self.message.args(), self.question)
    }
}

/// Writes an event as a test that failed shows it.
fn fmt_event(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    args: ArgsRef<'_>,
    question: Option<u64>,
) -> fmt::Result {
    write!(f, "{name:?} {}", args.json())?;
    match args.attachments().len() {
        0 => {}
        n => write!(f, " + {n} binary")?,
    }
    f.write_str(if question.is_some() { " (asks for an acknowledgement)" } else { "" })
}
