//! Events of other servers.

use sansocket::cluster::AnswerToken;
use sansocket::cluster::bus::Report;
use sansocket::{ArgsRef, EventMessage};
use serde::de::DeserializeOwned;
use std::any::TypeId;
use std::fmt;
use std::sync::Arc;

use crate::args::{self, DecodeError, EncodeError, IntoArgs, with_args};
use crate::sockets::broadcast::Broadcast;
use crate::sockets::namespace::NamespaceIo;
use crate::sockets::reach::Reach;

/// An event that another server of the cluster sent with [`server_emit`](crate::NamespaceIo::server_emit) or
/// [`server_ask`](crate::NamespaceIo::server_ask): the parameter of
/// [`on_server_event`](crate::Namespace::on_server_event).
///
/// Whoever can write to the broker can send it, and no client can.
pub struct ServerEvent {
    hub: Arc<dyn Reach>,
    namespace: Arc<str>,
    message: EventMessage,
    token: Option<AnswerToken>,
}

impl ServerEvent {
    pub(crate) fn new(
        hub: Arc<dyn Reach>,
        namespace: &str,
        message: EventMessage,
        token: Option<AnswerToken>,
    ) -> Self {
        Self { hub, namespace: namespace.into(), message, token }
    }

    /// Returns the name of the event.
    #[must_use]
    pub fn name(&self) -> &str {
        self.message.name()
    }

    /// Returns a handle to its namespace.
    #[must_use]
    pub fn io(&self) -> NamespaceIo {
        NamespaceIo::new(Broadcast::new(self.hub.clone(), self.namespace.clone()))
    }

    /// Reads the arguments as `T` by the rules of [`decode`](args::decode): `()` reads nothing, a tuple several
    /// arguments, anything else the first.
    ///
    /// # Errors
    /// When they do not fit `T`.
    pub fn args<T: DeserializeOwned>(&self) -> Result<T, DecodeError> {
        args::decode_owned(self.message.json(), self.message.attachments())
    }

    /// Returns the arguments as they came.
    #[must_use]
    pub fn raw_args(&self) -> ArgsRef<'_> {
        self.message.args()
    }

    /// Returns the value of a type that was given to [`App::manage`](crate::App::manage).
    #[must_use]
    pub fn state<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.hub.state(TypeId::of::<T>())?.downcast().ok()
    }

    /// Whether the other server waits for a reply.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        self.token.is_some()
    }

    /// Replies. Nothing is sent when the other server does not wait. A server that gets no reply waits until its
    /// question times out.
    ///
    /// # Errors
    /// When the arguments have no JSON form.
    pub fn reply(self, args: impl IntoArgs) -> Result<(), EncodeError> {
        let Self { hub, token, .. } = self;
        let args = with_args(args, |args| Ok::<_, EncodeError>(args.to_args()))?;
        if let (Some(bus), Some(token)) = (hub.bus(), token) {
            bus.answer(token, Report::Replied(args));
        }
        Ok(())
    }
}

impl fmt::Debug for ServerEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerEvent")
            .field("namespace", &self.namespace)
            .field("message", &self.message)
            .finish_non_exhaustive()
    }
}
