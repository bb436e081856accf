//! A client without handlers: events are received one by one.

use sansocket::client::Refused;
use sansocket::{Args, EventMessage};
use serde::de::DeserializeOwned;
use std::collections::VecDeque;
use std::fmt;
use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::client::Client;
use super::error::{AckError, ConnectError, EmitError};
use super::loss::Loss;
use super::manager::Manager;
use super::socket::Socket;
use super::waits::{Closed, Connecting};
use crate::args::{self, DecodeError, IntoArgs};
use crate::handlers::order::sequential;
use crate::runtime::BoxFuture;
use crate::sockets::answers::ack::Calling;
use crate::wait::wait;

/// A client without handlers, in one namespace: events are received one by one, in a program that does one thing
/// after the other. A binding connects it: `sansocket_tokio::connect_simply(client)`.
///
/// ```
/// use sansocket_app::client::SimpleClient;
///
/// # async fn example(client: SimpleClient) -> Result<(), Box<dyn std::error::Error>> {
/// client.emit("join", "tea")?;
/// let members: u32 = client.call("count", "tea").await?;
/// let (name, args) = client.receive().await?;
/// println!("{name}: {}", args.json());
/// client.disconnect().await;
/// # Ok(())
/// # }
/// ```
///
/// Losses of the connection are waited through: events that are sent meanwhile wait, and
/// [`receive`](Self::receive) goes on with the next connection.
///
/// Events that were not received yet wait, [`QUEUE`](Self::QUEUE) of them. Beyond these and about 1 MiB the
/// connection is not read, so that a program that never receives is given up by the server in time.
pub struct SimpleClient {
    socket: Socket,
    inbox: Arc<Inbox>,
}

/// Why no event was received.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ReceiveError {
    /// The arguments of the event that was received have another type.
    #[error("the arguments do not fit: {0}")]
    Decode(#[from] DecodeError),
    /// The client left the namespace, was put out, or gave up, and all events were received.
    #[error("the client is disconnected, and will not connect again by itself")]
    Disconnected,
    /// No event came in time.
    #[error("no event within the timeout")]
    TimedOut,
}

/// The events that were not received yet.
#[derive(Default)]
struct Inbox(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    /// Bounded by [`SimpleClient::QUEUE`].
    events: VecDeque<EventMessage>,
    /// Those that wait for an event, or for the end.
    receivers: Vec<Waker>,
    /// The handler that waits for room.
    sender: Option<Waker>,
    source: Source,
}

/// Whether more events may come.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Source {
    Dry,
    #[default]
    Running,
}

impl Source {
    fn of(will_retry: bool) -> Self {
        if will_retry { Self::Running } else { Self::Dry }
    }
}

impl SimpleClient {
    /// How many events wait to be received.
    pub const QUEUE: usize = 1000;

    /// Starts a client, as `open` does, and joins the namespace that its URL names. A binding calls this.
    ///
    /// # Panics
    /// When the client has a handler of any event, as by [`Client::on_any`].
    #[track_caller]
    pub fn start(mut client: Client, open: impl FnOnce(Client) -> Manager) -> ConnectingSimply {
        let inbox = Arc::new(Inbox::default());
        let queue = inbox.clone();
        let take = async move |_: Socket, message: EventMessage| queue.put(message).await;
        client.on_any(sequential(take));
        let to = inbox.clone();
        client.on_connect(move || to.set_source(Source::Running));
        let to = inbox.clone();
        client.on_connect_error(move |_, error| to.set_source(Source::of(error.will_retry())));
        let to = inbox.clone();
        client.on_disconnect(move |loss: Loss| to.set_source(Source::of(loss.will_retry)));
        ConnectingSimply { connecting: open(client).connect(), inbox }
    }

    /// Sends an event. While the connection is lost it waits.
    ///
    /// # Errors
    /// [`EmitError`] says why it was not taken.
    pub fn emit(&self, event: &str, args: impl IntoArgs) -> Result<(), EmitError> {
        if !self.socket.is_active() {
            return Err(Refused::NotJoined.into());
        }
        self.socket.emit(event, args)
    }

    /// Sends an event and waits for the server's answer, at most for 60 s: see [`Socket::call`].
    pub fn call<R: DeserializeOwned>(
        &self,
        event: &str,
        args: impl IntoArgs,
    ) -> Calling<R, AckError> {
        self.socket.call(event, args)
    }

    /// Sends an event and waits for the server's answer, at most for `timeout`.
    pub fn call_within<R: DeserializeOwned>(
        &self,
        event: &str,
        args: impl IntoArgs,
        timeout: Duration,
    ) -> Calling<R, AckError> {
        self.socket.call_within(event, args, timeout)
    }

