//! An application on its shards.

use sansocket::{Counts, Limits, Link, NodeName};
use sansocket_bus::Broker;
use std::any::{Any, TypeId};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};
use std::time::Duration;

use crate::app::App;
use crate::cluster::bus::Bus;
use crate::cluster::driver::Driver;
use crate::cluster::process::Process;
use crate::hub::dispatch::Latest;
use crate::hub::lives::Lives;
use crate::hub::servers::ServerEvents;
use crate::hub::timers::Timers;
use crate::runtime::Runtime;
use crate::shards::cell::Cell;
use crate::shards::life::Until;
use crate::shards::port::{Port, Quiet};
use crate::shards::shards::Shards;
use crate::sockets::clients::Clients;
use crate::sockets::gate::Gate;
use crate::sockets::io::Io;
use crate::sockets::job::Job;
use crate::sockets::outgoing::OnOutgoing;
use crate::sockets::reach::Reach;

/// A process: its application, and the shards that serve it.
pub struct Hub {
    app: App,
    shards: Shards<Clients>,
    /// Where handlers run.
    threads: Threads,
    /// Whether any handler is [`concurrent`](crate::concurrent).
    concurrent: bool,
    /// Keep the jobs of each shard in line that concern no client.
    gates: Box<[Gate]>,
    pub(super) lives: Lives,
    pub(super) servers: ServerEvents,
    this: Weak<Self>,
}

/// Where handlers run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Threads {
    /// On the threads that carry bytes.
    Shared,
    /// On threads of their own, see [`Runtime::workers`].
    Own,
}

/// Rounds of jobs that one caller does.
const ROUNDS: usize = 16;

impl Hub {
    /// Makes the shards of an application.
    ///
    /// `seed` must be unpredictable: session ids follow from it. `shards` is at least 1; four per
    /// thread keep threads out of each other's way.
    ///
    /// # Panics
    /// When the settings contradict each other, see [`Config::check`](sansocket::Config::check), or a
    /// handler takes a [`State`](crate::State) that [`App::manage`] was given no value of.
    #[must_use]
    pub fn new(app: App, runtime: impl Runtime, shards: u16, seed: [u8; 32]) -> Arc<Self> {
        if let Err(error) = app.config.check() {
            panic!("{error}");
        }
        let app = app.seal();
        let config = Arc::new(app.config.clone());
        let threads = if runtime.workers().is_some() { Threads::Own } else { Threads::Shared };
        let concurrent = app.has_concurrent();
        Arc::new_cyclic(|this: &Weak<Self>| {
            let owner: Weak<dyn Reach> = Weak::<Self>::clone(this);
            let bus = app.cluster.as_ref().map(|cluster| {
                let process: Weak<dyn Process> = Weak::<Self>::clone(this);
                let server = (config.clone(), shards.max(1), seed);
                Bus::new(process, cluster, server, (runtime.now(), app.names()))
            });
            Self {
                app,
                shards: Shards::new(owner, &config, Box::new(runtime), (shards, bus), seed),
                threads,
                concurrent,
                gates: (0..shards.max(1)).map(|_| Gate::default()).collect(),
                lives: Lives::default(),
                servers: ServerEvents::default(),
                this: this.clone(),
            }
        })
    }

