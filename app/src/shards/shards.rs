//! The shards of a process behind their locks, and the one way to reach them.
//!
//! Every change of a shard goes through [`Shards::with`] or [`Shards::turn`]: lock, act, collect what
//! follows, unlock, and only then wake connections, carry messages to other shards and do jobs. No two
//! shard locks are ever held at once, and no handler runs under one.

use sansocket::cluster::{self, Destination};
use sansocket::{Config, Counts, Limits, Server, Shard, Usage};
use std::net::IpAddr;
use std::ops::Range;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Weak};
use std::task::Waker;
use std::time::{Duration, Instant};

use crate::cluster::bus::Bus;
use crate::log::log;
use crate::log::quota::{Quota, Site};
use crate::runtime::Runtime;
use crate::shards::alarm::Alarm;
use crate::shards::budget::Budget;
use crate::shards::cell::Cell;
use crate::shards::kept::Kept;
use crate::shards::lane::Lane;
use crate::shards::life::{Life, Until};
use crate::shards::port::Port;
use crate::shards::pressure::Pressure;
use crate::shards::watch::Watch;
use crate::time::{Birth, Micros, NEVER};

/// All shards of a process, its clock, and its counters.
pub(crate) struct Shards<K: Kept> {
    owner: Weak<K::Owner>,
    runtime: Box<dyn Runtime>,
    limits: Arc<Limits>,
    lanes: Box<[Lane<K>]>,
    /// The part of the process in a cluster, if it joined one.
    bus: Option<Bus>,
    budget: Budget,
    /// The shard that the next connection starts on.
    home: AtomicU16,
    birth: Birth,
    alarm: Alarm,
    watch: Watch,
    quota: Quota,
    life: Arc<Life>,
}

/// What is to be done once the lock is released; mostly nothing, or jobs.
struct Aftermath<J> {
    /// Jobs, with the turn to do them.
    jobs: Option<Vec<J>>,
    calls: Option<Box<Calls>>,
}

/// Which connections and tasks are to be woken, which shards have mail, and whether all of them have to
/// give way.
#[derive(Default)]
struct Calls {
    ports: Vec<Arc<Port>>,
    wakers: Vec<Waker>,
    lanes: Vec<u16>,
    /// Whether other processes have mail.
    bus: bool,
    /// Whether the process holds more than it may.
    over: bool,
}

impl<J> Aftermath<J> {
    fn calls(&mut self) -> &mut Calls {
        self.calls.get_or_insert_default()
    }
}

impl<K: Kept> Shards<K> {
    /// Makes `count` shards, at least 1, whose events are handled by `owner`, and which leave messages for other processes
    /// with a bus, if there is one.
    pub(crate) fn new(
        owner: Weak<K::Owner>,
        config: &Arc<Config>,
        runtime: Box<dyn Runtime>,
        (count, bus): (u16, Option<Bus>),
        seed: [u8; 32],
    ) -> Self {
        let (count, now) = (count.max(1), runtime.now());
        let lane = |index| {
            let shard = Shard { index, count };
            let mut server = Server::new(config.clone(), shard, seed, now);
            if let Some(bus) = &bus {
                server.join_cluster(bus.config());
            }
            Lane::new(Cell::new(server))
        };
        Self {
            owner,
            runtime,
            limits: Arc::new(config.limits.clone()),
            lanes: (0..count).map(lane).collect(),
            bus,
            budget: Budget::new(&config.limits),
            home: AtomicU16::new(0),
            birth: Birth::new(now),
            alarm: Alarm::default(),
            watch: Watch::default(),
            quota: Quota::default(),
            life: Arc::default(),
        }
    }

    pub(crate) fn runtime(&self) -> &dyn Runtime {
        &*self.runtime
    }

    /// The bounds of this server, shared with its connections.
    pub(crate) fn limits(&self) -> &Arc<Limits> {
        &self.limits
    }

    pub(crate) fn life(&self) -> &Arc<Life> {
        &self.life
    }

    pub(crate) fn watch(&self) -> &Watch {
        &self.watch
    }

    pub(crate) fn alarm(&self) -> &Alarm {
        &self.alarm
    }

    /// The pressure on one shard.
    #[inline]
    pub(crate) fn pressure(&self, shard: u16) -> &Arc<Pressure> {
        &self.lanes[usize::from(shard)].pressure
    }