    /// Receives the next event: its name and arguments. Those that came before the connection ended are received
    /// first.
    pub fn receive(&self) -> Receiving<'_> {
        Receiving { client: self, patience: None }
    }

    /// The same, at most for `timeout`.
    pub fn receive_within(&self, timeout: Duration) -> Receiving<'_> {
        Receiving { client: self, patience: Some(self.socket.manager().sleep(timeout)) }
    }

    /// Receives the next event and reads its arguments as `T`: see [`Receiving::decode`].
    pub fn receive_as<T: DeserializeOwned>(&self) -> ReceivingAs<'_, T> {
        self.receive().decode()
    }

    /// Leaves the namespace and closes the connection, after what waits for it. Events that came before can still
    /// be received.
    pub fn disconnect(&self) -> Closed {
        let joined = self.socket.is_connected();
        let closed = self.socket.manager().close();
        if !joined {
            // No handler will be told.
            self.inbox.set_source(Source::Dry);
        }
        closed
    }

    /// Returns the handle of the namespace.
    #[must_use]
    pub fn socket(&self) -> &Socket {
        &self.socket
    }

    fn poll_event(&self, context: &Context<'_>) -> Poll<Result<(String, Args), ReceiveError>> {
        let mut waiting = self.inbox.lock();
        if let Some(message) = waiting.events.pop_front() {
            let sender = waiting.sender.take();
            drop(waiting);
            sender.into_iter().for_each(Waker::wake);
            return Poll::Ready(Ok((message.name().to_owned(), message.args().to_args())));
        }
        if waiting.source == Source::Dry {
            return Poll::Ready(Err(ReceiveError::Disconnected));
        }
        if !waiting.receivers.iter().any(|waker| waker.will_wake(context.waker())) {
            waiting.receivers.push(context.waker().clone());
        }
        Poll::Pending
    }
}

impl Inbox {
    /// Takes an event once there is room for it.
    async fn put(&self, message: EventMessage) {
        let mut message = Some(message);
        poll_fn(|context| {
            let mut waiting = self.lock();
            if waiting.events.len() >= SimpleClient::QUEUE {
                waiting.sender = Some(context.waker().clone());
                return Poll::Pending;
            }
            waiting.events.extend(message.take());
            Poll::Ready(())
        })
        .await;
        self.look();
    }

    fn set_source(&self, source: Source) {
        self.lock().source = source;
        self.look();
    }

    /// Lets those who wait look again.
    fn look(&self) {
        let receivers = std::mem::take(&mut self.lock().receivers);
        receivers.into_iter().for_each(Waker::wake);
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits until a [`SimpleClient`] has joined its namespace.
///
/// # Cancel safety
/// Dropping it ends the client.
#[derive(Debug)]
#[must_use = "the client connects already; this waits until it is joined, or tells why it is not"]
pub struct ConnectingSimply {
    connecting: Connecting,
    inbox: Arc<Inbox>,
}

impl ConnectingSimply {
    /// Overlooks failures after which the client tries again by itself.
    #[must_use = "futures do nothing unless awaited"]
    pub fn patiently(self) -> Self {
        Self { connecting: self.connecting.patiently(), ..self }
    }

    /// Waits on this thread; never inside an async handler, whose thread may have to bring the answer.
    ///
    /// # Errors
    /// Why the namespace is not joined.
    pub fn wait(self) -> Result<SimpleClient, ConnectError> {
        wait(self)
    }
}

impl Future for ConnectingSimply {
    type Output = Result<SimpleClient, ConnectError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let joined = Pin::new(&mut self.connecting).poll(context);
        joined.map_ok(|socket| SimpleClient { socket, inbox: self.inbox.clone() })
    }
}

/// Waits for the next event of a [`SimpleClient`].
///
/// # Cancel safety
/// Dropping it loses no event.
#[must_use = "futures do nothing unless awaited"]
pub struct Receiving<'a> {
    client: &'a SimpleClient,
    patience: Option<BoxFuture<()>>,
}

/// Waits for the next event of a [`SimpleClient`], and reads its arguments as `T`.
///
/// # Cancel safety
/// Dropping it loses no event.
#[must_use = "futures do nothing unless awaited"]
pub struct ReceivingAs<'a, T> {
    receiving: Receiving<'a>,
    kind: PhantomData<fn() -> T>,
}

impl<'a> Receiving<'a> {
    /// Reads the arguments of the event as `T`: a tuple several of them, anything else the first. An event whose
    /// arguments do not fit is received, and is [`ReceiveError::Decode`].
    pub fn decode<T: DeserializeOwned>(self) -> ReceivingAs<'a, T> {
        ReceivingAs { receiving: self, kind: PhantomData }
    }

    /// Waits on this thread; never inside an async handler, whose thread may have to bring the event.
    ///
    /// # Errors
    /// Why no event was received.
    pub fn wait(self) -> Result<(String, Args), ReceiveError> {
        wait(self)
    }
}

impl Future for Receiving<'_> {
    type Output = Result<(String, Args), ReceiveError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if let event @ Poll::Ready(_) = self.client.poll_event(context) {
            return event;
        }
        let patience = self.patience.as_mut().map(|patience| patience.as_mut().poll(context));
        match patience {
            Some(Poll::Ready(())) => Poll::Ready(Err(ReceiveError::TimedOut)),
            Some(Poll::Pending) | None => Poll::Pending,
        }
    }
}

impl<T: DeserializeOwned> ReceivingAs<'_, T> {
    /// Waits on this thread; never inside an async handler, whose thread may have to bring the event.
    ///
    /// # Errors
    /// Why no event was received, or that its arguments do not fit.
    pub fn wait(self) -> Result<(String, T), ReceiveError> {
        wait(self)
    }
}

impl<T: DeserializeOwned> Future for ReceivingAs<'_, T> {
    type Output = Result<(String, T), ReceiveError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let received = Pin::new(&mut self.receiving).poll(context);
        received.map(|received| {
            let (name, args) = received?;
            Ok((name, args::decode_owned(args.json(), args.attachments())?))
        })
    }
}

impl fmt::Debug for SimpleClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimpleClient").field("socket", &self.socket).finish_non_exhaustive()
    }
}

impl fmt::Debug for Receiving<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiving").field("client", &self.client).finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for ReceivingAs<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReceivingAs").field("receiving", &self.receiving).finish()
    }
}

impl fmt::Debug for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Inbox").field(&self.lock().events.len()).finish()
    }
}