    /// Makes the shards of an application with an unpredictable seed, starts its [`Timers`], and the thread of
    /// its broker, if it [joins a cluster](App::cluster).
    ///
    /// # Panics
    /// As [`new`](Self::new), or when the operating system gives no random numbers or no thread.
    #[must_use]
    pub fn start(app: App, runtime: impl Runtime, shards: u16) -> Arc<Self> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).expect("the operating system gives random numbers");
        let hub = Self::new(app, runtime, shards, seed);
        hub.runtime().spawn_timers(Box::pin(Timers::new(&hub)));
        if let Some((broker, end)) = hub.take_broker() {
            let spawned = sansocket_bus::spawn(broker, Arc::new(end));
            spawned.expect("the operating system gives a thread");
        }
        hub
    }

    /// Returns the broker of the application's cluster, if it joined one, and the end of the bus for it: once.
    pub(crate) fn take_broker(&self) -> Option<(Box<dyn Broker>, Driver)> {
        let broker = self.app.cluster.as_ref()?.take_broker()?;
        Some((broker, Driver::new(self.shards.bus()?.clone())))
    }

    /// Returns how many shards suit so many threads: four for each keep threads out of each other's way.
    #[must_use]
    pub fn shards_for(threads: usize) -> u16 {
        match threads {
            0 | 1 => 1,
            threads => u16::try_from((4 * threads.min(256)).next_power_of_two()).unwrap_or(1024),
        }
    }

    /// Returns the runtime.
    #[must_use]
    pub fn runtime(&self) -> &dyn Runtime {
        self.shards.runtime()
    }

    /// Returns how much each shard holds.
    #[must_use]
    pub fn counts(&self) -> Vec<Counts> {
        self.shards.counts()
    }

    /// The bounds of this server, shared with its connections.
    #[must_use]
    pub fn limits(&self) -> &Arc<Limits> {
        self.shards.limits()
    }

    /// Ends the server: no session opens any more, every client is told, and connections end when
    /// they have finished what they were doing, or when `grace` is over: see
    /// [`idle`](Self::idle).
    pub fn stop(&self, grace: Duration) {
        self.shards.stop(grace);
    }

    /// Ends the connections that are left after [`stop`](Self::stop) at once.
    pub fn abort(&self) {
        self.shards.abort();
    }

    /// Waits until the server is told to [`stop`](Self::stop).
    pub fn stopping(&self) -> Until {
        self.shards.stopping()
    }

    /// Waits until there is no connection. After [`stop`](Self::stop), connections that take longer than
    /// its grace are cut off, whether a task waits or not.
    pub fn idle(&self) -> Until {
        self.shards.idle()
    }

    pub(crate) fn app(&self) -> &App {
        &self.app
    }

    pub(crate) fn shards(&self) -> &Shards<Clients> {
        &self.shards
    }

    /// The hub itself, for the handles it makes.
    pub(crate) fn shared(&self) -> Arc<Self> {
        self.this.upgrade().expect("a hub exists while it is used")
    }

    /// Changes a shard on behalf of a connection, then runs the handlers that this calls for, unless
    /// another thread runs those of the shard.
    #[inline]
    pub(crate) fn turn<R>(&self, shard: u16, act: impl FnOnce(&mut Cell<Clients>) -> R) -> R {
        self.shards.turn(shard, act, |jobs| self.dispatch(shard, jobs, None))
    }

    /// The same on behalf of a connection that is being read: it is charged for jobs that may have to
    /// wait.
    #[inline]
    pub(crate) fn turn_of<R>(
        &self,
        shard: u16,
        port: &Arc<Port>,
        act: impl FnOnce(&mut Cell<Clients>) -> R,
    ) -> R {
        let reader = self.shards.pressure(shard).is_felt().then_some(port);
        self.shards.turn_of(shard, reader, act, |jobs| self.dispatch(shard, jobs, Some(port)))
    }

    /// A look at the stream of `link` found nothing to read.
    pub(crate) fn quiet(&self, shard: u16, link: Link, quiet: Quiet) {
        let now = self.runtime().now();
        self.turn(shard, |cell| match quiet {
            Quiet::Silent => cell.server.handle_quiet(now, link),
            Quiet::Excused => cell.server.handle_excused(now, link),
        });
    }

    /// Whether handlers are so far behind with a session, or with its shard, that a body for it
    /// should not be read yet. If so, `port` is rung when that may have changed.
    #[inline]
    pub(crate) fn stops_body(&self, shard: u16, link: Link, port: &Arc<Port>) -> bool {
        let session = || self.shards.with_cell(shard, |cell| cell.weigh(link, port));
        self.shards.pressure(shard).stops_body(port, session)
    }

    /// Whether handlers run on threads of their own.
    #[inline]
    pub(crate) fn is_pooled(&self) -> bool {
        self.threads == Threads::Own
    }

    /// Whether any handler is [`concurrent`](crate::concurrent).
    pub(crate) fn has_concurrent(&self) -> bool {
        self.concurrent
    }

    /// Runs something where handlers may block.
    pub(crate) fn on_worker(&self, work: impl FnOnce() + Send + 'static) {
        let workers = self.runtime().workers().expect("they were there when the hub was made");
        workers.run(Box::new(work));
    }

    /// Keeps the jobs of a shard in line that concern no client.
    pub(crate) fn gate(&self, shard: u16) -> &Gate {
        &self.gates[usize::from(shard)]
    }

    /// Does jobs of a shard until there are no more, or hands them to workers. The caller has the turn, so
    /// no other thread does any meanwhile, which keeps events in order. `reader` is the connection that
    /// brought the jobs, if one did.
    ///
    /// After some rounds the rest goes to a task of its own, because the caller has a connection to
    /// look after.
    fn dispatch(&self, shard: u16, mut jobs: Vec<Job>, mut reader: Option<&Arc<Port>>) {
        for _ in 0..ROUNDS {
            match self.threads {
                Threads::Shared => self.perform_all(shard, &mut jobs),
                Threads::Own => self.hand_out(shard, &mut jobs, reader.take()),
            }
            Job::keep_list(jobs);
            match self.shards.end_turn(shard) {
                Some(more) => jobs = more,
                None => return,
            }
        }
        self.shared().run(shard, jobs);
    }

    /// Does jobs, and leaves the list empty.
    #[inline]
    fn perform_all(&self, shard: u16, jobs: &mut Vec<Job>) {
        // Handlers are caught where they are called; this catches what else may panic, values that
        // are dropped above all, with a handle too, which must not stop the shard. The rest of the jobs goes on.
        let (mut queue, mut latest) = (jobs.iter_mut(), Latest::default());
        let mut rest = || queue.by_ref().for_each(|job| self.perform(shard, job, &mut latest));
        while catch_unwind(AssertUnwindSafe(&mut rest)).is_err() {}
        let _ = catch_unwind(AssertUnwindSafe(|| drop(latest)));
        let _ = catch_unwind(AssertUnwindSafe(|| jobs.clear()));
    }
}

impl Reach for Hub {
    fn shards(&self) -> &Shards<Clients> {
        &self.shards
    }

    fn run(self: Arc<Self>, shard: u16, jobs: Vec<Job>) {
        let hub = self.clone();
        self.runtime().spawn(Box::pin(async move { hub.dispatch(shard, jobs, None) }));
    }

    fn state(&self, kind: TypeId) -> Option<Arc<dyn Any + Send + Sync>> {
        self.app.states.find(kind)
    }

    fn outgoing(&self) -> Option<&OnOutgoing> {
        self.app.on_any_outgoing.as_ref()
    }

    fn node(&self) -> Option<&NodeName> {
        self.app.config.node.as_ref()
    }

    fn param<'a>(&self, place: usize, namespace: &'a str, name: &str) -> Option<&'a str> {
        self.app.get(place)?.entrance.pattern.as_ref()?.param(namespace, name)
    }
}

impl Io {
    /// Makes the handle of a hub; bindings do this.
    #[must_use]
    pub fn new(hub: Arc<Hub>) -> Self {
        Self::over(hub)
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub").field("shards", &self.shards.count()).finish_non_exhaustive()
    }
}
