//! Namespaces written as a type whose methods are the handlers.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use crate::handlers::connect::ConnectHandler;
use crate::handlers::disconnect::DisconnectHandler;
use crate::handlers::function::{Kind, each_arity};
use crate::handlers::handler::EventHandler;
use crate::handlers::namespace::{Namespace, Source};
use crate::handlers::order::{Concurrent, Order, Ordered, Sequential};
use crate::sockets::error::HandlerError;
use crate::sockets::side::Side;
use crate::sockets::socket::Socket;

/// A namespace as a type: its methods are the handlers, its fields their shared state.
///
/// ```
/// use sansocket_app::{App, Events, NamespaceClass, Socket};
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU32, Ordering};
///
/// #[derive(Default)]
/// struct Chat { said: AtomicU32 }
///
/// impl NamespaceClass for Chat {
///     fn register(events: &mut Events<'_, Self>) {
///         events.on_connect(Self::connect).on("say", Self::say).on("later", Self::later);
///     }
/// }
///
/// impl Chat {
///     fn connect(&self, socket: Socket) -> bool {
///         socket.header("x-banned").is_none()
///     }
///
///     fn say(&self, socket: Socket, text: String) -> u32 {
///         let _ = socket.broadcast().emit("said", &text);
///         self.said.fetch_add(1, Ordering::Relaxed) + 1
///     }
///
///     async fn later(self: Arc<Self>, socket: Socket) {
///         let _ = socket.emit("said so far", &self.said.load(Ordering::Relaxed));
///     }
/// }
///
/// let mut app = App::new();
/// app.class("/chat", Chat::default());
/// ```
///
/// A plain method takes `&self`, an async one `self: Arc<Self>`; the other parameters and what they
/// return are those of functions. A function given to the [`Namespace`] for the same event wins,
/// whichever was given first.
///
/// `S` is the [side](Side) that it serves, the server without another. A class whose methods take nothing of
/// one side alone serves both:
///
/// ```
/// use sansocket_app::test::TestServer;
/// use sansocket_app::{App, Events, NamespaceClass, Side};
///
/// struct Sums;
///
/// impl<S: Side> NamespaceClass<S> for Sums {
///     fn register(events: &mut Events<'_, Self, S>) {
///         events.on("add", Self::add);
///     }
/// }
///
/// impl Sums {
///     fn add(&self, a: i64, b: i64) -> i64 {
///         a + b
///     }
/// }
///
/// let mut app = App::new();
/// app.class("/", Sums);
/// let server = TestServer::new(app);
/// let client = server.client().class(Sums).connect().unwrap();
/// assert_eq!(client.call("add", &(1, 2)), Ok(3));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no namespace class",
    label = "not a `NamespaceClass`",
    note = "implement `NamespaceClass` for it: `register` says which method handles what"
)]
pub trait NamespaceClass<S: Side = Socket>: Send + Sync + Sized + 'static {
    /// Says which method handles what.
    fn register(events: &mut Events<'_, Self, S>);
}

/// The events of a [`NamespaceClass`], while it says which method handles what.
pub struct Events<'a, C, S: Side = Socket> {
    namespace: &'a mut Namespace<S>,
    class: &'a Arc<C>,
}

/// A method of a class `C` that may handle something, by the rules of [`Handler`](crate::Handler):
/// `P` is the tuple of its parameters after `self`, and `R` what it returns. `W` only tells the forms of
/// methods apart.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a method that handles something for `{C}`",
    label = "not a method of up to eight parameters",
    note = "a plain method takes `&self`, an async one `self: Arc<Self>`, then up to eight parameters"
)]
pub trait ClassMethod<C, W, P, R> {
    #[doc(hidden)]
    #[expect(private_interfaces, reason = "how handlers run is not part of the interface")]
    const ORDER: Order = Order::Inline;

    #[doc(hidden)]
    fn call(&self, class: &Arc<C>, parameters: P) -> R;
}

/// Methods that take `&self`.
#[doc(hidden)]
#[derive(Debug)]
pub struct ByRef;

/// Methods that take `self: Arc<Self>`.
#[doc(hidden)]
#[derive(Debug)]
pub struct ByArc;

/// The methods that are in no wrapper.
#[doc(hidden)]
pub trait Unordered {}

impl Unordered for ByArc {}
impl Unordered for ByRef {}

/// A method with the value it is one of.
#[doc(hidden)]
pub struct Bound<C, F, W> {
    class: Arc<C>,
    method: F,
    form: PhantomData<fn() -> W>,
}

impl<'a, C: NamespaceClass<S>, S: Side> Events<'a, C, S> {
    pub(crate) fn new(namespace: &'a mut Namespace<S>, class: &'a Arc<C>) -> Self {
        Self { namespace, class }
    }

