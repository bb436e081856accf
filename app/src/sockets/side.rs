//! The two sides that handlers may serve.

use sansocket::{AckToken, ArgsRef, Reason};
use std::any::{Any, TypeId};
use std::error::Error;
use std::fmt::{Debug, Display};
use std::sync::Arc;

use crate::args::EncodeError;
use crate::sockets::error::EmitError;
use crate::sockets::socket::Socket;

/// The end of a connection whose events handlers receive: the server's end of a client, [`Socket`], a
/// [client](crate::client::Socket), or a client of a test, [`TestSocket`](crate::test::TestSocket). The trait
/// is implemented for nothing else, and cannot be.
///
/// Handlers that take nothing of one side alone may serve both, see
/// [`NamespaceClass`](crate::NamespaceClass).
pub trait Side: Clone + Debug + Send + Sync + 'static {
    /// The right to acknowledge one event, once.
    #[doc(hidden)]
    type Token: Debug + Send + 'static;

    /// Why a client is no longer in its namespace.
    type Reason: Copy + Debug + Display + Send + 'static;

    /// Why nothing was sent.
    type EmitError: Error + From<EncodeError> + Send + Sync + 'static;

    /// Returns the name of the namespace.
    fn namespace(&self) -> &str;

    #[doc(hidden)]
    #[expect(private_interfaces, reason = "nothing else is a side")]
    fn acknowledge(
        &self,
        token: Self::Token,
        args: ArgsRef<'_>,
        sealed: Sealed,
    ) -> Result<(), Self::EmitError>;

    /// Returns the value of a type that its application keeps for all handlers.
    #[doc(hidden)]
    #[expect(private_interfaces, reason = "nothing else is a side")]
    fn managed(&self, kind: TypeId, sealed: Sealed) -> Option<Arc<dyn Any + Send + Sync>>;
}

/// Keeps others from implementing [`Side`].
pub(crate) struct Sealed;

#[expect(private_interfaces, reason = "nothing else is a side")]
impl Side for Socket {
    type Token = AckToken;
    type Reason = Reason;
    type EmitError = EmitError;

    fn namespace(&self) -> &str {
        Self::namespace(self)
    }

    #[inline]
    fn acknowledge(&self, token: AckToken, args: ArgsRef<'_>, _: Sealed) -> Result<(), EmitError> {
        self.hub().with(self.shard(), |server| server.acknowledge(token, args));
        Ok(())
    }

    fn managed(&self, kind: TypeId, _: Sealed) -> Option<Arc<dyn Any + Send + Sync>> {
        self.hub().state(kind)
    }
}
