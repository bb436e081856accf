//! What bindings are made of: hubs, connections, listeners taken apart, and the runtime they supply.
//!
//! An application needs none of it. A binding brings sockets, a clock and tasks: it implements
//! [`Runtime`], starts a [`Hub`] for an [`App`](crate::App), opens a [`Door`] for each
//! [`Listener`](crate::Listener), and carries the bytes of each [`Connection`], by a [`Carry`] over its
//! streams or by a loop of its own. A host that parses HTTP itself asks [`Hub::handle_head`] instead.
//! These names may change in any minor version.

pub use crate::client::host::Host;
pub use crate::client::stream::Stream as ClientStream;
pub use crate::dial::forward::forwarding;
pub use crate::dial::net::Net;
pub use crate::dial::stream::{BoxWire, Stream as Dialed};
pub use crate::hub::hub::Hub;
pub use crate::hub::timers::Timers;
pub use crate::runtime::{Runtime, Workers};
pub use crate::serve::carry::{Carried, Carry, Wire};
pub use crate::serve::connection::Connection;
pub use crate::serve::door::Door;
pub use crate::serve::forward::{Answer, Forwarded};
pub use crate::serve::host::{Aside, HostLink, Outcome};
#[cfg(unix)]
pub use crate::serve::listen::SocketFile;
pub use crate::serve::listen::{Accepted, Inner, Parts, Stream, pause_after};
pub use crate::serve::tls::{TlsConnection, TlsFault};
pub use crate::shards::life::Until;
pub use crate::wait::before_waits;
pub use crate::web::handler::Beside;
