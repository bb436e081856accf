//! What the application itself keeps, for all handlers.

use std::any::{Any, TypeId, type_name};
use std::collections::HashMap;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use crate::handlers::needs::Needs;
use crate::sockets::side::{Sealed, Side};

/// A value given to [`App::manage`](crate::App::manage), as a parameter of a handler.
///
/// All handlers get the same one, also at the same time: what changes needs a lock, or an atomic.
///
/// ```
/// use sansocket_app::{App, State};
/// use std::sync::atomic::{AtomicU64, Ordering};
/// # use sansocket_app::test::TestServer;
///
/// struct Visits(AtomicU64);
///
/// let mut app = App::new();
/// app.manage(Visits(AtomicU64::new(0)));
/// app.on("visit", |visits: State<Visits>| visits.0.0.fetch_add(1, Ordering::Relaxed) + 1);
/// # let server = TestServer::new(app);
/// # let client = server.connect().unwrap();
/// # client.emit("visit", &());
/// # assert_eq!(client.call("visit", &()), Ok(2));
/// ```
#[derive(Debug)]
pub struct State<T>(pub Arc<T>);

impl<T> Clone for State<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Deref for State<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Send + Sync + 'static> State<T> {
    /// Takes the value of a socket's application, which was checked to have one.
    pub(crate) fn of<S: Side>(socket: &S) -> Self {
        let value = socket.managed(TypeId::of::<T>(), Sealed);
        let missing = || panic!("no {} was given to `manage`", type_name::<T>());
        Self(value.and_then(|value| value.downcast().ok()).unwrap_or_else(missing))
    }
}

/// The values of an application, one per type.
#[derive(Clone, Default)]
pub(crate) struct States(HashMap<TypeId, Arc<dyn Any + Send + Sync>>);

impl States {
    pub(crate) fn insert<T: Send + Sync + 'static>(&mut self, value: Arc<T>) {
        self.0.insert(TypeId::of::<T>(), value);
    }

    pub(crate) fn find(&self, kind: TypeId) -> Option<Arc<dyn Any + Send + Sync>> {
        self.0.get(&kind).cloned()
    }

    /// The first type a handler needs that there is no value of.
    pub(crate) fn missing(&self, needs: &Needs) -> Option<&'static str> {
        needs.states.iter().find(|(id, _)| !self.0.contains_key(id)).map(|(_, name)| *name)
    }
}

impl fmt::Debug for States {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("States").field(&self.0.len()).finish()
    }
}
