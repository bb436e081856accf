//! Starting clients.

use sansocket_app::bind::Host;
use sansocket_app::client::{Client, Connecting, ConnectingSimply, Manager, SimpleClient};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::executor::Executor;
use crate::network::Network;

/// Starts a client on the default [`Executor`] and joins the namespace that its URL names.
///
/// The client connects already when this returns; the future waits until the namespace is joined, or for the first
/// failure. It holds the only handle of the client, which therefore tries no more after a failure. One that is to
/// go on trying is [opened](open), or waited for [patiently](Connecting::patiently): see [`client::Socket::connect`](sansocket_app::client::Socket::connect). Any executor may run it.
///
/// ```no_run
/// use sansocket_async_std::client::Client;
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let mut client = Client::new("https://example.com/chat")?;
/// client.on("said", |who: String, text: String| println!("{who}: {text}"));
/// let chat = sansocket_async_std::connect(client).await?;
/// chat.emit("say", "hello")?;
/// let members: u32 = chat.call("count", &()).await?;
/// chat.disconnect().await;
/// # Ok(())
/// # }
/// ```
///
/// # Panics
/// As [`open`].
pub fn connect(client: Client) -> Connecting {
    open(client).connect()
}

/// Starts a client without handlers on the default [`Executor`] and joins the namespace that its URL names: see
/// [`SimpleClient`].
///
/// ```no_run
/// use sansocket_async_std::client::Client;
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let client = sansocket_async_std::connect_simply(Client::new("https://example.com")?).await?;
/// let sum: i64 = client.call("add", &(1, 2)).await?;
/// # Ok(())
/// # }
/// ```
///
/// # Panics
/// As [`open`], and when the client has a handler of any event.
#[track_caller]
pub fn connect_simply(client: Client) -> ConnectingSimply {
    SimpleClient::start(client, open)
}

/// Starts a client on the default [`Executor`]. It connects when a namespace is to be joined.
///
/// # Panics
/// When a name of a namespace is none, when a handler takes a [`State`](sansocket_app::State) that
/// [`Client::manage`] was given no value of, or when the operating system gives no random numbers.
#[must_use = "the client ends when its last handle is dropped"]
pub fn open(client: Client) -> Manager {
    Executor::default().open(client)
}

impl Executor {
    /// Starts a client whose tasks this executor runs, as [`open`] does on the default one.
    ///
    /// # Panics
    /// As [`open`].
    #[must_use = "the client ends when its last handle is dropped"]
    pub fn open(self, client: Client) -> Manager {
        host(self).open(client)
    }
}

/// What the clients of each executor share.
static HOSTS: Mutex<Vec<(Executor, Weak<Host<Network>>)>> = Mutex::new(Vec::new());

/// What the clients of an executor share; it begins with the first of them and ends with the last.
fn host(executor: Executor) -> Arc<Host<Network>> {
    let mut hosts = HOSTS.lock().unwrap_or_else(PoisonError::into_inner);
    hosts.retain(|(_, host)| host.strong_count() > 0);
    let found = hosts.iter().find(|(other, _)| other.is(executor));
    found.and_then(|(_, host)| host.upgrade()).unwrap_or_else(|| {
        let host = Host::start(Network::new(executor));
        hosts.push((executor, Arc::downgrade(&host)));
        host
    })
}