    pub(crate) fn count(&self) -> u16 {
        u16::try_from(self.lanes.len()).expect("shards are counted in 16 bits")
    }

    /// How much each shard holds.
    pub(crate) fn counts(&self) -> Vec<Counts> {
        self.lanes.iter().map(|lane| lane.lock().server.counts()).collect()
    }

    /// The shard a new connection starts on.
    pub(crate) fn next_home(&self) -> u16 {
        self.home.fetch_add(1, Ordering::Relaxed) % self.count()
    }

    /// Changes a shard on behalf of the application. Handlers never run inside: jobs are left to the
    /// thread that has the turn, or to a new task.
    pub(crate) fn with<R>(&self, shard: u16, act: impl FnOnce(&mut Server) -> R) -> R {
        self.with_cell(shard, |cell| act(&mut cell.server))
    }

    /// The same for everything that the lock guards.
    pub(crate) fn with_cell<R>(&self, shard: u16, act: impl FnOnce(&mut Cell<K>) -> R) -> R {
        self.act(shard, act, |jobs| {
            if let Some(owner) = self.owner.upgrade() {
                K::run(owner, shard, jobs);
            }
        })
    }

    /// Changes a shard on behalf of a connection, and hands the jobs that follow to `perform`, unless
    /// another thread has the turn.
    #[inline]
    pub(crate) fn turn<R>(
        &self,
        shard: u16,
        act: impl FnOnce(&mut Cell<K>) -> R,
        perform: impl FnOnce(Vec<K::Job>),
    ) -> R {
        self.act(shard, act, perform)
    }

    /// The same on behalf of a connection whose jobs may have to wait: it is charged for them.
    #[inline]
    pub(crate) fn turn_of<R>(
        &self,
        shard: u16,
        reader: Option<&Arc<Port>>,
        act: impl FnOnce(&mut Cell<K>) -> R,
        perform: impl FnOnce(Vec<K::Job>),
    ) -> R {
        let charged = |cell: &mut Cell<K>| {
            if reader.is_some() {
                cell.backlog.set_reader(reader.cloned());
            }
            act(cell)
        };
        self.act(shard, charged, perform)
    }

    /// Ends the turn that came with jobs. When there are more, the turn goes on with them.
    #[inline]
    pub(crate) fn end_turn(&self, shard: u16) -> Option<Vec<K::Job>> {
        let turn = &self.lanes[usize::from(shard)].turn;
        if turn.end() { None } else { self.go_on(shard) }
    }

    #[cold]
    fn go_on(&self, shard: u16) -> Option<Vec<K::Job>> {
        let mut more = None;
        self.act(shard, |_| self.lanes[usize::from(shard)].turn.pass(), |jobs| more = Some(jobs));
        more
    }

    /// Locks a shard, lets `act` change it, collects what follows, and unlocks it before that is
    /// done.
    #[inline]
    fn act<R>(
        &self,
        shard: u16,
        act: impl FnOnce(&mut Cell<K>) -> R,
        perform: impl FnOnce(Vec<K::Job>),
    ) -> R {
        let lane = &self.lanes[usize::from(shard)];
        let mut cell = lane.lock();
        if lane.mail.is_there() {
            self.take_mail(lane, &mut cell);
        }
        let result = act(&mut cell);
        if let Some(due) = cell.server.poll_earlier_timeout() {
            self.alarm.set(self.micros(due));
        }
        let usage = cell.server.poll_usage();
        let over = usage.is_some_and(|usage| self.account(&mut cell, usage));
        // Most calls add to a list that is noted already and leave nothing to do.
        if over || !cell.is_settled() {
            let mut after = self.settle(shard, &mut cell);
            drop(cell);
            if over {
                after.calls().over = true;
            }
            if let Some(calls) = after.calls {
                self.carry_out(*calls);
            }
            if let Some(jobs) = after.jobs {
                perform(jobs);
            }
        }
        result
    }