    /// Handles an event.
    ///
    /// # Panics
    /// As [`Namespace::on`] does.
    #[track_caller]
    pub fn on<W, P, R, K, M>(&mut self, event: &str, method: M) -> &mut Self
    where
        M: ClassMethod<C, W, P, R>,
        Bound<C, M, W>: EventHandler<P, R, K, S>,
    {
        let method = self.bind(method);
        self.namespace.add_event(Source::Method, Some(event), M::ORDER, method);
        self
    }

    /// Handles the events that nothing else of the namespace handles.
    ///
    /// # Panics
    /// As [`Namespace::on_any`] does.
    #[track_caller]
    pub fn on_any<W, P, R, K, M>(&mut self, method: M) -> &mut Self
    where
        M: ClassMethod<C, W, P, R>,
        Bound<C, M, W>: EventHandler<P, R, K, S>,
    {
        let method = self.bind(method);
        self.namespace.add_event(Source::Method, None, M::ORDER, method);
        self
    }

    /// Decides which clients may join, see [`ConnectHandler`].
    ///
    /// # Panics
    /// As [`Namespace::on_connect`] does.
    #[track_caller]
    pub fn on_connect<W, P, R, K, M>(&mut self, method: M) -> &mut Self
    where
        W: Unordered,
        M: ClassMethod<C, W, P, R>,
        Bound<C, M, W>: ConnectHandler<P, R, K, S>,
    {
        let method = self.bind(method);
        self.namespace.add_connect(Source::Method, method);
        self
    }

    /// Handles the disconnects of clients, see [`DisconnectHandler`].
    ///
    /// # Panics
    /// As [`Namespace::on_disconnect`] does.
    #[track_caller]
    pub fn on_disconnect<W, P, R, K, M>(&mut self, method: M) -> &mut Self
    where
        W: Unordered,
        M: ClassMethod<C, W, P, R>,
        Bound<C, M, W>: DisconnectHandler<P, R, K, S>,
    {
        let method = self.bind(method);
        self.namespace.add_disconnect(Source::Method, method);
        self
    }

    /// Called for handlers of the namespace that failed.
    ///
    /// # Panics
    /// As [`Namespace::on_error`] does.
    #[track_caller]
    pub fn on_error(
        &mut self,
        method: impl Fn(&C, HandlerError<S>) + Send + Sync + 'static,
    ) -> &mut Self {
        let class = self.class.clone();
        self.namespace.add_on_error(Source::Method, move |error| method(&class, error));
        self
    }

    /// The namespace itself, for what has no methods: middlewares, and functions.
    pub fn namespace(&mut self) -> &mut Namespace<S> {
        self.namespace
    }

    fn bind<F, W>(&self, method: F) -> Bound<C, F, W> {
        Bound { class: self.class.clone(), method, form: PhantomData }
    }
}

macro_rules! methods {
    ($($T:ident)*) => {
        #[allow(non_snake_case, reason = "one name for a type parameter and its value")]
        impl<C, F, R, $($T),*> ClassMethod<C, ByRef, ($($T,)*), R> for F
        where
            F: Fn(&C, $($T),*) -> R,
        {
            fn call(&self, class: &Arc<C>, ($($T,)*): ($($T,)*)) -> R {
                self(class, $($T),*)
            }
        }

        #[allow(non_snake_case, reason = "one name for a type parameter and its value")]
        impl<C, F, R, $($T),*> ClassMethod<C, ByArc, ($($T,)*), R> for F
        where
            F: Fn(Arc<C>, $($T),*) -> R,
        {
            fn call(&self, class: &Arc<C>, ($($T,)*): ($($T,)*)) -> R {
                self(class.clone(), $($T),*)
            }
        }
    };
}
each_arity!(methods);

macro_rules! ordered {
    ($($wrapper:ident)*) => {$(
        #[expect(private_interfaces, reason = "how handlers run is not part of the interface")]
        #[diagnostic::do_not_recommend]
        impl<C, W, P, R, F> ClassMethod<C, (Ordered, W), P, R> for $wrapper<F>
        where
            F: ClassMethod<C, W, P, R>,
        {
            const ORDER: Order = Order::$wrapper;

            fn call(&self, class: &Arc<C>, parameters: P) -> R {
                self.0.call(class, parameters)
            }
        }
    )*};
}
ordered!(Sequential Concurrent);

impl<K, C, F, W, P, R> Kind<Bound<C, F, W>, P, R> for K
where
    F: ClassMethod<C, W, P, R>,
{
    fn call(bound: &Bound<C, F, W>, parameters: P) -> R {
        bound.method.call(&bound.class, parameters)
    }
}

impl<C, F, W> fmt::Debug for Bound<C, F, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bound")
    }
}

impl<C, S: Side> fmt::Debug for Events<'_, C, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").field("namespace", &self.namespace).finish_non_exhaustive()
    }
}
