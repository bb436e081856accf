//! The way to NATS.

use async_nats::{Client, ConnectOptions, ServerAddr};
use percent_encoding::percent_decode_str;
use sansocket_bus::{Broker, BrokerError, Format, Link, Tls, choose_cryptography, run_on_tokio};
use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;

use crate::news::News;
use crate::session::{DEADLINE, Session, needs_redis};

/// The library connects again by itself, and forgets nothing it was told; both are done elsewhere. So it waits for
/// longer than anybody waits for it.
const NEVER: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Messages that the library takes before it has written the earlier ones.
const AHEAD: usize = 64;

/// Messages of a subscription that the library keeps until they are handed over, and drops beyond: more than it reads
/// in one go, 128 times 64 KiB of messages that have 27 bytes at least with their head. All of them are handed over
/// before it reads on.
const WAITING: usize = 512 * 1024;

/// A way to NATS, for the cluster of an application.
#[derive(Clone)]
pub struct Nats {
    servers: Vec<ServerAddr>,
    user: Option<User>,
    /// That of the options, unless it was set here.
    tls: Option<Tls>,
    options: ConnectOptions,
}

#[derive(Clone)]
enum User {
    Named { name: String, password: String },
    Token(String),
}

impl Nats {
    /// Makes a way to the server at an address, or to the first of several that answers. Nothing is connected yet.
    ///
    /// # Errors
    /// [`BrokerError`] when it is no address of NATS.
    pub fn new(url: &str) -> Result<Self, BrokerError> {
        let (scheme, _) = url.split_once("://").unwrap_or(("nats", url));
        let (servers, options) = (Vec::new(), ConnectOptions::new());
        let mut nats = Self { servers, user: None, tls: None, options };
        for address in url.split(',') {
            let is_whole = address.contains("://");
            let address = if is_whole { address } else { &format!("{scheme}://{address}") };
            nats.add(address.parse().map_err(BrokerError::new)?)?;
        }
        Ok(nats)
    }

    /// Trusts these certificate authorities, in PEM, instead of those of the system.
    #[must_use]
    pub fn root_certificates(self, pem: impl Into<Vec<u8>>) -> Self {
        let tls = self.tls.unwrap_or_default().root_certificates(pem);
        Self { tls: Some(tls), ..self }
    }

    /// Shows the servers a certificate: chain and private key in PEM.
    #[must_use]
    pub fn client_certificate(self, chain: impl Into<Vec<u8>>, key: impl Into<Vec<u8>>) -> Self {
        let tls = self.tls.unwrap_or_default().client_certificate(chain, key);
        Self { tls: Some(tls), ..self }
    }

    /// Sets what the address does not say: an NKEY or the credentials of a user, for one. Names, passwords and servers
    /// of the address, and certificates that are set here, go before those of the options.
    ///
    /// How to connect again, what to do with events and the capacities are overwritten: these are the cluster's.
    #[must_use]
    pub fn options(self, options: ConnectOptions) -> Self {
        Self { options, ..self }
    }

    fn add(&mut self, server: ServerAddr) -> Result<(), BrokerError> {
        if server.host().is_empty() || server.is_websocket() {
            return Err(BrokerError::new("an address of NATS is nats:// or tls:// and a host"));
        }
        if let Some(name) = server.username() {
            let name = decoded(name)?;
            self.user = Some(match server.password() {
                Some(password) => User::Named { name, password: decoded(password)? },
                None => User::Token(name),
            });
        }
        let mut url = server.into_inner();
        let is_bare = url.set_username("").and_then(|()| url.set_password(None));
        is_bare.map_err(|()| BrokerError::new("an address without a host"))?;
        self.servers.push(ServerAddr::from_url(url).map_err(BrokerError::new)?);
        Ok(())
    }

    async fn session(&self, link: &Link) -> Result<(), BrokerError> {
        match link.format() {
            Format::Native | Format::Python => {}
            Format::Classic | Format::Sharded | Format::Streams => return Err(needs_redis()),
        }
        let (tell, news) = mpsc::unbounded_channel();
        let client = tokio::select! {
            client = self.connect(tell) => client?,
            () = poll_fn(|context| link.poll_closed(context)) => return Ok(()),
        };
        Session::begin(client, link).await?.run(news).await
    }

    async fn connect(&self, tell: mpsc::UnboundedSender<News>) -> Result<Client, BrokerError> {
        let is_first = Arc::new(AtomicBool::new(true));
        let is_connecting = Arc::clone(&is_first);
        let mut options = self.options.clone();
        choose_cryptography();
        if let Some(tls) = &self.tls {
            options = options.tls_client_config(tls.config()?);
        }
        options = match self.user.clone() {
            Some(User::Named { name, password }) => options.user_and_password(name, password),
            Some(User::Token(token)) => options.token(token),
            None => options,
        };
        let options = options
            .connection_timeout(DEADLINE)
            .max_reconnects(None)
            .reconnect_delay_callback(move |_| {
                if is_connecting.load(Ordering::Relaxed) { Duration::ZERO } else { NEVER }
            })
            .client_capacity(AHEAD)
            .subscription_capacity(WAITING)
            .skip_subject_validation(true)
            .event_callback(move |event| {
                if let Some(news) = News::of(&event) {
                    // Nobody listens once the connection was given up.
                    let _ = tell.send(news);
                }
                std::future::ready(())
            });
        let client = options.connect(&self.servers[..]).await.map_err(BrokerError::new)?;
        is_first.store(false, Ordering::Relaxed);
        Ok(client)
    }
}

impl Broker for Nats {
    fn address(&self) -> String {
        let servers: Vec<_> = self.servers.iter().map(ServerAddr::as_url_str).collect();
        servers.join(",")
    }

    fn run(&mut self, link: &Link) -> Result<(), BrokerError> {
        run_on_tokio(self.session(link))
    }
}

impl fmt::Debug for Nats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Nats").field("address", &self.address()).finish_non_exhaustive()
    }
}

fn decoded(text: &str) -> Result<String, BrokerError> {
    let text = percent_decode_str(text).decode_utf8();
    text.map(|text| text.into_owned()).map_err(BrokerError::new)
}

#[cfg(test)]
mod tests {
    use super::{Nats, User};
    use sansocket_bus::Broker as _;

    #[test]
    fn an_address_may_have_several_hosts_and_a_user() {
        let nats = Nats::new("tls://me:p%40ss@one,two:4333").unwrap();
        assert_eq!(nats.address(), "tls://one,tls://two:4333");
        let Some(User::Named { name, password }) = &nats.user else { panic!("no user") };
        assert_eq!((&**name, &**password), ("me", "p@ss"));
        assert!(!format!("{nats:?}").contains("p@ss"));
    }

    #[test]
    fn a_name_alone_is_a_token() {
        let nats = Nats::new("nats://s3cret@host").unwrap();
        assert!(matches!(&nats.user, Some(User::Token(token)) if token == "s3cret"));
        assert_eq!(nats.address(), "nats://host");
    }

    #[test]
    fn what_is_no_address_of_nats_is_refused() {
        for url in ["redis://host", "nats://", "nats://me:%ff@host", "nats://host:port", ""] {
            assert!(Nats::new(url).is_err(), "{url}");
        }
    }
}
