//! The way to Kafka.

use percent_encoding::percent_decode_str;
use rskafka::BackoffConfig;
use rskafka::client::{Client, ClientBuilder, Credentials, SaslConfig};
use sansocket_bus::{Broker, BrokerError, Format, Link, Tls, run_on_tokio};
use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

use crate::reader::Positions;
use crate::session::Session;
use crate::topic::Ways;

/// How long it may take to connect, to find or make a topic, and to have anything confirmed.
pub(crate) const DEADLINE: Duration = Duration::from_secs(5);

/// A way to Kafka, for the cluster of an application.
#[derive(Clone)]
pub struct Kafka {
    servers: Vec<String>,
    transport: Transport,
    tls: Tls,
    user: Option<SaslConfig>,
    largest: usize,
    positions: Positions,
}

#[derive(Clone, Copy, Debug)]
enum Transport {
    Plain,
    Tls,
}

/// What becomes of a request that fails.
#[derive(Clone, Copy, Debug)]
enum Failure {
    /// It is repeated for some seconds: what only reads, or does the same if it is done twice.
    Repeat,
    Report,
}

impl Kafka {
    /// Makes a way to a cluster of Kafka, by the addresses of some of its brokers. Nothing is connected yet.
    ///
    /// # Errors
    /// [`BrokerError`] when it is no address of Kafka.
    pub fn new(url: &str) -> Result<Self, BrokerError> {
        let fault = || BrokerError::new("an address of Kafka is kafka:// or kafkas:// and a host");
        let (scheme, rest) = url.split_once("://").ok_or_else(fault)?;
        let transport = match scheme {
            "kafka" => Transport::Plain,
            "kafkas" => Transport::Tls,
            _ => return Err(fault()),
        };
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let rest = rest.trim_end_matches('/');
        let (user, hosts) = match rest.rsplit_once('@') {
            Some((user, hosts)) => (Some(sasl(user, query)?), hosts),
            None => (None, rest),
        };
        let servers: Option<Vec<_>> = hosts.split(',').map(with_port).collect();
        let servers = servers.ok_or_else(fault)?;
        let (tls, largest, positions) = (Tls::default(), 1_000_000, Positions::default());
        Ok(Self { servers, transport, tls, user, largest, positions })
    }

    /// Sets the bytes that a message may have: somewhat less than `message.max.bytes` of Kafka. Default 1 000 000.
    #[must_use]
    pub fn largest(self, bytes: usize) -> Self {
        Self { largest: bytes, ..self }
    }

    /// Trusts these certificate authorities, in PEM, instead of those of the system, for `kafkas` addresses.
    #[must_use]
    pub fn root_certificates(self, pem: impl Into<Vec<u8>>) -> Self {
        Self { tls: self.tls.root_certificates(pem), ..self }
    }

    /// Shows the brokers a certificate, for `kafkas` addresses: chain and private key in PEM.
    #[must_use]
    pub fn client_certificate(self, chain: impl Into<Vec<u8>>, key: impl Into<Vec<u8>>) -> Self {
        Self { tls: self.tls.client_certificate(chain, key), ..self }
    }

    async fn session(&self, link: &Link) -> Result<(), BrokerError> {
        let ways = match link.format() {
            Format::Native => Ways::Keys,
            Format::Python => Ways::Topics,
            Format::Classic | Format::Sharded | Format::Streams => {
                return Err(BrokerError::new("the format of the cluster needs Redis"));
            }
        };
        let connecting = async {
            // First the one that says at once why it fails.
            let writing = self.connect(Failure::Report).await?;
            Ok((writing, self.connect(Failure::Repeat).await?))
        };
        let (writing, reading) = tokio::select! {
            clients = timeout(DEADLINE, connecting) => clients.map_err(|_| silent())??,
            () = poll_fn(|context| link.poll_closed(context)) => return Ok(()),
        };
        link.connected(Some(self.largest));
        let positions = self.positions.clone();
        Session::new(link, ways, reading, writing, self.largest, positions).run().await
    }

    async fn connect(&self, failure: Failure) -> Result<Client, BrokerError> {
        let deadline = match failure {
            Failure::Repeat => DEADLINE,
            Failure::Report => Duration::ZERO,
        };
        let backoff = BackoffConfig { deadline: Some(deadline), ..BackoffConfig::default() };
        let mut builder = ClientBuilder::new(self.servers.clone());
        builder = builder.client_id("sansocket").backoff_config(backoff);
        if let Some(user) = &self.user {
            builder = builder.sasl_config(user.clone());
        }
        match self.transport {
            Transport::Plain => {}
            Transport::Tls => builder = builder.tls_config(Arc::new(self.tls.config()?)),
        }
        builder.build().await.map_err(BrokerError::new)
    }
}

impl Broker for Kafka {
    fn address(&self) -> String {
        let scheme = match self.transport {
            Transport::Plain => "kafka",
            Transport::Tls => "kafkas",
        };
        format!("{scheme}://{}", self.servers.join(","))
    }

    fn run(&mut self, link: &Link) -> Result<(), BrokerError> {
        run_on_tokio(self.session(link))
    }
}

impl fmt::Debug for Kafka {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kafka").field("address", &self.address()).finish_non_exhaustive()
    }
}

pub(crate) fn silent() -> BrokerError {
    BrokerError::new("the brokers do not answer")
}

fn with_port(host: &str) -> Option<String> {
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, port.parse::<u16>().ok()?),
        _ => (host, 9092),
    };
    (!name.is_empty()).then(|| format!("{name}:{port}"))
}

fn sasl(user: &str, query: &str) -> Result<SaslConfig, BrokerError> {
    let decoded = |text| {
        let text = percent_decode_str(text).decode_utf8();
        text.map(|text| text.into_owned()).map_err(BrokerError::new)
    };
    let (name, password) = user.split_once(':').unwrap_or((user, ""));
    let credentials = Credentials::new(decoded(name)?, decoded(password)?);
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let mechanism = pairs.find(|(key, _)| *key == "mechanism").map_or("PLAIN", |(_, value)| value);
    match mechanism {
        "PLAIN" => Ok(SaslConfig::Plain(credentials)),
        "SCRAM-SHA-256" => Ok(SaslConfig::ScramSha256(credentials)),
        "SCRAM-SHA-512" => Ok(SaslConfig::ScramSha512(credentials)),
        _ => Err(BrokerError::new("the mechanism is PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512")),
    }
}

#[cfg(test)]
mod tests {
    use super::Kafka;
    use sansocket_bus::Broker as _;

    #[test]
    fn an_address_may_have_several_hosts_and_a_user() {
        let kafka = Kafka::new("kafkas://me:p%40ss@one,[::1],two:9093/?mechanism=SCRAM-SHA-256");
        let kafka = kafka.unwrap();
        assert_eq!(kafka.address(), "kafkas://one:9092,[::1]:9092,two:9093");
        assert!(kafka.user.is_some());
        assert!(!format!("{kafka:?}").contains("p@ss"));
    }

    #[test]
    fn what_is_no_address_of_kafka_is_refused() {
        let urls = ["redis://host", "kafka://", "kafka://host:port", "kafka://one,", "host", ""];
        for url in urls.into_iter().chain(["kafka://me:pw@host?mechanism=GSSAPI"]) {
            assert!(Kafka::new(url).is_err(), "{url}");
        }
    }
}
