//! Namespaces written as a type whose methods are the handlers.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use crate::connect::{Admission, admission, auth_args};
use crate::disconnect::{Departure, FromDeparture, each_few};
use crate::error::HandlerError;
use crate::extract::{Call, Extract};
use crate::handler::{Async, Delivery, Outcome, Plain, Progress, each_arity, take};
use crate::namespace::{Entry, Namespace};
use crate::order::{Concurrent, Order, Ordered, Sequential};
use crate::reply::{IntoAdmission, IntoReply};
use crate::state::Needs;

/// A namespace as a type: its methods are the handlers, its fields what they share.
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
pub trait NamespaceClass: Send + Sync + Sized + 'static {
    /// Says which method handles what.
    fn register(events: &mut Events<'_, Self>);
}

/// The events of a [`NamespaceClass`], while it says which method handles what.
pub struct Events<'a, C> {
    namespace: &'a mut Namespace,
    class: &'a Arc<C>,
}

/// A method that handles an event. `M` only tells the forms of methods apart.
pub trait EventMethod<C, M>: Send + Sync + 'static {
    #[doc(hidden)]
    #[expect(private_interfaces, reason = "how handlers run is not part of the interface")]
    fn call(&self, class: &Arc<C>, delivery: &mut Delivery<'_>) -> Progress<Outcome>;

    #[doc(hidden)]
    #[expect(private_interfaces, reason = "how handlers run is not part of the interface")]
    fn order() -> Order {
        Order::Inline
    }

    #[doc(hidden)]
    fn needs(_: &mut Needs) {}
}

/// A method that decides whether a client may join, see [`ConnectHandler`](crate::ConnectHandler).
pub trait ConnectMethod<C, M>: Send + Sync + 'static {
    #[doc(hidden)]
    #[expect(private_interfaces, reason = "how handlers run is not part of the interface")]
    fn call(&self, class: &Arc<C>, socket: &crate::Socket) -> Progress<Admission>;

    #[doc(hidden)]
    fn needs(_: &mut Needs) {}
}

/// A method that hears of a client's leaving, see
/// [`DisconnectHandler`](crate::DisconnectHandler).
pub trait DisconnectMethod<C, M>: Send + Sync + 'static {
    #[doc(hidden)]
    #[expect(private_interfaces, reason = "how handlers run is not part of the interface")]
    fn call(&self, class: &Arc<C>, departure: Departure<'_>) -> Progress<Outcome>;

    #[doc(hidden)]
    fn needs(_: &mut Needs) {}
}

impl<'a, C: NamespaceClass> Events<'a, C> {
    pub(crate) fn new(namespace: &'a mut Namespace, class: &'a Arc<C>) -> Self {
        Self { namespace, class }
    }

    /// Handles an event.
    ///
    /// # Panics
    /// When no client can send an event of that name, as with [`Namespace::on`].
    pub fn on<M, H: EventMethod<C, M>>(&mut self, event: &str, method: H) -> &mut Self {
        let entry = self.entry(Some(event), method);
        self.namespace.add_event(event, entry);
        self
    }

    /// Handles the events that nothing else of the namespace handles.
    pub fn on_any<M, H: EventMethod<C, M>>(&mut self, method: H) -> &mut Self {
        let entry = self.entry(None, method);
        self.namespace.any.get_or_insert(entry);
        self
    }

    /// Decides who may join.
    pub fn on_connect<M, H: ConnectMethod<C, M>>(&mut self, method: H) -> &mut Self {
        self.namespace.need("connect", H::needs);
        let class = self.class.clone();
        let call = Arc::new(move |socket: &_| method.call(&class, socket));
        self.namespace.connect.get_or_insert(call);
        self
    }

    /// Hears who left.
    pub fn on_disconnect<M, H: DisconnectMethod<C, M>>(&mut self, method: H) -> &mut Self {
        self.namespace.need("disconnect", H::needs);
        let class = self.class.clone();
        let call = Arc::new(move |departure: Departure<'_>| method.call(&class, departure));
        self.namespace.disconnect.get_or_insert(call);
        self
    }

    /// Hears of handlers of the namespace that did not succeed.
    pub fn on_error(
        &mut self,
        method: impl Fn(&C, HandlerError) + Send + Sync + 'static,
    ) -> &mut Self {
        let class = self.class.clone();
        self.namespace.on_error.get_or_insert_with(|| Arc::new(move |error| method(&class, error)));
        self
    }

    /// The namespace itself, for what has no methods: middlewares, and functions.
    pub fn namespace(&mut self) -> &mut Namespace {
        self.namespace
    }

    fn entry<M, H: EventMethod<C, M>>(&mut self, event: Option<&str>, method: H) -> Entry {
        self.namespace.need(event.unwrap_or("*"), H::needs);
        let class = self.class.clone();
        let call = Arc::new(move |delivery: &mut Delivery<'_>| {
            let progress = method.call(&class, delivery);
            delivery.came(progress);
        });
        Entry { name: event.map(Into::into), order: H::order(), call }
    }
}

