//! Redis as a broker.

use std::sync::Arc;

use redis::{ClientTlsConfig, TlsCertificates};
use sansocket_bus::{Broker, BrokerError, Format, Link, run_on_tokio};

use crate::InvalidUrl;
use crate::entries::Positions;
use crate::place::Place;
use crate::session::{self, Channels};

/// Redis or Valkey as the broker of a cluster.
#[derive(Debug)]
pub struct Redis {
    place: Place,
    tls: Option<TlsCertificates>,
    is_sharded: bool,
    positions: Arc<Positions>,
}

impl Redis {
    /// Takes the URL of a server, of a Unix socket, of sentinels or of a Redis Cluster; see the examples of this
    /// crate. Nothing is connected yet.
    ///
    /// # Errors
    /// [`InvalidUrl`] when the URL has another form.
    pub fn new(url: &str) -> Result<Self, InvalidUrl> {
        let place = crate::url::parse(url)?;
        Ok(Self { place, tls: None, is_sharded: false, positions: Arc::default() })
    }

    /// Publishes on sharded channels (`SPUBLISH`), of which a Redis Cluster tells only the servers that have the
    /// slot of the channel. All processes have to do the same. `Format::Sharded` does it anyway.
    #[must_use]
    pub fn sharded(mut self) -> Self {
        self.is_sharded = true;
        self
    }

    /// Trusts these certificate authorities, in PEM, instead of those of the system, for `rediss` URLs.
    #[must_use]
    pub fn root_certificates(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.certificates().root_cert = Some(pem.into());
        self
    }

    /// Shows Redis a certificate, for `rediss` URLs: chain and private key in PEM.
    #[must_use]
    pub fn client_certificate(
        mut self,
        chain: impl Into<Vec<u8>>,
        key: impl Into<Vec<u8>>,
    ) -> Self {
        let (client_cert, client_key) = (chain.into(), key.into());
        self.certificates().client_tls = Some(ClientTlsConfig { client_cert, client_key });
        self
    }

    fn certificates(&mut self) -> &mut TlsCertificates {
        self.tls.get_or_insert(TlsCertificates { client_tls: None, root_cert: None })
    }

    fn channels(&self, format: Format) -> Channels {
        match format {
            Format::Sharded => Channels::Sharded,
            Format::Native if self.is_sharded => Channels::Sharded,
            Format::Python | Format::Classic | Format::Streams | Format::Native => Channels::Plain,
        }
    }
}

impl Broker for Redis {
    fn address(&self) -> String {
        self.place.to_string()
    }

    fn run(&mut self, link: &Link) -> Result<(), BrokerError> {
        run_on_tokio(session::run(
            &self.place,
            self.tls.as_ref(),
            self.channels(link.format()),
            &self.positions,
            link,
        ))
    }
}