    /// Drains a shard, still under its lock.
    fn settle(&self, shard: u16, cell: &mut Cell<K>) -> Aftermath<K::Job> {
        let mut after = Aftermath { jobs: None, calls: None };
        if cell.server.is_asking() {
            cell.ask_overdue(self.runtime.now(), &mut after.calls().ports);
        }
        while let Some(event) = cell.server.poll_event() {
            if let Some(waker) = cell.kept.note(&self.owner, shard, event, &mut cell.backlog) {
                after.calls().wakers.push(waker);
            }
        }
        while let Some(link) = cell.server.poll_link() {
            if let Some(port) = cell.port(link)
                && port.ring()
            {
                after.calls().ports.push(port.clone());
            }
        }
        while let Some(output) = cell.server.poll_peer() {
            self.post(shard, output, after.calls());
        }
        if !cell.backlog.is_empty() {
            let lane = &self.lanes[usize::from(shard)];
            match lane.turn.take() {
                true => {
                    let mut woken = Vec::new();
                    after.jobs = Some(cell.backlog.take(&lane.pressure, &mut woken));
                    if !woken.is_empty() {
                        after.calls().ports.append(&mut woken);
                    }
                }
                false => cell.backlog.count(&lane.pressure),
            }
        }
        cell.backlog.set_reader(None);
        after
    }

    /// Leaves a message with other shards, or for other processes. The order of one shard's messages is kept because
    /// its lock is still held.
    fn post(&self, from: u16, output: cluster::Output, calls: &mut Calls) {
        match (output.to, &self.bus) {
            (Destination::Node, Some(bus)) => {
                bus.leave(output.message);
                calls.bus = true;
            }
            (Destination::Node, None) => {}
            (to @ (Destination::Shard(_) | Destination::Everyone), _) => {
                self.leave(self.targets(to), Some(from), &output.message, &mut calls.lanes);
            }
        }
    }

    /// Leaves a message of the node with shards, and notes which. The order of its messages is kept because its lock is
    /// still held.
    pub(crate) fn post_remote(&self, output: &cluster::Output, lanes: &mut Vec<u16>) {
        self.leave(self.targets(output.to), None, &output.message, lanes);
    }

    /// Has shards handle what was left with them.
    pub(crate) fn enter_all(&self, lanes: Vec<u16>) {
        lanes.into_iter().for_each(|lane| self.with_cell(lane, |_| ()));
    }

    fn targets(&self, to: Destination) -> Range<u16> {
        match to {
            Destination::Shard(shard) => shard..shard.saturating_add(1).min(self.count()),
            Destination::Everyone => 0..self.count(),
            Destination::Node => 0..0,
        }
    }

    fn leave(
        &self,
        targets: Range<u16>,
        from: Option<u16>,
        message: &cluster::Message,
        lanes: &mut Vec<u16>,
    ) {
        for target in targets.filter(|&target| Some(target) != from) {
            self.lanes[usize::from(target)].mail.leave(message.clone());
            if !lanes.contains(&target) {
                lanes.push(target);
            }
        }
    }

    #[cold]
    fn take_mail(&self, lane: &Lane<K>, cell: &mut Cell<K>) {
        let now = self.runtime.now();
        for message in lane.mail.take() {
            cell.server.handle_peer(now, &message);
        }
    }

    /// Does what must not be done under the lock.
    #[inline(never)]
    fn carry_out(&self, calls: Calls) {
        calls.ports.iter().for_each(|port| port.wake());
        calls.wakers.into_iter().for_each(Waker::wake);
        self.enter_all(calls.lanes);
        if calls.bus
            && let Some(bus) = &self.bus
        {
            bus.pump();
        }
        if calls.over {
            self.relieve();
        }
    }

    /// Adds up what a shard holds, and says whether all shards are to be looked at.
    #[cold]
    fn account(&self, cell: &mut Cell<K>, usage: Usage) -> bool {
        self.budget.tell(&mut cell.told, usage, &mut cell.server);
        self.budget.takes_look()
    }

