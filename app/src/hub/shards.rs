//! The shards of a process behind their locks, and the one way to reach them.
//!
//! Every change of a shard goes through [`Hub::with`] or [`Hub::turn`]: lock, act, collect what the
//! act produced, unlock, and only then wake connections, carry messages to other shards and run
//! handlers. No two shard locks are ever held at once, and no handler runs under one.

use atomic_waker::AtomicWaker;
use sansocket::cluster::{self, Destination};
use sansocket::{Counts, Limits, Link, Server, Shard, Usage};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use crate::answers::drain::Draining;
use crate::answers::waiting::Questions;
use crate::app::App;
use crate::hub::budget::Budget;
use crate::hub::gate::Gate;
use crate::hub::job::Job;
use crate::hub::life::{Life, Until};
use crate::hub::port::{Port, SOME};
use crate::log::log;
use crate::log::quota::Quota;
use crate::runtime::Runtime;
use crate::serve::watch::{Micros, NEVER, Watch};
use crate::sockets::socket::Socket;

/// A process: its shards, its application and its runtime.
pub struct Hub {
    app: App,
    runtime: Box<dyn Runtime>,
    /// Whether the runtime has threads for handlers.
    pub(crate) pooled: bool,
    limits: Arc<Limits>,
    lanes: Box<[Lane]>,
    budget: Budget,
    /// Which shard the next connection starts on.
    home: AtomicU16,
    birth: Instant,
    /// When the timers will look next, in microseconds since birth.
    alarm: AtomicU64,
    timers: AtomicWaker,
    watch: Watch,
    quota: Quota,
    life: Life,
    this: Weak<Self>,
}

/// One shard and what other shards left for it.
struct Lane {
    cell: Mutex<Cell>,
    inbox: Mutex<Vec<cluster::Message>>,
    /// Whether the inbox holds something: spares the lock when it does not.
    mail: AtomicBool,
    /// About the memory of the jobs that wait behind the ones at hand, at gates and for workers, in
    /// bytes.
    waiting: AtomicUsize,
    /// Keeps what concerns no client in line.
    gate: Gate,
}

/// A shard with what the application layer knows of it.
pub(crate) struct Cell {
    pub(crate) server: Server,
    /// What it told of what it holds.
    told: Usage,
    /// The connections by link.
    ports: Vec<Option<(Link, Arc<Port>)>>,
    /// The clients by key.
    pub(crate) sockets: Vec<Option<Socket>>,
    pub(crate) questions: Questions,
    pub(crate) draining: Draining,
    /// Work for handlers, in order. Bounded by connections not being read beyond [`MOST`] bytes.
    pub(crate) jobs: Vec<Job>,
    /// How many of these are left for who runs handlers, and count as waiting.
    left: usize,
    /// About the memory of those, in bytes.
    left_bytes: usize,
    /// Connections that wait for handlers to catch up.
    stalled: Vec<Arc<Port>>,
    /// The connection that is being read, when its events may have to wait.
    pub(crate) reader: Option<Arc<Port>>,
    /// Whether somebody is running handlers of this shard.
    dispatching: bool,
}

/// What is to be done once the lock is released; mostly nothing, or handlers to be run.
#[derive(Default)]
struct Aftermath {
    /// Work for handlers that falls to whoever asked.
    jobs: Option<Vec<Job>>,
    calls: Option<Box<Calls>>,
}

/// Who is to be woken, which shards have mail, and whether all of them have to give way.
#[derive(Default)]
struct Calls {
    ports: Vec<Arc<Port>>,
    wakers: Vec<Waker>,
    lanes: Vec<u16>,
    /// Whether the process holds more than it may.
    over: bool,
}