macro_rules! methods {
    ($($T:ident)*) => {
        #[expect(private_interfaces, reason = "how handlers run is not part of the interface")]
        #[allow(non_snake_case, reason = "one name for a type parameter and its value")]
        impl<C, F, R, $($T),*> EventMethod<C, (Plain, R, $($T,)*)> for F
        where
            F: Fn(&C, $($T),*) -> R + Send + Sync + 'static,
            R: IntoReply + 'static,
            $($T: Extract + 'static,)*
        {
            fn call(&self, class: &Arc<C>, delivery: &mut Delivery<'_>) -> Progress<Outcome> {
                let mut call = Call::new(delivery);
                take!(call: $($T)*);
                Progress::replied(self(class, $($T),*).reply(delivery.owed()))
            }

            fn needs(_needs: &mut Needs) {
                $($T::needs(_needs);)*
            }
        }

        #[expect(private_interfaces, reason = "how handlers run is not part of the interface")]
        #[allow(non_snake_case, reason = "one name for a type parameter and its value")]
        impl<C, F, U, $($T),*> EventMethod<C, (Async, U, $($T,)*)> for F
        where
            F: Fn(Arc<C>, $($T),*) -> U + Send + Sync + 'static,
            U: Future<Output: IntoReply> + Send + 'static,
            $($T: Extract + 'static,)*
        {
            fn call(&self, class: &Arc<C>, delivery: &mut Delivery<'_>) -> Progress<Outcome> {
                let mut call = Call::new(delivery);
                take!(call: $($T)*);
                let (future, ack) = (self(class.clone(), $($T),*), delivery.owed());
                Progress::later(async move { future.await.reply(ack) })
            }

            fn needs(_needs: &mut Needs) {
                $($T::needs(_needs);)*
            }
        }

        #[expect(private_interfaces, reason = "how handlers run is not part of the interface")]
        #[allow(non_snake_case, reason = "one name for a type parameter and its value")]
        impl<C, F, R, $($T),*> ConnectMethod<C, (Plain, R, $($T,)*)> for F
        where
            F: Fn(&C, $($T),*) -> R + Send + Sync + 'static,
            R: IntoAdmission,
            $($T: Extract,)*
        {
            fn call(&self, class: &Arc<C>, socket: &crate::Socket) -> Progress<Admission> {
                let (auth, mut token) = (auth_args(socket), None);
                let mut call = Call::connect(socket, &auth, &mut token);
                take!(call: $($T)*);
                Progress::Done(admission(self(class, $($T),*)))
            }

            fn needs(_needs: &mut Needs) {
                $($T::needs(_needs);)*
            }
        }

        #[expect(private_interfaces, reason = "how handlers run is not part of the interface")]
        #[allow(non_snake_case, reason = "one name for a type parameter and its value")]
        impl<C, F, U, $($T),*> ConnectMethod<C, (Async, U, $($T,)*)> for F
        where
            F: Fn(Arc<C>, $($T),*) -> U + Send + Sync + 'static,
            U: Future<Output: IntoAdmission> + Send + 'static,
            $($T: Extract,)*
        {
            fn call(&self, class: &Arc<C>, socket: &crate::Socket) -> Progress<Admission> {
                let (auth, mut token) = (auth_args(socket), None);
                let mut call = Call::connect(socket, &auth, &mut token);
                take!(call: $($T)*);
                let decision = self(class.clone(), $($T),*);
                Progress::Pending(Box::pin(async move { admission(decision.await) }))
            }

            fn needs(_needs: &mut Needs) {
                $($T::needs(_needs);)*
            }
        }
    };
}
each_arity!(methods);

macro_rules! disconnect_methods {
    ($($T:ident)*) => {
        #[expect(private_interfaces, reason = "how handlers run is not part of the interface")]
        impl<C, F, R, $($T),*> DisconnectMethod<C, (Plain, R, $($T,)*)> for F
        where
            F: Fn(&C, $($T),*) -> R + Send + Sync + 'static,
            R: IntoReply,
            $($T: FromDeparture,)*
        {
            fn call(&self, class: &Arc<C>, _departure: Departure<'_>) -> Progress<Outcome> {
                Progress::replied(self(class, $($T::from_departure(&_departure)),*).reply(None))
            }

            fn needs(_needs: &mut Needs) {
                $($T::needs(_needs);)*
            }
        }

        #[expect(private_interfaces, reason = "how handlers run is not part of the interface")]
        impl<C, F, U, $($T),*> DisconnectMethod<C, (Async, U, $($T,)*)> for F
        where
            F: Fn(Arc<C>, $($T),*) -> U + Send + Sync + 'static,
            U: Future<Output: IntoReply> + Send + 'static,
            $($T: FromDeparture,)*
        {
            fn call(&self, class: &Arc<C>, _departure: Departure<'_>) -> Progress<Outcome> {
                let future = self(class.clone(), $($T::from_departure(&_departure)),*);
                Progress::later(async move { future.await.reply(None) })
            }

            fn needs(_needs: &mut Needs) {
                $($T::needs(_needs);)*
            }
        }
    };
}
each_few!(disconnect_methods);

macro_rules! ordered {
    ($($wrapper:ident)*) => {$(
        #[expect(private_interfaces, reason = "how handlers run is not part of the interface")]
        impl<C, M, H: EventMethod<C, M>> EventMethod<C, (Ordered, M)> for $wrapper<H> {
            fn call(&self, class: &Arc<C>, delivery: &mut Delivery<'_>) -> Progress<Outcome> {
                self.0.call(class, delivery)
            }

            fn order() -> Order {
                Order::$wrapper
            }

            fn needs(needs: &mut Needs) {
                H::needs(needs);
            }
        }
    )*};
}
ordered!(Sequential Concurrent);

impl<C> fmt::Debug for Events<'_, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").field("namespace", &self.namespace).finish_non_exhaustive()
    }
}
