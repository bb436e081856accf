//! What an application remembers of one client while it is in a namespace.

use std::any::{Any, TypeId};
use std::borrow::Borrow;
use std::fmt;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use crate::sockets::socket::Socket;

/// The value of one type kept for one client in one namespace: what [`Socket::session`] returns, and
/// a parameter of handlers.
///
/// ```
/// # use sansocket_app::{App, Session};
/// #[derive(Default)]
/// struct Tally { words: usize }
///
/// let mut app = App::new();
/// app.on("say", |tally: Session<Tally>, text: String| {
///     tally.update(|tally| {
///         tally.words += text.split_whitespace().count();
///         tally.words
///     })
/// });
/// ```
///
/// It is gone once the disconnect handler is done; with [`Config::recovery`](crate::Config::recovery), when
/// the client that was lost does not come back in time. A closure given to [`read`](Self::read),
/// [`change`](Self::change) or [`update`](Self::update) runs under a lock: it must not use the session
/// of the same client.
pub struct Session<T, S = Socket> {
    socket: S,
    kind: PhantomData<fn() -> T>,
}

/// All values of one client, which it shares with the client that it is when it comes back.
#[derive(Default)]
pub(crate) struct Store(OnceLock<Arc<Shared>>);

/// Few enough to be looked through.
#[derive(Default)]
pub(crate) struct Shared(Mutex<Values>);

type Values = Vec<(TypeId, Box<dyn Any + Send>)>;

const _: () = assert!(size_of::<Store>() <= 16, "every client has one");

impl Socket {
    /// Reaches the value of a type that is kept for this client in this namespace. A handler may take
    /// a [`Session`] as a parameter, too.
    ///
    /// ```
    /// # use sansocket_app::{App, Socket};
    /// #[derive(Clone, Default)]
    /// struct Visitor { name: String, messages: u32 }
    ///
    /// let mut app = App::new();
    /// app.on("name", |socket: Socket, name: String| {
    ///     socket.session().set(Visitor { name, messages: 0 });
    /// });
    /// app.on("say", |socket: Socket, text: String| {
    ///     let name = socket.session().update(|visitor: &mut Visitor| {
    ///         visitor.messages += 1;
    ///         visitor.name.clone()
    ///     });
    ///     let _ = socket.broadcast().emit("said", &(name, text));
    /// });
    /// ```
    #[must_use]
    pub fn session<T: Send + 'static>(&self) -> Session<T, &Self> {
        Session { socket: self, kind: PhantomData }
    }
}

impl<T> Session<T> {
    pub(crate) fn of(socket: Socket) -> Self {
        Self { socket, kind: PhantomData }
    }
}

impl<T: Send + 'static, S: Borrow<Socket>> Session<T, S> {
    /// Puts a value there and returns the one it replaces.
    pub fn set(&self, value: T) -> Option<T> {
        let mut values = self.store().shared().lock();
        match find(&mut values) {
            Some(old) => Some(std::mem::replace(old, value)),
            None => {
                values.push((TypeId::of::<T>(), Box::new(value)));
                None
            }
        }
    }

    /// Returns a copy of the value.
    #[must_use]
    pub fn get(&self) -> Option<T>
    where
        T: Clone,
    {
        self.read(T::clone)
    }

    /// Looks at the value.
    pub fn read<R>(&self, look: impl FnOnce(&T) -> R) -> Option<R> {
        let mut values = self.store().known()?.lock();
        find(&mut values).map(|value: &mut T| look(value))
    }

    /// Changes the value if there is one.
    pub fn change<R>(&self, change: impl FnOnce(&mut T) -> R) -> Option<R> {
        let mut values = self.store().known()?.lock();
        find(&mut values).map(change)
    }

    /// Changes the value. Where none was [`set`](Self::set) yet it begins as the default, so `T` has
    /// to be [`Default`]; [`change`](Self::change) is for other types.
    pub fn update<R>(&self, change: impl FnOnce(&mut T) -> R) -> R
    where
        T: Default,
    {
        let mut values = self.store().shared().lock();
        if find::<T>(&mut values).is_none() {
            values.push((TypeId::of::<T>(), Box::new(T::default())));
        }
        change(find(&mut values).expect("it was just put there"))
    }

    /// Takes the value out.
    #[must_use]
    pub fn take(&self) -> Option<T> {
        let mut values = self.store().known()?.lock();
        let at = values.iter().position(|(id, _)| *id == TypeId::of::<T>())?;
        values.swap_remove(at).1.downcast().ok().map(|value| *value)
    }

    fn store(&self) -> &Store {
        self.socket.borrow().store()
    }
}

impl<T, S: Clone> Clone for Session<T, S> {
    fn clone(&self) -> Self {
        Self { socket: self.socket.clone(), kind: PhantomData }
    }
}

impl Store {
    /// Takes everything out, to be dropped where no lock is held.
    pub(crate) fn clear(&self) -> impl Sized + use<> {
        self.known().map(|shared| std::mem::take(&mut *shared.lock()))
    }

    /// What is kept for the client, for when it comes back.
    pub(crate) fn share(&self) -> Arc<Shared> {
        self.shared().clone()
    }

    /// Goes on with what was kept for the client before. It must not have been used.
    pub(crate) fn go_on_with(&self, shared: Arc<Shared>) {
        let _ = self.0.set(shared);
    }

    fn shared(&self) -> &Arc<Shared> {
        self.0.get_or_init(Arc::default)
    }

    fn known(&self) -> Option<&Arc<Shared>> {
        self.0.get()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Values> {
        // A closure that panicked may have changed the value half.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn find<T: 'static>(values: &mut Values) -> Option<&mut T> {
    let (_, value) = values.iter_mut().find(|(id, _)| *id == TypeId::of::<T>())?;
    value.downcast_mut()
}

impl<T: Send + Clone + fmt::Debug + 'static, S: Borrow<Socket>> fmt::Debug for Session<T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Session").field(&self.get()).finish()
    }
}
