//! The handle of a client that runs: its connection, and the namespaces on it.

use sansocket::Misuse;
use sansocket::client::{Config, Transport};
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, PoisonError};
use std::task::Poll;
use std::time::Duration;

use super::shared::Shared;
use super::socket::Socket;
use super::waits::{Closed, Connecting};
use crate::runtime::BoxFuture;
use crate::wait::wait;

/// A client that runs: its connection to the server, over all losses, and the namespaces on it. Cloning copies a
/// pointer.
///
/// The client ends when the last handle of it is dropped, this one or a [`Socket`].
#[derive(Clone)]
pub struct Manager(Arc<Owner>);

/// What all handles of a client hold: when it is dropped, the client ends.
pub(super) struct Owner(Arc<Shared>);

impl Owner {
    pub(super) fn new(client: Arc<Shared>) -> Self {
        Self(client)
    }

    pub(super) fn client(&self) -> &Arc<Shared> {
        &self.0
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.0.close();
        if let Some(most) = self.0.runtime().farewell() {
            let mut closed = pin!(Closed::of(&self.0));
            let mut late = self.0.runtime().sleep(most);
            wait(poll_fn(|context| match closed.as_mut().poll(context) {
                Poll::Ready(()) => Poll::Ready(()),
                Poll::Pending => late.as_mut().poll(context),
            }));
        }
    }
}

impl Manager {
    pub(super) fn new(client: Arc<Shared>) -> Self {
        Self(client.owner())
    }

    pub(super) fn of_owner(owner: Arc<Owner>) -> Self {
        Self(owner)
    }

    /// Joins the namespace that the URL names: see [`Socket::connect`].
    pub fn connect(&self) -> Connecting {
        self.socket().connect()
    }

    /// Returns the handle of the namespace that the URL names. It may not be joined.
    ///
    /// # Panics
    /// Never: it is always there.
    #[must_use]
    pub fn socket(&self) -> Socket {
        let seat = self.0.client().with(|state, _| state.seats.first().cloned());
        Socket::new(self.0.clone(), seat.expect("it was made with the client"))
    }

    /// Returns the handle of a namespace, `/` or `/name`, which may not be joined. The slash may be left out.
    ///
    /// # Errors
    /// [`Misuse::NotANamespace`] and [`Misuse::TooManyNamespaces`].
    pub fn of(&self, name: &str) -> Result<Socket, Misuse> {
        let slash = if name.starts_with('/') { "" } else { "/" };
        let name = format!("{slash}{name}");
        let seat = self.0.client().with(|state, now| state.seat_for(now, &name, None))?;
        Ok(Socket::new(self.0.clone(), seat))
    }

    /// Leaves all namespaces and closes the connection, after what waits for it and within
    /// [`Config::close_timeout`]. The client may connect again.
    ///
    /// It is done at once; the future only waits until nothing is connected.
    pub fn close(&self) -> Closed {
        self.0.client().close();
        self.closed()
    }

    /// Waits until nothing is connected and nothing is tried: because the client left its last namespace, the server
    /// put it out, or gave no reason to hope. Attempts to connect again are waited through.
    pub fn closed(&self) -> Closed {
        Closed::of(self.0.client())
    }

    /// Changes the settings. What makes up requests counts from the next attempt to connect, all else at once.
    pub fn configure(&self, change: impl FnOnce(&mut Config)) {
        let client = self.0.client();
        let _one = client.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut config = client.with(|state, _| Config::clone(state.core.config()));
        change(&mut config);
        client.set_limits(Arc::new(config.limits.clone()));
        client.with(|state, _| state.core.set_config(Arc::new(config)));
    }

    /// Says that the network is another one, or is back: the connection, which runs over the one before, is given
    /// up, and the next attempt begins at once.
    pub fn network_changed(&self) {
        self.0.client().with(|state, now| state.core.handle_network_change(now));
    }

    /// Returns the transport of the open session.
    #[must_use]
    pub fn transport(&self) -> Option<Transport> {
        self.0.client().with(|state, _| state.core.transport())
    }

    /// Returns the id of the open session, which is no id of a client. It proves to whom the session belongs: do
    /// not show it.
    #[must_use]
    pub fn engine_id(&self) -> Option<String> {
        self.0.client().with(|state, _| state.core.session_id().map(str::to_owned))
    }

    /// Waits for a time to pass, on the clock of the runtime.
    pub fn sleep(&self, duration: Duration) -> BoxFuture<()> {
        self.0.client().runtime().sleep(duration)
    }

    /// Runs a future to its end, on the runtime that carries the client.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.0.client().runtime().spawn(Box::pin(task));
    }
}

impl fmt::Debug for Manager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Manager").field("transport", &self.transport()).finish_non_exhaustive()
    }
}
