//! Starting clients.

use sansocket_app::BoxFuture;
#[cfg(unix)]
use sansocket_app::bind::BoxWire;
use sansocket_app::bind::{Carried, Carry, Dialed, Host, Net};
use sansocket_app::client::{Client, Connecting, ConnectingSimply, Manager, SimpleClient};
use std::io;
use std::net::SocketAddr;
#[cfg(unix)]
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, Weak};
#[cfg(unix)]
use tokio::net::UnixStream;
use tokio::net::{TcpStream, lookup_host};
use tokio::runtime::{Handle, Id};

use crate::carry::Stream;
use crate::runtime::Tokio;

/// Starts a client on the current runtime and joins the namespace that its URL names.
///
/// The client connects already when this returns; the future waits until the namespace is joined, or for the first
/// failure. It holds the only handle of the client, which therefore tries no more after a failure. One that is to
/// go on trying is [opened](open), or waited for [patiently](Connecting::patiently): see [`client::Socket::connect`](sansocket_app::client::Socket::connect).
///
/// ```no_run
/// use sansocket_tokio::client::Client;
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let mut client = Client::new("https://example.com/chat")?;
/// client.on("said", |who: String, text: String| println!("{who}: {text}"));
/// let chat = sansocket_tokio::connect(client).await?;
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

/// Starts a client without handlers on the current runtime and joins the namespace that its URL names.
///
/// ```no_run
/// use sansocket_tokio::client::Client;
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let client = sansocket_tokio::connect_simply(Client::new("https://example.com")?).await?;
/// client.emit("join", "tea")?;
/// let (name, args) = client.receive().await?;
/// # Ok(())
/// # }
/// ```
///
/// # Panics
/// As [`open`], and when the client has a handler of any event.
pub fn connect_simply(client: Client) -> ConnectingSimply {
    SimpleClient::start(client, open)
}

/// Starts a client on the current runtime. It connects when a namespace is to be joined.
///
/// # Panics
/// Outside a tokio runtime. When a name of a namespace is none, when a handler takes a
/// [`State`](sansocket_app::State) that [`Client::manage`] was given no value of, or when the operating system gives
/// no random numbers.
#[must_use = "the client ends when its last handle is dropped"]
pub fn open(client: Client) -> Manager {
    host(&Handle::current()).open(client)
}

/// What the clients of each runtime share. Ids of runtimes are not used again.
static HOSTS: Mutex<Vec<(Id, Weak<Host<Tokio>>)>> = Mutex::new(Vec::new());

/// What the clients of a runtime share; it begins with the first of them and ends with the last.
fn host(runtime: &Handle) -> Arc<Host<Tokio>> {
    let mut hosts = HOSTS.lock().unwrap_or_else(PoisonError::into_inner);
    hosts.retain(|(_, host)| host.strong_count() > 0);
    let found = hosts.iter().find(|(id, _)| *id == runtime.id());
    found.and_then(|(_, host)| host.upgrade()).unwrap_or_else(|| {
        let host = Host::start(Tokio(runtime.clone()));
        hosts.push((runtime.id(), Arc::downgrade(&host)));
        host
    })
}

impl Net for Tokio {
    type Stream = Stream<TcpStream>;

    fn resolve(&self, host: &str, port: u16) -> BoxFuture<io::Result<Vec<SocketAddr>>> {
        let host = host.to_owned();
        Box::pin(async move { Ok(lookup_host((host, port)).await?.collect()) })
    }

    fn connect(&self, address: SocketAddr) -> BoxFuture<io::Result<Self::Stream>> {
        Box::pin(async move {
            let stream = TcpStream::connect(address).await?;
            // Latency matters more than the number of packets; a failure only costs that.
            let _ = stream.set_nodelay(true);
            Ok(Stream(stream))
        })
    }

    #[cfg(unix)]
    fn connect_unix(&self, path: &Path) -> BoxFuture<io::Result<BoxWire>> {
        let path = path.to_owned();
        Box::pin(async move {
            let stream = UnixStream::connect(path).await?;
            Ok(Box::new(Stream(stream)) as BoxWire)
        })
    }

    fn carry<C: Carried + Send + 'static>(&self, carry: Carry<Dialed<Self::Stream>, C>) {
        self.0.spawn(carry);
    }
}
