//! How far a broadcast reaches.

use sansocket::Scope;

/// How far a [`Broadcast`](crate::Broadcast) or a [`NamespaceIo`](crate::NamespaceIo) reaches:
/// [`Everywhere`] or [`Local`]. The trait is implemented for nothing else, and cannot be.
pub trait Extent: Copy + Send + Sync + 'static {
    #[doc(hidden)]
    #[expect(private_interfaces, reason = "nothing else is an extent")]
    const SEALED: Sealed;

    #[doc(hidden)]
    const SCOPE: Scope;
}

/// Reaches the clients of all servers that serve an application together; a server that is alone has
/// them all. Questions take time, so their answers are futures.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Everywhere;

/// Reaches the clients of this process only. Questions are answered at once.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Local;

/// Keeps others from implementing [`Extent`].
pub(crate) struct Sealed;

#[expect(private_interfaces, reason = "nothing else is an extent")]
impl Extent for Everywhere {
    const SEALED: Sealed = Sealed;
    const SCOPE: Scope = Scope::Cluster;
}

#[expect(private_interfaces, reason = "nothing else is an extent")]
impl Extent for Local {
    const SEALED: Sealed = Sealed;
    const SCOPE: Scope = Scope::Process;
}
