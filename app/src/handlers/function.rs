//! What functions have in common that handle something: parameters, and a result now or later.

use std::future::Future;

use crate::handlers::handler::{Handled, Progress};
use crate::handlers::order::Order;
use crate::handlers::reply::IntoReply;
use crate::sockets::answers::ack::Ack;
use crate::sockets::side::Side;

/// A function that may handle something, plain or async: `P` is the tuple of its parameters, up to
/// eight of them, and `R` what it returns.
///
/// A plain one is `Fn`. An async one is `FnOnce` and `Clone`, and each call takes a clone of what it
/// captured: so `async move |socket: Socket| { … }` may use what it owns, an `Arc` say, without
/// cloning it by hand. A function that captures nothing is cloned for nothing.
///
/// What `P` and `R` may be depends on what is handled: [`EventHandler`](crate::EventHandler),
/// [`ConnectHandler`](crate::ConnectHandler), [`DisconnectHandler`](crate::DisconnectHandler). `O` is
/// `Ordered` for one in a wrapper, [`sequential`](crate::sequential) or
/// [`concurrent`](crate::concurrent), which only handlers of events are.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a handler",
    label = "not a function of up to eight parameters",
    note = "a handler is a function or a closure, plain or `async`, with up to eight parameters",
    note = "gather more arguments in one object, in a struct, or take them as `Rest<T>`",
    note = "`sequential` and `concurrent` are for handlers of events"
)]
pub trait Handler<P, R, O = Bare> {
    #[doc(hidden)]
    #[expect(private_interfaces, reason = "how handlers run is not part of the interface")]
    const ORDER: Order = Order::Inline;

    #[doc(hidden)]
    type Function;

    /// The function without its wrapper.
    #[doc(hidden)]
    fn into_function(self) -> Self::Function;
}

/// Functions that are in no wrapper.
#[doc(hidden)]
#[derive(Debug)]
pub struct Bare;

/// Functions whose result is there when they return.
#[doc(hidden)]
#[derive(Debug)]
pub struct Plain;

/// Functions whose result is that of the future they return.
#[doc(hidden)]
#[derive(Debug)]
pub struct Async;

/// How functions of a kind are called.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "the async handler `{F}` is not `Clone`",
    label = "this captures something that is not `Clone`",
    note = "each call of an async handler takes a clone of what it captured: put that in an `Arc`"
)]
pub trait Kind<F, P, R> {
    fn call(function: &F, parameters: P) -> R;
}

/// What a handler of events returns. `K` is the kind of the function.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "a handler cannot return `{Self}`",
    label = "this handler returns `{Self}`",
    note = "a type that implements `serde::Serialize` is returned as `Json(value)`",
    note = "the error of a `Result` is a `std::error::Error` or a text: with `BoxError`, `?` takes any",
    note = "a tuple is several arguments, `NoReply` is no acknowledgement"
)]
pub trait Answer<K> {}

#[diagnostic::do_not_recommend]
impl<T: IntoReply> Answer<Plain> for T {}

#[diagnostic::do_not_recommend]
impl<U: Future> Answer<Async> for U {}

/// Makes the outcome of what a function of a kind returned.
#[doc(hidden)]
#[expect(private_interfaces, reason = "how handlers run is not part of the interface")]
pub trait Settle<R> {
    fn settle<S: Side>(result: R, ack: impl FnOnce() -> Option<Ack<S>>) -> Progress<Handled>;
}

#[expect(private_interfaces, reason = "how handlers run is not part of the interface")]
impl<R: IntoReply> Settle<R> for Plain {
    #[inline(always)]
    fn settle<S: Side>(result: R, ack: impl FnOnce() -> Option<Ack<S>>) -> Progress<Handled> {
        Progress::Done(result.reply(ack()).map_err(Box::new))
    }
}

#[expect(private_interfaces, reason = "how handlers run is not part of the interface")]
impl<U: Future<Output: IntoReply> + Send + 'static> Settle<U> for Async {
    #[inline(always)]
    fn settle<S: Side>(future: U, ack: impl FnOnce() -> Option<Ack<S>>) -> Progress<Handled> {
        let ack = ack();
        Progress::Pending(Box::pin(async move { future.await.reply(ack).map_err(Box::new) }))
    }
}

/// Repeats something for every number of parameters.
macro_rules! each_arity {
    ($macro:ident) => {
        $macro!();
        $macro!(A);
        $macro!(A B);
        $macro!(A B D);
        $macro!(A B D E);
        $macro!(A B D E G);
        $macro!(A B D E G H);
        $macro!(A B D E G H I);
        $macro!(A B D E G H I J);
    };
}
pub(crate) use each_arity;

macro_rules! functions {
    ($($T:ident)*) => {
        impl<F, R, $($T),*> Handler<($($T,)*), R> for F
        where
            F: FnOnce($($T),*) -> R,
        {
            type Function = Self;

            fn into_function(self) -> Self {
                self
            }
        }

        #[allow(non_snake_case, reason = "one name for a type parameter and its value")]
        impl<F, R, $($T),*> Kind<F, ($($T,)*), R> for Plain
        where
            F: Fn($($T),*) -> R,
        {
            #[inline(always)]
            fn call(function: &F, ($($T,)*): ($($T,)*)) -> R {
                function($($T),*)
            }
        }

        #[allow(non_snake_case, reason = "one name for a type parameter and its value")]
        #[diagnostic::do_not_recommend]
        impl<F, R, $($T),*> Kind<F, ($($T,)*), R> for Async
        where
            F: FnOnce($($T),*) -> R + Clone,
        {
            #[inline(always)]
            fn call(function: &F, ($($T,)*): ($($T,)*)) -> R {
                function.clone()($($T),*)
            }
        }
    };
}
each_arity!(functions);
