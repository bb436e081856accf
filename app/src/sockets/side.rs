//! The two sides that handlers may serve.

use sansocket::{AckToken, ArgsRef};
use std::fmt::Debug;

use crate::sockets::socket::Socket;

/// The end of a connection whose events handlers receive: the server's end of a client, [`Socket`], or
/// a client of a test, [`TestSocket`](crate::test::TestSocket). The trait is implemented for nothing
/// else, and cannot be.
pub trait Side: Clone + Debug + Send + Sync + 'static {
    /// The right to acknowledge one event, once.
    #[doc(hidden)]
    type Token: Debug + Send + 'static;

    #[doc(hidden)]
    #[expect(private_interfaces, reason = "nothing else is a side")]
    fn acknowledge(&self, token: Self::Token, args: ArgsRef<'_>, sealed: Sealed);
}

/// Keeps others from implementing [`Side`].
pub(crate) struct Sealed;

#[expect(private_interfaces, reason = "nothing else is a side")]
impl Side for Socket {
    type Token = AckToken;

    fn acknowledge(&self, token: AckToken, args: ArgsRef<'_>, _: Sealed) {
        self.hub().with(self.shard(), |server| server.acknowledge(token, args));
    }
}