    /// Tells a shard what others hold.
    pub(crate) fn hear(&self, cell: &mut Cell<K>) {
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
                    let usage = cell.server.usage();
                    self.budget.tell(&mut cell.told, usage, &mut cell.server);
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

    /// Closes every session; clients will try to reconnect.
    pub(crate) fn close(&self) {
        let now = self.runtime.now();
        for shard in 0..self.count() {
            self.with(shard, |server| server.shutdown(now));
        }
    }

    /// Ends the server: no session opens any more, every client is told, and connections end when they
    /// have finished what they were doing, or when `grace` is over.
    pub(crate) fn stop(&self, grace: Duration) {
        // Before anybody sees that it ends: the end waits for the cluster as for a connection.
        if self.bus.is_some() {
            self.life.enter();
        }
        let due = self.runtime.now().checked_add(grace);
        self.life.stop(due.map_or(NEVER, |due| self.micros(due)));
        self.alarm.set(self.life.cut_off());
        self.close();
        self.watch.all().iter().for_each(Port::call);
        self.leave_cluster(grace);
    }

    /// Leaves the cluster. The server does not end before the others know of it.
    fn leave_cluster(&self, grace: Duration) {
        let Some(bus) = &self.bus else { return };
        if !bus.stop(grace) {
            self.life.leave();
        }
    }

    /// Ends the connections that are left after [`stop`](Self::stop) at once.
    pub(crate) fn abort(&self) {
        self.life.abort();
        for lane in &self.lanes {
            let ports: Vec<_> = lane.lock().ports().cloned().collect();
            ports.iter().for_each(Port::call);
        }
        self.watch.all().iter().for_each(Port::call);
        if let Some(bus) = &self.bus {
            bus.close();
        }
    }

    /// Waits until the server is told to stop.
    pub(crate) fn stopping(&self) -> Until {
        Until::stopping(&self.life)
    }

    /// Waits until there is no connection.
    pub(crate) fn idle(&self) -> Until {
        Until::idle(&self.life)
    }

    /// Acts on the deadlines of every shard and returns how long nothing else is, with the alarm that this
    /// follows from.
    pub(crate) fn run_timers(&self) -> Option<(Duration, Micros)> {
        self.alarm.reset();
        let (now, mut asked) = (self.runtime.now(), Vec::new());
        for shard in 0..self.count() {
            // Handlers are left to tasks of their own: a slow one must not hold up the clock.
            self.with_cell(shard, |cell| {
                self.hear(cell);
                cell.server.catch_up(now);
                cell.ask_overdue(now, &mut asked);
                if let Some(due) = cell.server.poll_timeout() {
                    self.alarm.set(self.micros(due));
                }
            });
        }
        asked.iter().for_each(|port| port.wake());
        if let Some(bus) = &self.bus {
            bus.run_timers();
        }
        self.run_watch(self.micros(now));
        let alarm = self.alarm.due();
        (alarm != NEVER).then(|| {
            let due = self.birth.instant(alarm);
            (due.saturating_duration_since(self.runtime.now()), alarm)
        })
    }

    /// Acts on deadlines outside of the shards.
    fn run_watch(&self, now: Micros) {
        self.watch.due(now).iter().for_each(Port::call);
        self.alarm.set(self.watch.next());
        self.quota.log_left_out(now);
        self.alarm.set(self.quota.due());
        match self.life.cut_off() {
            due if due <= now => self.abort(),
            due => self.alarm.set(due),
        }
    }

    /// Rings a connection at `due` if its deadline is not moved before.
    pub(crate) fn set_due(&self, port: &Port, due: Instant) {
        let due = self.watch.set(port, self.micros(due));
        self.alarm.set(due);
    }

    /// How old the server is, in seconds.
    pub(crate) fn age(&self) -> u32 {
        u32::try_from(self.micros(self.runtime.now()) / 1_000_000).unwrap_or(u32::MAX)
    }

    /// Sees to it that the timers run then.
    pub(crate) fn set_alarm(&self, due: Instant) {
        self.alarm.set(self.micros(due));
    }

    /// The part of the process in a cluster, if it joined one.
    #[inline]
    pub(crate) fn bus(&self) -> Option<&Bus> {
        self.bus.as_ref()
    }

    /// Whether a client at `peer` may cause a line in the log now; without an address it is one of all.
    #[cold]
    pub(crate) fn may_log(&self, site: Site, peer: Option<IpAddr>) -> bool {
        let admitted = self.quota.admits(site, peer, self.micros(self.runtime.now()));
        if !admitted {
            self.alarm.set(self.quota.due());
        }
        admitted
    }

    fn micros(&self, at: Instant) -> Micros {
        self.birth.micros(at)
    }
}

impl<K: Kept> Drop for Shards<K> {
    fn drop(&mut self) {
        // The timers end when they find the owner gone, and so does the thread of a broker.
        self.alarm.ring();
        if let Some(bus) = &self.bus {
            bus.close();
        }
    }
}