impl Aftermath {
    fn calls(&mut self) -> &mut Calls {
        self.calls.get_or_insert_default()
    }
}

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
        let count = shards.max(1);
        if let Err(error) = app.config.check() {
            panic!("{error}");
        }
        let (app, now) = (app.seal(), runtime.now());
        let config = Arc::new(app.config.clone());
        let lane = |index| Lane {
            cell: Mutex::new(Cell {
                server: Server::new(config.clone(), Shard { index, count }, seed, now),
                told: Usage::default(),
                ports: Vec::new(),
                sockets: Vec::new(),
                questions: Questions::default(),
                draining: Draining::default(),
                jobs: Vec::new(),
                left: 0,
                left_bytes: 0,
                stalled: Vec::new(),
                reader: None,
                dispatching: false,
            }),
            inbox: Mutex::new(Vec::new()),
            mail: AtomicBool::new(false),
            waiting: AtomicUsize::new(0),
            gate: Gate::default(),
        };
        Arc::new_cyclic(|this| Self {
            limits: Arc::new(app.config.limits.clone()),
            budget: Budget::new(&app.config.limits, count),
            app,
            pooled: runtime.workers().is_some(),
            runtime: Box::new(runtime),
            lanes: (0..count).map(lane).collect(),
            home: AtomicU16::new(0),
            birth: now,
            alarm: AtomicU64::new(u64::MAX),
            timers: AtomicWaker::new(),
            watch: Watch::default(),
            quota: Quota::default(),
            life: Life::default(),
            this: this.clone(),
        })
    }

    /// Returns the runtime.
    #[must_use]
    pub fn runtime(&self) -> &dyn Runtime {
        &*self.runtime
    }

    /// Returns how much each shard holds.
    #[must_use]
    pub fn counts(&self) -> Vec<Counts> {
        self.lanes.iter().map(|lane| lane.lock().server.counts()).collect()
    }

    /// Closes every session; clients will try to reconnect.
    pub(crate) fn close(&self) {
        let now = self.runtime.now();
        for shard in 0..self.count() {
            self.with(shard, |server| server.shutdown(now));
        }
    }

    /// Ends the server: no session opens any more, every client is told, and connections end when
    /// they have finished what they were doing, or when `grace` is over: see
    /// [`idle`](Self::idle).
    pub fn stop(&self, grace: Duration) {
        let due = self.runtime.now().checked_add(grace);
        self.life.stop(due.map_or(NEVER, |due| self.micros(due)));
        self.set_alarm(self.life.cut_off());
        self.close();
        self.ring(self.watch.all());
    }

    /// Ends the connections that are left after [`stop`](Self::stop) without further ado.
    pub fn abort(&self) {
        self.life.abort();
        for lane in &self.lanes {
            let ports = lane.lock().ports.iter().flatten().map(|(_, port)| port.clone()).collect();
            self.ring(ports);
        }
        self.ring(self.watch.all());
    }

    /// Waits until somebody calls [`stop`](Self::stop).
    pub fn stopping(&self) -> Until {
        Until::stopping(self.shared())
    }

    /// Waits until there is no connection. After [`stop`](Self::stop) those that take longer than its
    /// grace are cut off, whether somebody waits or not.
    pub fn idle(&self) -> Until {
        Until::idle(self.shared())
    }

    /// The lines that clients may cause in a log.
    pub(crate) fn quota(&self) -> &Quota {
        &self.quota
    }

    pub(crate) fn life(&self) -> &Life {
        &self.life
    }

    pub(crate) fn app(&self) -> &App {
        &self.app
    }

    /// The bounds of this server, shared with its connections.
    #[must_use]
    pub fn limits(&self) -> &Arc<Limits> {
        &self.limits
    }

    /// The hub itself, for those it makes.
    pub(crate) fn shared(&self) -> Arc<Self> {
        self.this.upgrade().expect("a hub exists while it is used")
    }

    /// The shard a new connection starts on.
    pub(crate) fn next_home(&self) -> u16 {
        self.home.fetch_add(1, Ordering::Relaxed) % self.count()
    }

    /// Changes a shard on behalf of the application. Handlers never run inside: what they have to do
    /// is left to whoever runs them, or to a new task.
    pub(crate) fn with<R>(&self, shard: u16, act: impl FnOnce(&mut Server) -> R) -> R {
        self.with_cell(shard, |cell| act(&mut cell.server))
    }

    /// Changes a shard on behalf of a connection or the clock, then runs the handlers that this
    /// calls for, unless somebody is running them already.
    pub(crate) fn turn<R>(&self, shard: u16, act: impl FnOnce(&mut Cell) -> R) -> R {
        self.act(shard, act, |Aftermath { jobs, calls }| {
            self.carry_out(calls);
            if let Some(jobs) = jobs {
                self.dispatch(shard, jobs);
            }
        })
    }

    /// The same on behalf of a connection that is being read.
    #[inline]
    pub(crate) fn turn_of<R>(
        &self,
        shard: u16,
        port: &Arc<Port>,
        act: impl FnOnce(&mut Cell) -> R,
    ) -> R {
        let waiting = &self.lanes[usize::from(shard)].waiting;
        let may_wait = self.pooled || waiting.load(Ordering::Relaxed) > 0;
        self.turn(shard, |cell| {
            if may_wait {
                cell.reader = Some(port.clone());
            }
            act(cell)
        })
    }

    /// Whether handlers of a shard are behind, so that no more should be read for them; `port` is
    /// rung when they have caught up.
    #[inline]
    pub(crate) fn is_behind(&self, shard: u16, port: &Arc<Port>) -> bool {
        let lane = &self.lanes[usize::from(shard)];
        port.waits_too_long() || lane.waits_too_long() && lane.list_stalled(port)
    }

    /// Whether handlers are so far behind with a session, or with its shard, that a body for it
    /// should not be read yet; `port` is rung when that may have changed.
    #[inline]
    pub(crate) fn is_full(&self, shard: u16, link: Link, port: &Arc<Port>) -> bool {
        let lane = &self.lanes[usize::from(shard)];
        // What waits for a session waits for its shard, too.
        lane.waiting.load(Ordering::Acquire) > SOME as usize
            && (self.is_behind(shard, port) || lane.lock().weigh(link, port) > SOME as usize)
    }

    /// Whether handlers run on threads of their own.
    pub(crate) fn is_pooled(&self) -> bool {
        self.pooled
    }

    /// Runs something where handlers may block.
    pub(crate) fn on_worker(&self, work: impl FnOnce() + Send + 'static) {
        let workers = self.runtime.workers().expect("they were there when the hub was made");
        workers.run(Box::new(work));
    }

    /// Keeps the jobs of a shard in line that concern no client.
    pub(crate) fn gate(&self, shard: u16) -> &Gate {
        &self.lanes[usize::from(shard)].gate
    }

    /// Counts what waits at a gate or for a worker, in bytes.
    pub(crate) fn add_waiting(&self, shard: u16, weight: usize) {
        self.lanes[usize::from(shard)].waiting.fetch_add(weight, Ordering::AcqRel);
    }

    /// Counts what waits no more, and rings connections when this means that handlers have caught
    /// up.
    pub(crate) fn end_waiting(&self, shard: u16, weight: usize) {
        let lane = &self.lanes[usize::from(shard)];
        let before = lane.waiting.fetch_sub(weight, Ordering::AcqRel);
        if before > MOST && before - weight <= MOST {
            let mut after = Aftermath::default();
            lane.lock().ring_stalled(&mut after);
            self.carry_out(after.calls);
        }
    }

    /// Does what is due in every shard and returns how long there is nothing to do, with the alarm
    /// that this follows from.
    pub(crate) fn run_timers(&self) -> Option<(Duration, u64)> {
        self.alarm.store(u64::MAX, Ordering::SeqCst);
        let (now, mut asked) = (self.runtime.now(), Vec::new());
        for shard in 0..self.count() {
            // Handlers are left to tasks of their own: a slow one must not hold up the clock.
            self.with_cell(shard, |cell| {
                self.hear(cell);
                cell.server.catch_up(now);
                cell.ask_overdue(now, &mut asked);
                if let Some(due) = cell.server.poll_timeout() {
                    self.set_alarm(self.micros(due));
                }
            });
        }
        asked.iter().for_each(|port| port.wake());
        self.ring(self.watch.due(self.micros(now)));
        self.set_alarm(self.watch.next());
        self.log_left_out(self.micros(now));
        match self.life.cut_off() {
            due if due <= self.micros(now) => self.abort(),
            due => self.set_alarm(due),
        }
        let alarm = self.alarm.load(Ordering::SeqCst);
        (alarm != u64::MAX).then(|| {
            let due = self.birth + Duration::from_micros(alarm);
            (due.saturating_duration_since(self.runtime.now()), alarm)
        })
    }

    /// Registers whoever runs the timers.
    pub(crate) fn register_timers(&self, context: &Context<'_>) {
        self.timers.register(context.waker());
    }

    /// When the timers must look, as a number that only [`Hub`] can read.
    pub(crate) fn alarm(&self) -> u64 {
        self.alarm.load(Ordering::SeqCst)
    }

    /// Runs handlers of a shard until there is nothing more for them to do. Meanwhile nobody else
    /// does, which keeps events in order.
    ///
    /// After some rounds the rest goes to a task of its own, because the caller has a connection to
    /// look after.
    fn dispatch(&self, shard: u16, mut jobs: Vec<Job>) {
        for _ in 0..ROUNDS {
            // Handlers are caught where they are called; this catches what else may panic, values that
            // are dropped above all, which must not stop the shard. The rest of the jobs goes on.
            let mut queue = jobs.iter_mut();
            let mut rest = || queue.by_ref().for_each(|job| self.perform(shard, job));
            while catch_unwind(AssertUnwindSafe(&mut rest)).is_err() {}
            let _ = catch_unwind(AssertUnwindSafe(|| jobs.clear()));
            let mut more = None;
            let done = |cell: &mut Cell| {
                cell.dispatching = false;
                if cell.jobs.is_empty() && jobs.capacity() <= KEEP {
                    std::mem::swap(&mut cell.jobs, &mut jobs);
                }
            };
            self.act(shard, done, |after| {
                self.carry_out(after.calls);
                more = after.jobs;
            });
            match more {
                Some(more) => jobs = more,
                None => return,
            }
        }
        self.spawn_dispatch(shard, jobs);
    }

    fn spawn_dispatch(&self, shard: u16, jobs: Vec<Job>) {
        let hub = self.shared();
        self.runtime.spawn(Box::pin(async move { hub.dispatch(shard, jobs) }));
    }

    pub(crate) fn with_cell<R>(&self, shard: u16, act: impl FnOnce(&mut Cell) -> R) -> R {
        self.act(shard, act, |Aftermath { jobs, calls }| {
            self.carry_out(calls);
            if let Some(jobs) = jobs {
                self.spawn_dispatch(shard, jobs);
            }
        })
    }

    /// Locks a shard, lets `act` change it, collects what follows, and unlocks it before that is
    /// done.
    #[inline]
    fn act<R>(
        &self,
        shard: u16,
        act: impl FnOnce(&mut Cell) -> R,
        finish: impl FnOnce(Aftermath),
    ) -> R {
        let lane = &self.lanes[usize::from(shard)];
        let mut cell = lane.lock();
        if lane.mail.load(Ordering::Acquire) {
            self.take_mail(lane, &mut cell);
        }
        let result = act(&mut cell);
        if let Some(due) = cell.server.poll_earlier_timeout() {
            self.set_alarm(self.micros(due));
        }
        let over = self.budget.is_moved(cell.told, &cell.server) && self.account(&mut cell);
        // Most calls add to what is noted already and leave nothing to do.
        if over || !cell.is_settled() {
            let mut after = self.settle(shard, &mut cell);
            drop(cell);
            if over {
                after.calls().over = true;
            }
            finish(after);
        }
        result
    }

    /// Adds up what a shard holds, and says whether all shards are to be looked at.
    #[cold]
    fn account(&self, cell: &mut Cell) -> bool {
        self.budget.tell(&mut cell.told, &mut cell.server);
        self.budget.takes_look()
    }

    /// Tells a shard what others hold.
    pub(crate) fn hear(&self, cell: &mut Cell) {
        self.budget.hear(cell.told, &mut cell.server);
    }

    /// Looks at all shards, and ends the sessions that take most if that is necessary.
    #[cold]
    fn relieve(&self) {
        let each = |act: fn(&mut Server, Instant) -> usize| -> usize {
            let now = self.runtime.now();
            let one = |shard| {
                self.with_cell(shard, |cell| {
                    self.hear(cell);
                    let ended = act(&mut cell.server, now);
                    self.budget.tell(&mut cell.told, &mut cell.server);
                    ended
                })
            };
            (0..self.count()).map(one).sum()
        };
        let measure = |server: &mut Server, now| {
            server.measure(now);
            0
        };
        let mut sessions = 0;
        loop {
            each(measure);
            if !self.budget.is_high() {
                break;
            }
            // What is shared with others takes as much as before until the last one is gone.
            match each(|server, _| server.relieve()) {
                0 => break,
                ended => sessions += ended,
            }
        }
        if sessions > 0 {
            log!(
                warn, "sansocket::error", sessions = %sessions,
                "those for which most waited were ended: Limits::bytes"
            );
        }
    }

    fn take_mail(&self, lane: &Lane, cell: &mut Cell) {
        lane.mail.store(false, Ordering::Release);
        let mail = std::mem::take(&mut *lane.inbox.lock().unwrap_or_else(PoisonError::into_inner));
        let now = self.runtime.now();
        for message in mail {
            cell.server.handle_peer(now, &message);
        }
    }

    /// Drains a shard, still under its lock.
    fn settle(&self, shard: u16, cell: &mut Cell) -> Aftermath {
        let mut after = Aftermath::default();
        if cell.server.is_asking() {
            cell.ask_overdue(self.runtime.now(), &mut after.calls().ports);
        }
        while let Some(event) = cell.server.poll_event() {
            if let Some(waker) = cell.note(self, shard, event) {
                after.calls().wakers.push(waker);
            }
        }
        while let Some(link) = cell.server.poll_link() {
            if let Some(Some((bound, port))) = cell.ports.get(link.index())
                && *bound == link
                && port.ring()
            {
                after.calls().ports.push(port.clone());
            }
        }
        while let Some(output) = cell.server.poll_peer() {
            self.post(shard, output, &mut after.calls().lanes);
        }
        if !cell.jobs.is_empty() {
            let lane = &self.lanes[usize::from(shard)];
            match cell.dispatching {
                true => lane.leave(cell),
                false => {
                    cell.dispatching = true;
                    after.jobs = Some(std::mem::take(&mut cell.jobs));
                    if cell.left > 0 || !cell.stalled.is_empty() {
                        lane.take_left(cell, &mut after);
                    }
                }
            }
        }
        cell.reader = None;
        after
    }

    /// Leaves a message with other shards. The order of one shard's messages is kept because its
    /// lock is still held.
    fn post(&self, from: u16, output: cluster::Output, lanes: &mut Vec<u16>) {
        let targets = match output.to {
            Destination::Shard(shard) => shard..shard.saturating_add(1).min(self.count()),
            Destination::Everyone | _ => 0..self.count(),
        };
        for target in targets.filter(|&target| target != from) {
            let lane = &self.lanes[usize::from(target)];
            let mut inbox = lane.inbox.lock().unwrap_or_else(PoisonError::into_inner);
            inbox.push(output.message.clone());
            lane.mail.store(true, Ordering::Release);
            if !lanes.contains(&target) {
                lanes.push(target);
            }
        }
    }

    /// Does what must not be done under the lock: mostly nothing.
    #[inline]
    fn carry_out(&self, calls: Option<Box<Calls>>) {
        if let Some(calls) = calls {
            self.call_all(*calls);
        }
    }

    fn call_all(&self, calls: Calls) {
        for port in calls.ports {
            port.wake();
        }
        for waker in calls.wakers {
            waker.wake();
        }
        for lane in calls.lanes {
            self.with_cell(lane, |_| ());
        }
        if calls.over {
            self.relieve();
        }
    }

    pub(crate) fn watch(&self) -> &Watch {
        &self.watch
    }

    /// Rings a connection at `due` if its deadline is not moved before.
    pub(crate) fn set_due(&self, port: &Port, due: Instant) {
        let due = self.watch.set(port, self.micros(due));
        self.set_alarm(due);
    }

    /// A moment as [`Watch`] counts it, never too early.
    pub(crate) fn micros(&self, at: Instant) -> Micros {
        let nanos = at.saturating_duration_since(self.birth).as_nanos();
        Micros::try_from(nanos.div_ceil(1000)).unwrap_or(NEVER - 1)
    }

    fn ring(&self, ports: Vec<Arc<Port>>) {
        ports.iter().for_each(Port::call);
    }

    pub(crate) fn set_alarm(&self, due: Micros) {
        if self.alarm.load(Ordering::Relaxed) > due
            && self.alarm.fetch_min(due, Ordering::SeqCst) > due
        {
            self.timers.wake();
        }
    }

    pub(crate) fn count(&self) -> u16 {
        u16::try_from(self.lanes.len()).expect("shards are counted in 16 bits")
    }
}

