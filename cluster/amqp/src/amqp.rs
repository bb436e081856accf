//! The way to RabbitMQ.

use lapin::tcp::{AMQPUriTcpExt as _, RustlsConnector};
use lapin::uri::{AMQPScheme, AMQPUri};
use lapin::{Connection, ConnectionProperties};
use sansocket_bus::{Broker, BrokerError, Format, Link, Tls, run_on_tokio};
use std::fmt;
use std::future::poll_fn;
use std::time::Duration;
use tokio::time::timeout;

use crate::queue::Queue;
use crate::route::Ways;
use crate::session::{Session, needs_redis};

/// How long it may take to connect, to have anything confirmed, and to close.
pub(crate) const DEADLINE: Duration = Duration::from_secs(5);

/// A way to RabbitMQ, for the cluster of an application.
#[derive(Clone)]
pub struct Amqp {
    uri: AMQPUri,
    tls: Tls,
    largest: usize,
    /// That of the last connection.
    queue: Option<Queue>,
}

impl Amqp {
    /// Makes a way to the server at an address. Nothing is connected yet.
    ///
    /// # Errors
    /// [`BrokerError`] when it is no address of AMQP.
    pub fn new(url: &str) -> Result<Self, BrokerError> {
        let (_, host) = url.split_once("://").unwrap_or_default();
        let host = host.split('/').next().unwrap_or_default();
        if host.is_empty() || host.contains('[') {
            return Err(BrokerError::new("an address of AMQP is amqp:// or amqps:// and a host"));
        }
        let mut uri: AMQPUri = url.parse().map_err(|why: String| BrokerError::new(why))?;
        if uri.vhost.is_empty() {
            uri.vhost.push('/');
        }
        Ok(Self { uri, tls: Tls::default(), largest: 16 * 1024 * 1024, queue: None })
    }

    /// Sets the bytes that a message may have: `max_message_size` of RabbitMQ. Default 16 MiB.
    #[must_use]
    pub fn largest(self, bytes: usize) -> Self {
        Self { largest: bytes, ..self }
    }

    /// Trusts these certificate authorities, in PEM, instead of those of the system, for `amqps` addresses.
    #[must_use]
    pub fn root_certificates(self, pem: impl Into<Vec<u8>>) -> Self {
        Self { tls: self.tls.root_certificates(pem), ..self }
    }

    /// Shows RabbitMQ a certificate, for `amqps` addresses: chain and private key in PEM.
    #[must_use]
    pub fn client_certificate(self, chain: impl Into<Vec<u8>>, key: impl Into<Vec<u8>>) -> Self {
        Self { tls: self.tls.client_certificate(chain, key), ..self }
    }

    async fn session(&mut self, link: &Link) -> Result<(), BrokerError> {
        let ways = match link.format() {
            Format::Native => Ways::Direct,
            Format::Python => Ways::Fanout,
            Format::Classic | Format::Sharded | Format::Streams => return Err(needs_redis()),
        };
        let largest = self.largest;
        let session = tokio::select! {
            session = timeout(DEADLINE, self.begin(link, ways)) => session.map_err(|_| silent())?,
            () = poll_fn(|context| link.poll_closed(context)) => return Ok(()),
        };
        let session = session?;
        link.connected(Some(largest));
        session.run().await
    }

    async fn begin<'l>(
        &'l mut self,
        link: &'l Link,
        ways: Ways,
    ) -> Result<Session<'l>, BrokerError> {
        let connection = self.connect().await?;
        let queue = self.queue.get_or_insert_with(|| Queue::new(ways));
        Session::begin(connection, link, ways, queue).await.map_err(BrokerError::new)
    }

    async fn connect(&self) -> Result<Connection, BrokerError> {
        let properties = ConnectionProperties::default().with_connection_name("sansocket".into());
        let uri = self.uri.clone();
        let connection = match uri.scheme {
            AMQPScheme::AMQP => Connection::connect_uri(uri, properties).await,
            AMQPScheme::AMQPS => {
                let connector = RustlsConnector::from(self.tls.config()?);
                let runtime = lapin::runtime::default_runtime().map_err(BrokerError::new)?;
                // The library would trust the authorities of the system in any case.
                Connection::connector(
                    uri,
                    runtime,
                    async move |uri: AMQPUri, runtime| {
                        let plain = AMQPUri { scheme: AMQPScheme::AMQP, ..uri };
                        let stream = plain.connect_async(&runtime).await?;
                        Ok(stream.into_rustls(&connector, &plain.authority.host).await?)
                    },
                    properties,
                )
                .await
            }
        };
        connection.map_err(BrokerError::new)
    }
}

impl Broker for Amqp {
    fn address(&self) -> String {
        let AMQPUri { scheme, authority, vhost, .. } = &self.uri;
        format!(
            "{scheme}://{}:{}/{}",
            authority.host,
            authority.port,
            vhost.trim_start_matches('/')
        )
    }

    fn run(&mut self, link: &Link) -> Result<(), BrokerError> {
        run_on_tokio(self.session(link))
    }
}

impl fmt::Debug for Amqp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Amqp").field("address", &self.address()).finish_non_exhaustive()
    }
}

pub(crate) fn silent() -> BrokerError {
    BrokerError::new("the server does not answer")
}

#[cfg(test)]
mod tests {
    use super::Amqp;
    use sansocket_bus::Broker as _;

    #[test]
    fn the_virtual_host_may_be_written_as_python_writes_it() {
        for url in ["amqp://host", "amqp://host/", "amqp://host//", "amqp://me:pw@host:5672/%2f"] {
            let amqp = Amqp::new(url).unwrap();
            assert_eq!(amqp.uri.vhost, "/", "{url}");
            assert_eq!(amqp.address(), "amqp://host:5672/", "{url}");
        }
        assert_eq!(Amqp::new("amqps://host/mine").unwrap().address(), "amqps://host:5671/mine");
    }

    #[test]
    fn f11_passwords_are_not_shown() {
        let amqp = Amqp::new("amqp://me:p%40ss@host").unwrap();
        assert_eq!(amqp.uri.authority.userinfo.password, "p@ss");
        assert!(!format!("{amqp:?}").contains("p@ss"));
    }

    #[test]
    fn what_is_no_address_of_amqp_is_refused() {
        for url in ["redis://host", "amqp://", "amqp://[::1]", "amqp://host:port", ""] {
            assert!(Amqp::new(url).is_err(), "{url}");
        }
    }
}
