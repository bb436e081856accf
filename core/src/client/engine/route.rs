//! Where the requests of an attempt go: by which transport, and to which host after redirects.

use std::sync::Arc;

use crate::client::config::{Config, Transport};
use crate::client::endpoint::Endpoint;

/// Where the requests of an attempt go.
#[derive(Debug)]
pub(in crate::client) struct Route {
    pub(in crate::client) endpoint: Arc<Endpoint>,
    /// Redirects that were followed.
    hops: u8,
    /// The place of the transport in the list.
    at: u8,
    /// What the place was chosen by.
    choice: Choice,
}

/// How a transport was chosen.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Choice {
    /// By the order of the list.
    Order,
    /// Because the session before was on a WebSocket.
    Memory,
}

impl Route {
    /// The first route of an attempt.
    pub(in crate::client) fn new(config: &Config, remembered: bool) -> Self {
        let place = config.transports.iter().position(|&one| one == Transport::WebSocket);
        let place = place.filter(|_| remembered && config.remember_upgrade);
        let at = place.and_then(|at| u8::try_from(at).ok());
        let choice = if at.is_some() { Choice::Memory } else { Choice::Order };
        let endpoint = config.endpoint.clone();
        Self { endpoint, hops: 0, at: at.unwrap_or(0), choice }
    }

    pub(in crate::client) fn transport(&self, config: &Config) -> Option<Transport> {
        config.transport(self.at.into())
    }

    /// Goes on to the next transport, if there is another.
    pub(in crate::client) fn next(&mut self, config: &Config) -> bool {
        let next = match self.choice {
            Choice::Memory if self.at > 0 => 0,
            Choice::Memory | Choice::Order => self.at + 1,
        };
        let there = config.try_all && config.transport(next.into()).is_some();
        if there {
            (self.at, self.choice) = (next, Choice::Order);
        }
        there
    }

    /// Whether a redirect leads somewhere: if so, the requests of this attempt go there.
    pub(in crate::client) fn redirect(&mut self, config: &Config, location: &str) -> bool {
        if self.hops >= config.redirects {
            return false;
        }
        let next = self.endpoint.resolve(self.path(config), location);
        let Some(next) = next else { return false };
        self.hops += 1;
        self.endpoint = Arc::new(next);
        true
    }

    /// The path of the requests.
    pub(in crate::client) fn path<'a>(&'a self, config: &'a Config) -> &'a str {
        if self.hops > 0 { self.endpoint.path() } else { &config.path }
    }

    /// Whether redirects were followed: the query is that of the last one.
    pub(in crate::client) fn is_redirected(&self) -> bool {
        self.hops > 0
    }

    /// Whether the host is the one that the application named: others get no secrets of its.
    pub(in crate::client) fn is_trusted(&self, config: &Config) -> bool {
        self.endpoint.is_same_host(&config.endpoint)
    }
}
