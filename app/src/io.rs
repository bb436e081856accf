//! The whole server, reachable from anywhere.

use sansocket::{ArgsRef, Counts};
use serde::Serialize;
use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::ack::Gathering;
use crate::args;
use crate::error::EmitError;
use crate::hub::Hub;
use crate::runtime::BoxFuture;
use crate::to::To;

/// A handle to the whole server: emits from any thread or task. Cloning copies a pointer.
///
/// Its methods concern the namespace `/`; [`of`](Self::of) reaches the others.
#[derive(Clone)]
pub struct Io {
    hub: Arc<Hub>,
}

/// One namespace of a server, reachable from anywhere.
#[derive(Clone)]
pub struct NamespaceIo {
    hub: Arc<Hub>,
    name: Arc<str>,
}

impl Io {
    /// Makes the handle of a hub; bindings do this.
    #[must_use]
    pub fn new(hub: Arc<Hub>) -> Self {
        Self { hub }
    }

    /// Reaches a namespace.
    #[must_use]
    pub fn of(&self, namespace: &str) -> NamespaceIo {
        NamespaceIo { hub: self.hub.clone(), name: namespace.into() }
    }

    /// Sends an event to everybody in `/`.
    ///
    /// # Errors
    /// When the arguments have no JSON form, or the event name is reserved.
    pub fn emit<T: Serialize + ?Sized>(&self, event: &str, args: &T) -> Result<(), EmitError> {
        self.all().emit(event, args)
    }

    /// Starts a broadcast to a room of `/`, or to the client with that id.
    pub fn to(&self, room: impl AsRef<str>) -> To {
        self.all().to(room)
    }

    /// Starts a broadcast to `/` without a room.
    pub fn except(&self, room: impl AsRef<str>) -> To {
        self.all().except(room)
    }

    /// Starts a broadcast to everybody in `/`.
    pub fn all(&self) -> To {
        To::new(self.hub.clone(), Arc::from("/"))
    }

    /// Returns how much each shard holds.
    #[must_use]
    pub fn counts(&self) -> Vec<Counts> {
        self.hub.counts()
    }

    /// Runs a background task.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.hub.runtime().spawn(Box::pin(task));
    }

    /// Waits.
    #[must_use]
    pub fn sleep(&self, duration: Duration) -> BoxFuture<()> {
        self.hub.runtime().sleep(duration)
    }

    /// Closes every session and goes on serving: clients will reconnect.
    pub fn close(&self) {
        self.hub.close();
    }

    /// Ends the server: it stops listening, every client is told, and serving ends when all
    /// connections have, or after five seconds.
    pub fn stop(&self) {
        self.stop_within(Duration::from_secs(5));
    }

    /// The same with a time of yours for connections to end.
    pub fn stop_within(&self, grace: Duration) {
        self.hub.stop(grace);
    }
}

impl NamespaceIo {
    /// Sends an event to everybody in the namespace.
    ///
    /// # Errors
    /// When the arguments have no JSON form, or the event name is reserved.
    pub fn emit<T: Serialize + ?Sized>(&self, event: &str, args: &T) -> Result<(), EmitError> {
        self.all().emit(event, args)
    }

    /// Sends an event to everybody in the namespace and gathers their acknowledgements.
    pub fn emit_with_ack<T: Serialize + ?Sized>(
        &self,
        event: &str,
        args: &T,
        timeout: Duration,
    ) -> Gathering {
        self.all().emit_with_ack(event, args, timeout)
    }

    /// Starts a broadcast to a room of the namespace, or to the client with that id.
    pub fn to(&self, room: impl AsRef<str>) -> To {
        self.all().to(room)
    }

    /// Starts a broadcast to the namespace without a room.
    pub fn except(&self, room: impl AsRef<str>) -> To {
        self.all().except(room)
    }

    /// Starts a broadcast to everybody in the namespace.
    pub fn all(&self) -> To {
        To::new(self.hub.clone(), self.name.clone())
    }
}

impl fmt::Debug for Io {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Io").finish_non_exhaustive()
    }
}

impl fmt::Debug for NamespaceIo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NamespaceIo").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Encodes arguments into a buffer the thread keeps, and lends them.
pub(crate) fn with_args<T: Serialize + ?Sized, R>(
    args: &T,
    act: impl FnOnce(ArgsRef<'_>) -> Result<R, EmitError>,
) -> Result<R, EmitError> {
    // Taken out while in use: a `Serialize` of the user's may itself emit.
    let mut json = SCRATCH.with(RefCell::take);
    json.clear();
    let mut attachments = Vec::new();
    let result = match args::encode(args, &mut json, &mut attachments) {
        Ok(()) => {
            let text = std::str::from_utf8(&json).expect("JSON text is UTF-8");
            act(ArgsRef::from_valid(text, &attachments))
        }
        Err(error) => Err(error.into()),
    };
    if json.capacity() <= KEEP {
        SCRATCH.with(|scratch| scratch.replace(json));
    }
    result
}

thread_local! {
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// A larger buffer is given back.
const KEEP: usize = 64 * 1024;
