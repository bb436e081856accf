//! The way to RabbitMQ.

use lapin::uri::AMQPUri;
use lapin::{Connection, ConnectionProperties};
use sansocket_bus::{Broker, BrokerError, Format, Link, run_on_tokio};
use std::fmt;
use std::future::poll_fn;
use std::time::Duration;
use tokio::time::timeout;

use crate::route::Ways;
use crate::session::{Session, needs_redis};

/// How long it may take to connect, to have anything confirmed, and to close.
pub(crate) const DEADLINE: Duration = Duration::from_secs(5);

/// A way to RabbitMQ, for the cluster of an application.
#[derive(Clone)]
pub struct Amqp {
    uri: AMQPUri,
    largest: usize,
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
        Ok(Self { uri, largest: 16 * 1024 * 1024 })
    }

    /// Sets the bytes that a message may have: `max_message_size` of RabbitMQ. Default 16 MiB.
    #[must_use]
    pub fn largest(self, bytes: usize) -> Self {
        Self { largest: bytes, ..self }
    }

    async fn session(&self, link: &Link) -> Result<(), BrokerError> {
        let ways = match link.format() {
            Format::Native => Ways::Direct,
            Format::Python => Ways::Fanout,
            Format::Classic | Format::Sharded | Format::Streams => return Err(needs_redis()),
        };
        let session = tokio::select! {
            session = timeout(DEADLINE, self.begin(link, ways)) => session.map_err(|_| silent())?,
            () = poll_fn(|context| link.poll_closed(context)) => return Ok(()),
        };
        let session = session.map_err(BrokerError::new)?;
        link.connected(Some(self.largest));
        session.run().await
    }

    async fn begin<'l>(&self, link: &'l Link, ways: Ways) -> lapin::Result<Session<'l>> {
        let properties = ConnectionProperties::default().with_connection_name("sansocket".into());
        let connection = Connection::connect_uri(self.uri.clone(), properties).await?;
        Session::begin(connection, link, ways).await
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
    fn passwords_are_not_shown() {
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
