//! From the address of a server to a stream.

use sansocket::client::{Endpoint, Fault};

use super::net::Net;
use crate::serve::tls::TlsConnection;

/// A stream that was opened.
pub(crate) struct Dialed<S> {
    pub(crate) stream: S,
    pub(crate) tls: Option<TlsConnection>,
}

/// Opens a stream to a server.
pub(crate) async fn dial<N: Net>(net: &N, endpoint: &Endpoint) -> Result<Dialed<N::Stream>, Fault> {
    if endpoint.is_secure() {
        return Err(Fault::transport("the client is built without TLS"));
    }
    let (host, port) = (endpoint.host(), endpoint.port());
    let addresses = net.resolve(host, port).await;
    let addresses = addresses.map_err(|error| Fault::transport(format!("{host}: {error}")))?;
    let mut fault = Fault::transport(format!("{host} has no address"));
    for address in addresses {
        match net.connect(address).await {
            Ok(stream) => return Ok(Dialed { stream, tls: None }),
            Err(error) => fault = Fault::transport(format!("{address}: {error}")),
        }
    }
    Err(fault)
}
