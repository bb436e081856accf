//! The client's end of a connection, as handlers of a test client see it.

use sansocket::{ArgsRef, EventMessage, Reason, SocketBody};
use std::any::{Any, TypeId};
use std::fmt;
use std::sync::{Arc, Mutex};

use super::client::encode;
use super::line;
use super::peer::Peer;
use crate::args::{DecodeError, IntoArgs};
use crate::handlers::disconnect::{Departure, FromDeparture};
use crate::handlers::extract::{Extract, Incoming};
use crate::sockets::error::EmitError;
use crate::sockets::side::{Sealed, Side};

/// A client of a test in one namespace, as a parameter of its handlers: see
/// [`TestClient::on`](super::TestClient::on).
#[derive(Clone)]
pub struct TestSocket {
    peer: Arc<Mutex<Peer>>,
    namespace: Arc<str>,
}

impl TestSocket {
    pub(super) fn new(peer: Arc<Mutex<Peer>>, namespace: Arc<str>) -> Self {
        Self { peer, namespace }
    }

    /// Returns the name of the namespace.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Sends an event to the server. A tuple is several arguments, `()` none, anything else one; encoded
    /// arguments are sent as they are, see [`IntoArgs`]. Nothing is sent when the client has left.
    ///
    /// # Panics
    /// When the arguments have no JSON form.
    #[track_caller]
    pub fn emit(&self, event: &str, args: impl IntoArgs) {
        let message = EventMessage::from_args(event, encode(args).as_ref());
        self.reply(SocketBody::Event { message, id: None });
    }

    /// Leaves the namespace, as a client does that its connect handler refused.
    pub(super) fn decline(&self) {
        line::lock(&self.peer).decline(&self.namespace);
    }

    fn reply(&self, body: SocketBody) {
        line::lock(&self.peer).reply(&self.namespace, body);
    }
}

#[expect(private_interfaces, reason = "nothing else is a side")]
impl Side for TestSocket {
    /// The id under which the server waits.
    type Token = u64;
    type Reason = Reason;
    type EmitError = EmitError;

    fn namespace(&self) -> &str {
        Self::namespace(self)
    }

    fn acknowledge(&self, id: u64, args: ArgsRef<'_>, _: Sealed) -> Result<(), EmitError> {
        self.reply(SocketBody::Ack { args: args.to_args(), id });
        Ok(())
    }

    fn managed(&self, kind: TypeId, _: Sealed) -> Option<Arc<dyn Any + Send + Sync>> {
        line::lock(&self.peer).states().find(kind)
    }
}

impl Extract<Self> for TestSocket {
    fn extract(incoming: &mut Incoming<'_, Self>) -> Result<Self, DecodeError> {
        Ok(incoming.socket().clone())
    }
}

impl FromDeparture<Self> for TestSocket {
    fn from_departure(departure: &Departure<'_, Self>) -> Self {
        departure.socket.clone()
    }
}

impl fmt::Debug for TestSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestSocket").field("namespace", &self.namespace).finish_non_exhaustive()
    }
}
