//! What a binding supplies for streams of clients.

use std::io;
use std::net::SocketAddr;
#[cfg(unix)]
use std::path::Path;

#[cfg(unix)]
use crate::dial::stream::BoxWire;
use crate::dial::stream::Stream;
use crate::runtime::{BoxFuture, Runtime};
use crate::serve::carry::{Carried, Carry, Wire};

/// The network as a runtime has it.
pub trait Net: Runtime {
    /// A stream.
    type Stream: Wire + Send + 'static;

    /// Finds the addresses of a host, in the order in which the system prefers them.
    fn resolve(&self, host: &str, port: u16) -> BoxFuture<io::Result<Vec<SocketAddr>>>;

    /// Opens a stream to an address.
    fn connect(&self, address: SocketAddr) -> BoxFuture<io::Result<Self::Stream>>;

    /// Opens a stream to a Unix socket.
    #[cfg(unix)]
    fn connect_unix(&self, path: &Path) -> BoxFuture<io::Result<BoxWire>>;

    /// Runs a stream to its end, in a task of just its size.
    fn carry<C: Carried + Send + 'static>(&self, carry: Carry<Stream<Self::Stream>, C>);
}
