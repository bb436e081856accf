//! The clients that something is for.

use sansocket::EventMessage;
use sansocket::cluster::Disconnect;
use sansocket::cluster::bus::{Body, Flags, To};
use sansocket_args::{IntoArgs, Rooms, with_args};
use std::fmt;

use crate::EmitError;
use crate::state::State;

/// Clients of a namespace: those in any of some rooms, or all of them when none is named, but for those in any of some
/// others. The id of a client is the room of this client alone.
#[derive(Clone)]
#[must_use = "nothing is sent by naming clients"]
pub struct Target<'e> {
    state: &'e State,
    namespace: Box<str>,
    to: To,
    flags: Flags,
}

impl<'e> Target<'e> {
    pub(crate) fn new(state: &'e State, namespace: &str) -> Self {
        let namespace = match namespace.starts_with('/') {
            true => namespace.into(),
            false => format!("/{namespace}").into(),
        };
        Self { state, namespace, to: To::default(), flags: Flags::default() }
    }

    /// Adds the clients in any of these rooms.
    pub fn to(mut self, rooms: impl Rooms) -> Self {
        rooms.each(&mut |room| self.to.rooms.push(room.into()));
        self
    }

    /// Leaves out the clients in any of these rooms.
    ///
    /// Clusters of python-socketio leave out clients, by their ids, and no rooms.
    pub fn except(mut self, rooms: impl Rooms) -> Self {
        rooms.each(&mut |room| self.to.except.push(room.into()));
        self
    }

    /// Has events dropped for clients that cannot take them at once, and when the broker is not connected.
    pub fn volatile(mut self) -> Self {
        self.flags.volatile = true;
        self
    }

    /// Has events never compressed, in formats that can tell it.
    pub fn uncompressed(mut self) -> Self {
        self.flags.uncompressed = true;
        self
    }

    /// Emits an event.
    ///
    /// # Errors
    /// [`EmitError`] when it is not sent.
    pub fn emit(&self, event: &str, args: impl IntoArgs) -> Result<(), EmitError> {
        let event = message(event, args)?;
        let to = self.to.clone();
        Ok(self
            .state
            .act(|emitter, now| emitter.emit(now, &self.namespace, to, event, self.flags))?)
    }

    /// Has the clients join rooms.
    ///
    /// In clusters of python-socketio, which have words for one client, by its id, and one room.
    ///
    /// # Errors
    /// [`EmitError`] when it is not sent.
    pub fn join(&self, rooms: impl Rooms) -> Result<(), EmitError> {
        self.publish(Body::Join { to: self.to.clone(), rooms: names(rooms) })
    }

    /// Has the clients leave rooms; in clusters of python-socketio as [`join`](Self::join).
    ///
    /// # Errors
    /// [`EmitError`] when it is not sent.
    pub fn leave(&self, rooms: impl Rooms) -> Result<(), EmitError> {
        self.publish(Body::Leave { to: self.to.clone(), rooms: names(rooms) })
    }

    /// Disconnects the clients from the namespace; in clusters of python-socketio one client, by its id.
    ///
    /// # Errors
    /// [`EmitError`] when it is not sent.
    pub fn disconnect(&self) -> Result<(), EmitError> {
        self.publish(Body::Disconnect { to: self.to.clone(), how: Disconnect::Namespace })
    }

    /// Closes the connections of the clients, with all their namespaces; not in clusters of python-socketio.
    ///
    /// # Errors
    /// [`EmitError`] when it is not sent.
    pub fn disconnect_and_close(&self) -> Result<(), EmitError> {
        self.publish(Body::Disconnect { to: self.to.clone(), how: Disconnect::Connection })
    }

    /// Has everybody leave a room of the namespace, whatever the target is.
    ///
    /// # Errors
    /// [`EmitError`] when it is not sent.
    pub fn close_room(&self, room: &str) -> Result<(), EmitError> {
        Ok(self.state.act(|emitter, now| emitter.close_room(now, &self.namespace, room.into()))?)
    }

    /// Sends an event to all servers, for their handlers in the namespace, whatever the target is; not in clusters of
    /// python-socketio.
    ///
    /// # Errors
    /// [`EmitError`] when it is not sent.
    pub fn server_emit(&self, event: &str, args: impl IntoArgs) -> Result<(), EmitError> {
        let event = message(event, args)?;
        Ok(self.state.act(|emitter, now| emitter.server_emit(now, &self.namespace, event))?)
    }

    fn publish(&self, body: Body) -> Result<(), EmitError> {
        Ok(self.state.act(|emitter, now| emitter.publish(now, &self.namespace, body))?)
    }
}

impl fmt::Debug for Target<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { namespace, to, .. } = self;
        f.debug_struct("Target")
            .field("namespace", namespace)
            .field("to", to)
            .finish_non_exhaustive()
    }
}

fn message(event: &str, args: impl IntoArgs) -> Result<EventMessage, EmitError> {
    with_args(args, |args| Ok(EventMessage::from_args(event, args)))
}

fn names(rooms: impl Rooms) -> Vec<Box<str>> {
    let mut names = Vec::new();
    rooms.each(&mut |room| names.push(room.into()));
    names
}
