//! Which way the streams of a client take.

use sansocket::client::Endpoint;
use std::fmt;
use std::future::Future;
#[cfg(unix)]
use std::path::PathBuf;
use std::sync::Arc;

use crate::dial::proxies::Proxies;
use crate::dial::stream::BoxWire;
use crate::dial::tls::Trust;
use crate::runtime::BoxFuture;
use crate::serve::carry::Wire;
use crate::sockets::error::BoxError;

/// Which way the streams of a client take. By default they go straight to the addresses of the server.
#[derive(Clone, Default)]
pub(crate) struct Way {
    pub(crate) to: To,
    pub(crate) trust: Trust,
}

/// What streams are opened to.
#[derive(Clone, Debug)]
pub(crate) enum To {
    /// The addresses of the server, or a proxy.
    Server(Proxies),
    /// A Unix socket.
    #[cfg(unix)]
    Unix(PathBuf),
    /// Whatever a function of the application opens.
    Own(Connector),
}

/// A function that opens streams, which are used as they are.
#[derive(Clone)]
pub(crate) struct Connector(Arc<Connect>);

type Connect = dyn Fn(Arc<Endpoint>) -> BoxFuture<Result<BoxWire, BoxError>> + Send + Sync;

impl Connector {
    pub(crate) fn new<W, E, U, F>(connect: F) -> Self
    where
        W: Wire + Send + 'static,
        E: Into<BoxError>,
        U: Future<Output = Result<W, E>> + Send + 'static,
        F: Fn(Arc<Endpoint>) -> U + Send + Sync + 'static,
    {
        Self(Arc::new(move |endpoint| {
            let opening = connect(endpoint);
            Box::pin(async move {
                let stream = opening.await.map_err(Into::into)?;
                Ok(Box::new(stream) as BoxWire)
            })
        }))
    }

    pub(super) async fn connect(&self, endpoint: &Arc<Endpoint>) -> Result<BoxWire, BoxError> {
        (self.0)(endpoint.clone()).await
    }
}

impl Default for To {
    fn default() -> Self {
        Self::Server(Proxies::default())
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connector")
    }
}

impl fmt::Debug for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to.fmt(f)
    }
}
