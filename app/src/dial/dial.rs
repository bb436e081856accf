//! From the address of a server to a stream.

use sansocket::client::{Endpoint, Fault, Proxy, Tunnel};
use std::future::poll_fn;
use std::io::{self, ErrorKind, IoSlice};
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use crate::dial::net::Net;
use crate::dial::race::race;
use crate::dial::stream::Stream;
use crate::dial::tls::Trust;
use crate::dial::way::{To, Way};
use crate::serve::carry::Wire;

/// Opens a stream to a server, with everything that is between: proxies and encryption. It has no deadline of
/// its own: dropping the future gives up.
pub(crate) async fn dial<N: Net>(
    net: &N,
    server: &Arc<Endpoint>,
    way: &Way,
) -> Result<Stream<N::Stream>, Fault> {
    match &way.to {
        To::Own(connector) => {
            let opened = connector.connect(server).await;
            opened.map(Stream::Boxed).map_err(|error| Fault::transport(error.to_string()))
        }
        To::Server(proxies) => match proxies.of(server) {
            Some(proxy) => through(net, proxy, server, &way.trust).await,
            None => {
                let stream = reach(net, server.host(), server.port()).await?;
                encrypt(stream, server, &way.trust).await
            }
        },
        #[cfg(unix)]
        To::Unix(path) => {
            let opened = net.connect_unix(path).await;
            let named = |error| Fault::transport(format!("{}: {error}", path.display()));
            match encrypt(opened.map_err(named)?, server, &way.trust).await? {
                Stream::Boxed(stream) | Stream::Plain(stream) => Ok(Stream::Boxed(stream)),
            }
        }
    }
}

/// Encrypts a stream to a server that wants it so.
async fn encrypt<S: Wire + Send + 'static>(
    stream: S,
    server: &Endpoint,
    trust: &Trust,
) -> Result<Stream<S>, Fault> {
    if server.is_secure() {
        let stream = trust.to_server(stream, server.host()).await?;
        Ok(Stream::Boxed(Box::new(stream)))
    } else {
        Ok(Stream::Plain(stream))
    }
}

/// Opens a stream to a host.
async fn reach<N: Net>(net: &N, host: &str, port: u16) -> Result<N::Stream, Fault> {
    race(net, resolve(net, host, port).await?).await
}

/// The addresses of a host, one at least.
async fn resolve<N: Net>(net: &N, host: &str, port: u16) -> Result<Vec<SocketAddr>, Fault> {
    if let Ok(address) = host.parse() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let found = net.resolve(host, port).await;
    let found = found.map_err(|error| Fault::transport(format!("{host}: {error}")))?;
    if found.is_empty() {
        return Err(Fault::transport(format!("{host} has no address")));
    }
    Ok(found)
}

/// Opens a stream through a proxy.
async fn through<N: Net>(
    net: &N,
    proxy: &Proxy,
    server: &Endpoint,
    trust: &Trust,
) -> Result<Stream<N::Stream>, Fault> {
    let address = match proxy.wants_address() {
        true => resolve(net, server.host(), server.port()).await?.first().map(SocketAddr::ip),
        false => None,
    };
    let at_proxy = |fault: Fault| fault.with_prefix(&format!("proxy {proxy}: "));
    let mut stream = reach(net, proxy.host(), proxy.port()).await.map_err(at_proxy)?;
    let tunnel = proxy.tunnel(server, address);
    if !proxy.is_secure() {
        ask(&mut stream, tunnel).await.map_err(at_proxy)?;
        return encrypt(stream, server, trust).await;
    }
    let mut stream = trust.to_proxy(stream, proxy.host()).await.map_err(at_proxy)?;
    ask(&mut stream, tunnel).await.map_err(at_proxy)?;
    match encrypt(stream, server, trust).await? {
        Stream::Boxed(stream) => Ok(Stream::Boxed(stream)),
        Stream::Plain(stream) => Ok(Stream::Boxed(Box::new(stream))),
    }
}

/// Asks a proxy for a stream.
async fn ask(stream: &mut impl Wire, mut tunnel: Tunnel) -> Result<(), Fault> {
    poll_fn(|context| poll_ask(stream, &mut tunnel, context)).await
}

fn poll_ask(
    stream: &mut impl Wire,
    tunnel: &mut Tunnel,
    context: &mut Context<'_>,
) -> Poll<Result<(), Fault>> {
    let broken = |error: io::Error| Fault::transport(error.to_string());
    let mut buffer = [0; 1024];
    loop {
        while !tunnel.poll_write().is_empty() {
            let bytes = [IoSlice::new(tunnel.poll_write())];
            let n = ready!(stream.poll_write(context, &bytes)).map_err(broken)?;
            if n == 0 {
                return Poll::Ready(Err(broken(ErrorKind::WriteZero.into())));
            }
            tunnel.wrote(n);
        }
        if tunnel.is_open() {
            return Poll::Ready(Ok(()));
        }
        let n = ready!(stream.poll_read(context, &mut buffer)).map_err(broken)?;
        if n == 0 {
            return Poll::Ready(Err(Fault::transport("it ended the stream without an answer")));
        }
        tunnel.read(&buffer[..n])?;
    }
}
