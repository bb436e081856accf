//! The client's end of a connection, as handlers of a test client see it.

use sansocket::{ArgsRef, EventMessage, SocketBody};
use std::fmt;
use std::sync::{Arc, Mutex};

use super::client::encode;
use super::clock::Clock;
use super::line;
use super::peer::{Arrival, Peer};
use crate::args::{DecodeError, IntoArgs};
use crate::handlers::extract::{Extract, Incoming};
use crate::handlers::handler::{Delivery, Handled, Progress};
use crate::handlers::table::Entry;
use crate::sockets::side::{Sealed, Side};

/// A client of a test in one namespace, as a parameter of the handlers given to
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

    /// Calls the handler of an event that arrived. A handler that waits goes on as a task of the clock.
    ///
    /// # Panics
    /// When the handler fails.
    pub(super) fn call(&self, clock: &Clock, entry: &Entry<Self>, arrival: Arrival) {
        let name = arrival.message.name().to_owned();
        let (mut message, mut token) = (Some(arrival.message), arrival.question);
        let mut delivery =
            Delivery { socket: self, message: &mut message, token: &mut token, rest: None };
        (entry.call)(&mut delivery);
        match delivery.rest {
            None => {}
            Some(Progress::Done(handled)) => succeed(&name, handled),
            Some(Progress::Pending(rest)) => {
                clock.start(Box::pin(async move { succeed(&name, rest.await) }));
            }
        }
    }

    fn reply(&self, body: SocketBody) {
        line::lock(&self.peer).reply(&self.namespace, body);
    }
}

/// Ends the test when a handler of a client failed.
fn succeed(event: &str, handled: Handled) {
    if let Err(cause) = handled {
        panic!("the client's handler of {event:?} failed: {cause:?}");
    }
}

#[expect(private_interfaces, reason = "nothing else is a side")]
impl Side for TestSocket {
    /// The id under which the server waits.
    type Token = u64;

    fn acknowledge(&self, id: u64, args: ArgsRef<'_>, _: Sealed) {
        self.reply(SocketBody::Ack { args: args.to_args(), id });
    }
}

impl Extract<Self> for TestSocket {
    fn extract(incoming: &mut Incoming<'_, Self>) -> Result<Self, DecodeError> {
        Ok(incoming.socket().clone())
    }
}

impl fmt::Debug for TestSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestSocket").field("namespace", &self.namespace).finish_non_exhaustive()
    }
}
