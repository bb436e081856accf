//! A broadcast being addressed.

use sansocket::{ArgsRef, Server, Socket as Key, Target};
use serde::Serialize;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::ack::{Found, Gathering};
use crate::error::EmitError;
use crate::hub::Hub;
use crate::io::with_args;

/// Who will get an event: the union of rooms, or the whole namespace, minus exceptions.
#[derive(Clone)]
#[must_use = "a broadcast reaches nobody until it is emitted"]
pub struct To {
    hub: Arc<Hub>,
    /// Where it starts: that of the sender, so that its own order is kept.
    shard: u16,
    namespace: Arc<str>,
    rooms: Vec<Box<str>>,
    except: Vec<Box<str>>,
    skip: Option<Key>,
    volatile: bool,
}

impl To {
    pub(crate) fn new(hub: Arc<Hub>, namespace: Arc<str>) -> Self {
        let (rooms, except) = (Vec::new(), Vec::new());
        Self { hub, shard: 0, namespace, rooms, except, skip: None, volatile: false }
    }

    pub(crate) fn sent_by(self, shard: u16, sender: Key) -> Self {
        Self { shard, skip: Some(sender), ..self }
    }

    /// Adds a room, or the client with that id. A client in several rooms gets one copy.
    pub fn to(mut self, room: impl AsRef<str>) -> Self {
        self.rooms.push(room.as_ref().into());
        self
    }

    /// Leaves out a room, or the client with that id.
    pub fn except(mut self, room: impl AsRef<str>) -> Self {
        self.except.push(room.as_ref().into());
        self
    }

    /// Passes over clients that cannot take the event at once.
    pub fn volatile(mut self) -> Self {
        self.volatile = true;
        self
    }

    /// Sends an event. A tuple is several arguments, `()` none, anything else one.
    ///
    /// # Errors
    /// When the arguments have no JSON form, or the event name is reserved.
    pub fn emit<T: Serialize + ?Sized>(&self, event: &str, args: &T) -> Result<(), EmitError> {
        with_args(args, |args| self.emit_raw(event, args))
    }

    /// Sends an event whose arguments are encoded already.
    ///
    /// # Errors
    /// When the event name is reserved, or there are too many attachments.
    pub fn emit_raw(&self, event: &str, args: ArgsRef<'_>) -> Result<(), EmitError> {
        Ok(self.with(|server, target| server.broadcast(target, event, args))?)
    }

    /// Sends an event and gathers the acknowledgements that come within `timeout`.
    pub fn emit_with_ack<T: Serialize + ?Sized>(
        &self,
        event: &str,
        args: &T,
        timeout: Duration,
    ) -> Gathering {
        let now = self.hub.runtime().now();
        let sent = with_args(args, |args| {
            let ask = |server: &mut Server| {
                self.target(|to| server.broadcast_with_ack(now, to, event, args, timeout))
            };
            Ok(self.hub.ask_many(self.shard, ask)?)
        });
        sent.unwrap_or_else(Gathering::failed)
    }

    /// Finds the ids of all clients it reaches.
    pub fn sockets(&self) -> Found {
        self.hub.find(self.shard, |server| self.target(|to| server.find(to)))
    }

    /// Makes all clients it reaches join a room.
    pub fn join(&self, room: impl AsRef<str>) {
        let now = self.hub.runtime().now();
        self.with(|server, to| server.join_all(now, to, &[room.as_ref()]));
    }

    /// Makes all clients it reaches leave a room.
    pub fn leave(&self, room: impl AsRef<str>) {
        let now = self.hub.runtime().now();
        self.with(|server, to| server.leave_all(now, to, &[room.as_ref()]));
    }

    /// Disconnects all clients it reaches from the namespace.
    pub fn disconnect(&self) {
        let now = self.hub.runtime().now();
        self.with(|server, to| server.disconnect_all_of(now, to, false));
    }

    fn with<R>(&self, act: impl FnOnce(&mut Server, &Target<'_>) -> R) -> R {
        self.hub.with(self.shard, |server| self.target(|to| act(server, to)))
    }

    fn target<R>(&self, act: impl FnOnce(&Target<'_>) -> R) -> R {
        let rooms: Vec<&str> = self.rooms.iter().map(|room| &**room).collect();
        let except: Vec<&str> = self.except.iter().map(|room| &**room).collect();
        act(&Target {
            rooms: &rooms,
            except: &except,
            skip: self.skip,
            volatile: self.volatile,
            ..Target::namespace(&self.namespace)
        })
    }
}

impl fmt::Debug for To {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("To")
            .field("namespace", &self.namespace)
            .field("rooms", &self.rooms)
            .field("except", &self.except)
            .finish_non_exhaustive()
    }
}
