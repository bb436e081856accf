//! The handle of an emitter.

use sansocket::cluster::{BusCounts, Emitter as Machine, EmitterConfig};
use sansocket_args::{IntoArgs, Rooms};
use sansocket_bus::Broker;
use std::fmt;
use std::io;
use std::sync::Arc;

use crate::connect::PATIENCE;
use crate::state::State;
use crate::{ConnectError, EmitError, Flush, Target, clock};

/// Emits to the clients of a cluster from a process that serves none. Cloning copies a pointer.
///
/// Methods that emit encode and queue a message, and return at once; messages leave in the order of the calls, by one
/// connection. When the last handle is dropped, what still waits is handed to the broker if that is connected: a process
/// that ends waits for [`flush`](Self::flush) before.
#[derive(Clone)]
pub struct Emitter(Arc<Owner>);

/// Closes the emitter when nobody holds it any longer.
pub(crate) struct Owner {
    pub(crate) state: Arc<State>,
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.state.act(|machine, _| machine.close());
    }
}

impl Emitter {
    /// Connects to a broker, for which it waits 5 s at most: call it outside of async code, or on a thread that may
    /// block.
    ///
    /// # Errors
    /// [`ConnectError`] when the broker cannot be reached.
    pub fn connect(broker: impl Broker, config: EmitterConfig) -> Result<Self, ConnectError> {
        let emitter = Self::start(broker, config)?;
        let state = &emitter.0.state;
        let unreachable =
            |why| ConnectError::Unreachable { address: state.address().to_owned(), why };
        state.wait_connected(PATIENCE).map_err(unreachable)?;
        Ok(emitter)
    }

    /// Returns at once, and connects meanwhile: messages wait for [`EmitterConfig::age`].
    ///
    /// # Errors
    /// When the operating system has no thread left.
    pub fn start(broker: impl Broker, config: EmitterConfig) -> io::Result<Self> {
        let machine = Machine::new(config, sansocket_bus::seed());
        let state = Arc::new(State::new(broker.address(), machine));
        let owner = Owner { state: state.clone() };
        clock::start(state.clone())?;
        sansocket_bus::spawn(broker, state)?;
        Ok(Self(Arc::new(owner)))
    }

    /// Emits an event to all clients in the namespace `/`.
    ///
    /// # Errors
    /// [`EmitError`] when it is not sent.
    pub fn emit(&self, event: &str, args: impl IntoArgs) -> Result<(), EmitError> {
        self.of("/").emit(event, args)
    }

    /// Sends an event to all servers, for their handlers in the namespace `/`.
    ///
    /// # Errors
    /// [`EmitError`] when it is not sent.
    pub fn server_emit(&self, event: &str, args: impl IntoArgs) -> Result<(), EmitError> {
        self.of("/").server_emit(event, args)
    }

    /// Has everybody leave a room of the namespace `/`.
    ///
    /// # Errors
    /// [`EmitError`] when it is not sent.
    pub fn close_room(&self, room: &str) -> Result<(), EmitError> {
        self.of("/").close_room(room)
    }

    /// All clients in a namespace.
    pub fn of(&self, namespace: &str) -> Target<'_> {
        Target::new(&self.0.state, namespace)
    }

    /// The clients in any of some rooms of the namespace `/`.
    pub fn to(&self, rooms: impl Rooms) -> Target<'_> {
        self.of("/").to(rooms)
    }

    /// All clients in the namespace `/` that are in none of some rooms.
    pub fn except(&self, rooms: impl Rooms) -> Target<'_> {
        self.of("/").except(rooms)
    }

    /// Returns a future that is ready when the broker confirmed all messages before it; [`Flush::wait`] is the same for
    /// threads.
    ///
    /// Its error tells of messages that were lost, or may be, and that no other flush told of. It comes within about
    /// [`EmitterConfig::age`] and 5 s when the broker is away or does not answer.
    pub fn flush(&self) -> Flush {
        Flush::new(self.0.clone())
    }

    /// Returns what was counted: of messages that were sent, and of the connection.
    #[must_use]
    pub fn counts(&self) -> BusCounts {
        self.0.state.hear(|machine, _| machine.counts())
    }
}

impl fmt::Debug for Emitter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Emitter").field("broker", &self.0.state.address()).finish_non_exhaustive()
    }
}
