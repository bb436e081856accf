//! The UDP socket that sessions come in through.

use sansocket_tokio::Server;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs, UdpSocket};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::timeout;
use web_transport_quinn::quinn::{self, EndpointConfig, TokioRuntime, TransportConfig, VarInt};

use crate::certificate::{Certificate, CertificateError};
use crate::session;

/// Takes WebTransport sessions in over HTTP/3. Clones share the socket.
#[derive(Clone, Debug)]
pub struct Endpoint(quinn::Endpoint);

/// Sessions from which on a client has to prove its address first, at the cost of a round trip. As many
/// handshakes may wait.
const MANY: usize = 1024;

/// Bytes in flight per stream, in each direction, which bounds what a peer can have kept here.
const WINDOW: u32 = 256 * 1024;

/// Streams of a kind that a client may have open: HTTP/3 takes one and three of them, a session one more.
const STREAMS: u32 = 8;

/// How long clients may take to confirm the end of their session once the server has stopped.
const FAREWELL: Duration = Duration::from_secs(3);

/// Silence after which a connection is lost. Both ends ask for signs of life more often than that.
const IDLE: Duration = Duration::from_secs(30);

impl Endpoint {
    /// Listens on a UDP port, within a runtime of tokio.
    ///
    /// # Errors
    /// When the address cannot be listened on, or the certificate cannot be used, which is a
    /// [`CertificateError`] inside.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn bind(address: impl ToSocketAddrs, certificate: &Certificate) -> io::Result<Self> {
        let config = config(certificate).map_err(io::Error::other)?;
        let socket = UdpSocket::bind(&*address.to_socket_addrs()?.collect::<Vec<_>>())?;
        let runtime = Arc::new(TokioRuntime);
        quinn::Endpoint::new(EndpointConfig::default(), Some(config), socket, runtime).map(Self)
    }

    /// Returns the address that is listened on.
    ///
    /// # Errors
    /// Those of the operating system.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    /// Greets new clients with another certificate; nobody is disconnected.
    ///
    /// # Errors
    /// When it cannot be used: then the one in use stays in use.
    pub fn reload(&self, certificate: &Certificate) -> Result<(), CertificateError> {
        self.0.set_server_config(Some(config(certificate)?));
        Ok(())
    }

    /// Takes sessions in for a server until [`stop`](sansocket_tokio::Io::stop), and returns when every
    /// connection has ended.
    ///
    /// The settings of the server must have
    /// [`Transports::webtransport`](sansocket_tokio::Transports::webtransport) on: otherwise all sessions are
    /// refused, as are those outside of its path and those of pages that may not connect.
    ///
    /// # Errors
    /// When the endpoint serves no longer, since another server that it served has stopped.
    ///
    /// # Cancel safety
    /// Dropping the future ends the sessions that came in through it.
    pub async fn serve(&self, server: &Server) -> io::Result<()> {
        let hub = server.hub();
        let (mut stopping, mut sessions) = (hub.stopping(), JoinSet::new());
        loop {
            tokio::select! {
                () = &mut stopping => break,
                Some(_) = sessions.join_next() => {}
                incoming = self.0.accept() => match incoming {
                    None => return Err(io::ErrorKind::NotConnected.into()),
                    Some(incoming) if sessions.len() >= MANY
                        && !incoming.remote_address_validated() && incoming.may_retry() =>
                    {
                        // What was accepted meanwhile need not be tried again.
                        let _ = incoming.retry();
                    }
                    Some(incoming) => {
                        sessions.spawn(session::serve(hub.clone(), incoming));
                    }
                },
            }
        }
        hub.idle().await;
        // Whoever is late hears of the end when the socket closes.
        let _ = timeout(FAREWELL, async { while sessions.join_next().await.is_some() {} }).await;
        self.0.close(VarInt::from_u32(0), b"");
        self.0.wait_idle().await;
        Ok(())
    }
}

fn config(certificate: &Certificate) -> Result<quinn::ServerConfig, CertificateError> {
    let mut config = quinn::ServerConfig::with_crypto(Arc::new(certificate.config()?));
    config.max_incoming(MANY).transport_config(Arc::new(transport()));
    Ok(config)
}

/// What a client may make this end keep.
fn transport() -> TransportConfig {
    let mut transport = TransportConfig::default();
    transport
        .max_concurrent_bidi_streams(STREAMS.into())
        .max_concurrent_uni_streams(STREAMS.into())
        .stream_receive_window(WINDOW.into())
        .receive_window((2 * WINDOW).into())
        .send_window(u64::from(WINDOW))
        // Browsers want datagrams to be there, and none is used.
        .datagram_receive_buffer_size(Some(2048))
        .datagram_send_buffer_size(2048)
        .max_idle_timeout(IDLE.try_into().ok())
        .keep_alive_interval(Some(IDLE / 3));
    transport
}
