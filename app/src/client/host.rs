//! What clients of one runtime share: the way to the network, and one timer.

use sansocket::client::Endpoint;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use super::client::Client;
use super::clock::Clock;
use super::manager::Manager;
use super::shared::Shared;
use super::stream::Stream;
use crate::dial::dial::dial;
use crate::dial::net::Net;
use crate::runtime::{BoxFuture, Runtime};
use crate::serve::carry::Carry;

/// What clients of one runtime share: the way to the network, and one timer. It ends with its last client, unless
/// the binding keeps it.
pub struct Host<N> {
    net: N,
    clock: Clock,
    this: Weak<Self>,
}

/// A [`Host`] without the type of its network.
pub(super) trait Ground: Send + Sync + 'static {
    fn runtime(&self) -> &dyn Runtime;

    fn clock(&self) -> &Clock;

    /// Opens a stream to a server, and carries what belongs on it.
    fn open(&self, endpoint: Arc<Endpoint>, stream: Stream);
}

impl<N: Net> Host<N> {
    /// Begins without a client.
    #[must_use]
    pub fn start(net: N) -> Arc<Self> {
        let now = net.now();
        let host = Arc::new_cyclic(|this| Self { net, clock: Clock::new(now), this: this.clone() });
        let timers = Timers { host: Arc::downgrade(&host), sleep: None };
        host.net.spawn_timers(Box::pin(timers));
        host
    }

    /// Starts a client, which connects when a namespace is to be joined.
    ///
    /// # Panics
    /// When a name of a namespace is none, when a handler takes a [`State`](crate::State) that
    /// [`Client::manage`] was given no value of, or when the operating system gives no random numbers.
    pub fn open(self: &Arc<Self>, client: Client) -> Manager {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).expect("the operating system gives random numbers");
        self.open_with(client, seed)
    }

    /// The same; masks and what differs between requests follow from `seed`.
    pub(crate) fn open_with(self: &Arc<Self>, client: Client, seed: [u8; 32]) -> Manager {
        Manager::new(Shared::new(self.clone(), client, seed))
    }
}

impl<N: Net> Ground for Host<N> {
    fn runtime(&self) -> &dyn Runtime {
        &self.net
    }

    fn clock(&self) -> &Clock {
        &self.clock
    }

    fn open(&self, endpoint: Arc<Endpoint>, stream: Stream) {
        let Some(host) = self.this.upgrade() else { return };
        self.net.spawn(Box::pin(host.reach(endpoint, stream)));
    }
}

impl<N: Net> Host<N> {
    /// Opens a stream, unless it is given up meanwhile. It is carried in a task of its own, which is smaller.
    async fn reach(self: Arc<Self>, endpoint: Arc<Endpoint>, mut stream: Stream) {
        let dialed = {
            let setup = stream.setup();
            let mut dialing = pin!(dial(&self.net, &endpoint, &setup.way));
            poll_fn(|context| match stream.poll_given_up(context) {
                Poll::Ready(()) => Poll::Ready(None),
                Poll::Pending => dialing.as_mut().poll(context).map(Some),
            })
            .await
        };
        match dialed {
            Some(Ok(wire)) => {
                stream.open();
                self.net.carry(Carry::new(wire, stream));
            }
            Some(Err(fault)) => stream.give_up(fault),
            None => {}
        }
    }
}

impl<N> Drop for Host<N> {
    fn drop(&mut self) {
        // The timers end when they find it gone.
        self.clock.alarm.ring();
    }
}

impl<N> fmt::Debug for Host<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host").finish_non_exhaustive()
    }
}

/// A future that calls each client when something is due, as long as its [`Host`] exists.
struct Timers<N> {
    host: Weak<Host<N>>,
    /// What is slept for, and until when.
    sleep: Option<(BoxFuture<()>, u64)>,
}

impl<N: Net> Future for Timers<N> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let Some(host) = self.host.upgrade() else { return Poll::Ready(()) };
        loop {
            // Registered before looking, so that a deadline set meanwhile is not missed.
            host.clock.alarm.register(context);
            let alarm = host.clock.alarm.due();
            if let Some((sleep, until)) = &mut self.sleep
                && *until <= alarm
                && sleep.as_mut().poll(context).is_pending()
            {
                return Poll::Pending;
            }
            host.clock.alarm.reset();
            let now = host.net.now();
            for client in host.clock.take_due(now) {
                if let Some(client) = client.upgrade() {
                    client.tick(now);
                }
            }
            let Some((due, until)) = host.clock.next() else {
                self.sleep = None;
                return Poll::Pending;
            };
            let wait = due.saturating_duration_since(host.net.now());
            self.sleep = Some((host.net.sleep(wait), until));
        }
    }
}
