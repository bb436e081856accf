//! What an application remembers of one client while it is in a namespace.

use std::any::{Any, TypeId};
use std::borrow::Borrow;
use std::fmt;
use std::marker::PhantomData;
use std::sync::{Mutex, MutexGuard, PoisonError};

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
/// It is gone once the disconnect handler is done. A closure given to [`read`](Self::read),
/// [`change`](Self::change) or [`update`](Self::update) runs under a lock: it must not use the session
/// of the same client.
pub struct Session<T, S = Socket> {
    socket: S,
    kind: PhantomData<fn() -> T>,
}

/// All values of one client, few enough to be looked through.
#[derive(Default)]
pub(crate) struct Store(Mutex<Option<Box<Values>>>);

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
        let mut values = self.store().lock();
        let values = values.get_or_insert_default();
        match find(values) {
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
        let mut values = self.store().lock();
        values.as_mut().and_then(|values| find(values)).map(|value: &mut T| look(value))
    }

    /// Changes the value if there is one.
    pub fn change<R>(&self, change: impl FnOnce(&mut T) -> R) -> Option<R> {
        let mut values = self.store().lock();
        values.as_mut().and_then(|values| find(values)).map(change)
    }

    /// Changes the value. Where none was [`set`](Self::set) yet it begins as the default, so `T` has
    /// to be [`Default`]; [`change`](Self::change) is for other types.
    pub fn update<R>(&self, change: impl FnOnce(&mut T) -> R) -> R
    where
        T: Default,
    {
        let mut values = self.store().lock();
        let values = values.get_or_insert_default();
        if find::<T>(values).is_none() {
            values.push((TypeId::of::<T>(), Box::new(T::default())));
        }
        change(find(values).expect("it was just put there"))
    }

    /// Takes the value out.
    #[must_use]
    pub fn take(&self) -> Option<T> {
        let mut values = self.store().lock();
        let values = values.as_mut()?;
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
        self.lock().take()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Box<Values>>> {
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
