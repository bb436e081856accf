//! Starting clients.

use sansocket_app::bind::Host;
use sansocket_app::client::{Client, ConnectError, Manager, SimpleClient, Socket};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::network::Network;

/// Starts a client and joins the namespace that its URL names. It waits until the namespace is joined, or for the
/// first failure, after which the client tries no more.
///
/// A client that is to go on trying is [opened](open).
///
/// ```no_run
/// use sansocket_blocking::client::Client;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut client = Client::new("https://example.com/chat")?;
/// client.on("said", |who: String, text: String| println!("{who}: {text}"));
/// let chat = sansocket_blocking::connect(client)?;
/// chat.emit("say", "hello")?;
/// let members: u32 = chat.call("count", &()).wait()?;
/// chat.disconnect().wait();
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// Why the namespace is not joined.
///
/// # Panics
/// As [`open`].
pub fn connect(client: Client) -> Result<Socket, ConnectError> {
    open(client).connect().wait()
}

/// Starts a client without handlers and joins the namespace that its URL names: see [`SimpleClient`]. It waits as
/// [`connect`] does.
///
/// ```no_run
/// use sansocket_blocking::client::Client;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let client = sansocket_blocking::connect_simply(Client::new("https://example.com")?)?;
/// let sum: i64 = client.call("add", &(1, 2)).wait()?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// Why the namespace is not joined.
///
/// # Panics
/// As [`open`], and when the client has a handler of any event.
#[track_caller]
pub fn connect_simply(client: Client) -> Result<SimpleClient, ConnectError> {
    SimpleClient::start(client, open).wait()
}

/// Starts a client, on threads that all clients of the process share. It connects when a namespace is to be joined.
///
/// Dropping the last handle of a client waits until what was sent has left and the connection is closed, for a second
/// at most, since the process may end next. Handlers do not wait.
///
/// # Panics
/// When a name of a namespace is none, when a handler takes a [`State`](sansocket_app::State) that
/// [`Client::manage`] was given no value of, or when the operating system gives no random numbers or no thread.
#[must_use = "the client ends when its last handle is dropped"]
pub fn open(client: Client) -> Manager {
    host().open(client)
}

/// What all clients share.
static HOST: Mutex<Weak<Host<Network>>> = Mutex::new(Weak::new());

/// What all clients share; it begins with the first of them and ends with the last.
fn host() -> Arc<Host<Network>> {
    let mut kept = HOST.lock().unwrap_or_else(PoisonError::into_inner);
    kept.upgrade().unwrap_or_else(|| {
        let host = Host::start(Network::new());
        *kept = Arc::downgrade(&host);
        host
    })
}