/// Bytes of jobs that may wait in a shard before its connections are no longer read. Each of them has
/// a lower limit of its own, [`SOME`], so it takes many to reach this.
const MOST: usize = 64 << 20;

/// Rounds of handlers that one caller runs.
const ROUNDS: usize = 16;

/// A longer list of jobs, or table, is given back after the burst that made it.
const KEEP: usize = 256;

impl Lane {
    fn waits_too_long(&self) -> bool {
        self.waiting.load(Ordering::Acquire) > MOST
    }

    fn list_stalled(&self, port: &Arc<Port>) -> bool {
        let mut cell = self.lock();
        // Whoever brings the number down rings those listed, under this lock and after it did.
        let behind = self.waits_too_long();
        if behind && !port.set_listed(true) {
            if cell.stalled.len() == cell.stalled.capacity() {
                cell.stalled.retain(|port| Arc::strong_count(port) > 1);
                // As many must come as are listed before they are looked through again.
                let listed = cell.stalled.len();
                cell.stalled.reserve(listed);
            }
            cell.stalled.push(port.clone());
        }
        behind
    }

    /// Counts the jobs that came while somebody runs handlers, and are left for them.
    #[cold]
    fn leave(&self, cell: &mut Cell) {
        if cell.left == cell.jobs.len() {
            return;
        }
        let weight = cell.jobs[cell.left..].iter().map(Job::weight).sum();
        cell.left = cell.jobs.len();
        cell.left_bytes += weight;
        self.waiting.fetch_add(weight, Ordering::AcqRel);
    }

