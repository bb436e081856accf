//! Which events of a client wait for each other.

use crate::handlers::function::Handler;

/// What a handler that is not done means for the client's later events.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Order {
    /// They wait up to its first pending `.await`.
    #[default]
    Inline,
    /// They wait until it is done.
    Sequential,
    /// They never wait, and it never waits for others.
    Concurrent,
}

/// A handler that the client's later events wait for, see [`sequential`].
#[derive(Clone, Copy, Debug)]
pub struct Sequential<H>(pub(crate) H);

/// A handler that nothing waits for, see [`concurrent`].
#[derive(Clone, Copy, Debug)]
pub struct Concurrent<H>(pub(crate) H);

/// Makes the later events of the same client wait until the handler's future is done.
///
/// An acknowledgement that arrives for [`Socket::emit_then`](crate::Socket::emit_then) is one of
/// those: wait for the future of [`Socket::emit_with_ack`](crate::Socket::emit_with_ack) inside.
pub fn sequential<H>(handler: H) -> Sequential<H> {
    Sequential(handler)
}

/// Hands the handler to the runtime straight away: it does not wait for earlier events of the client,
/// and later ones do not wait for it, not even the client's leaving.
pub fn concurrent<H>(handler: H) -> Concurrent<H> {
    Concurrent(handler)
}

/// Tells the handlers in these wrappers apart from plain ones.
#[doc(hidden)]
#[derive(Debug)]
pub struct Ordered;

macro_rules! ordered {
    ($($wrapper:ident)*) => {$(
        #[expect(private_interfaces, reason = "how handlers run is not part of the interface")]
        #[diagnostic::do_not_recommend]
        impl<P, R, H: Handler<P, R>> Handler<P, R, Ordered> for $wrapper<H> {
            const ORDER: Order = Order::$wrapper;

            type Function = H::Function;

            fn into_function(self) -> H::Function {
                self.0.into_function()
            }
        }
    )*};
}
ordered!(Sequential Concurrent);