    /// Takes note that jobs that were left are done next.
    #[cold]
    fn take_left(&self, cell: &mut Cell, after: &mut Aftermath) {
        cell.left = 0;
        self.waiting.fetch_sub(std::mem::take(&mut cell.left_bytes), Ordering::AcqRel);
        if !self.waits_too_long() {
            cell.ring_stalled(after);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Cell> {
        // A shard stays usable after a panic: none of its methods leaves it half changed on purpose.
        self.cell.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cell {
    /// Whether nothing follows from what was done.
    #[inline]
    fn is_settled(&self) -> bool {
        self.server.is_drained() && self.jobs.is_empty() && self.reader.is_none()
    }

    /// Notes which connection carries a link.
    pub(crate) fn bind(&mut self, link: Link, port: &Arc<Port>) {
        let at = link.index();
        if at >= self.ports.len() {
            self.ports.resize_with(at + 1, || None);
        }
        self.ports[at] = Some((link, port.clone()));
    }

    /// The bytes that wait for handlers of the clients of a session; `port` is rung when there are
    /// less.
    fn weigh(&self, link: Link, port: &Arc<Port>) -> usize {
        let sockets = self.server.sockets_of(link);
        let waiting = sockets.filter_map(|key| self.sockets.get(key.index())?.as_ref());
        waiting.map(|socket| socket.gate().weigh(port)).sum()
    }

    /// Asks the connections of overdue peers to look at their streams; adds those to `woken` that must
    /// be woken for it. Where there is no stream, there is nothing to be read.
    #[cold]
    fn ask_overdue(&mut self, now: Instant, woken: &mut Vec<Arc<Port>>) {
        while let Some(link) = self.server.poll_overdue() {
            match self.ports.get(link.index()) {
                Some(Some((bound, port))) if *bound == link => {
                    if port.ask() {
                        woken.push(port.clone());
                    }
                }
                Some(_) | None => self.server.handle_quiet(now, link),
            }
        }
    }

    /// Rings the connections that wait for handlers.
    fn ring_stalled(&mut self, after: &mut Aftermath) {
        for port in std::mem::take(&mut self.stalled) {
            port.set_listed(false);
            if port.summon() {
                after.calls().ports.push(port);
            }
        }
    }

    /// Forgets which connection carried a link.
    pub(crate) fn unbind(&mut self, link: Link) {
        if let Some(entry) = self.ports.get_mut(link.index())
            && entry.as_ref().is_some_and(|(bound, _)| *bound == link)
        {
            *entry = None;
            give_back(&mut self.ports);
        }
    }
}

/// Takes what is vacant off the end of a table, and gives the room back after a burst.
pub(crate) fn give_back<T>(table: &mut Vec<Option<T>>) {
    while let Some(None) = table.last() {
        table.pop();
    }
    if table.capacity() > KEEP && table.len() < table.capacity() / 8 {
        table.shrink_to(2 * table.len());
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        // Its timers end when they find it gone.
        self.timers.wake();
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub").field("shards", &self.lanes.len()).finish_non_exhaustive()
    }
}
