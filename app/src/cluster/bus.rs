//! The node of a process behind its lock, and the one way to reach it.
//!
//! Every change of the node goes one way, `take_inbox`: lock, take what shards left, act, leave with shards what follows for
//! them, unlock, and only then have shards handle that and tell the application. `act`, `ask`, `stop`, `lost`,
//! `poll_command`, `poll_settled` and `run_timers` go it by `change`; `pump` when shards left something; `deliver` and
//! `hand_over` in turns, with messages of other processes that were read before, without the lock. Each wakes the thread of
//! the broker then, unless it is that thread which acts.

use atomic_waker::AtomicWaker;
use sansocket::Config;
use sansocket::cluster::bus::{Format, Payload, Report};
use sansocket::cluster::{
    AnswerToken, BusCounts, BusError, Command, Message, Node, NodeConfig, NodeEvent, Outcome,
    Question, Reader, Taken,
};
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use crate::cluster::arrivals::{Arrivals, Brought, TURNS, Turn};
use crate::cluster::asked::Asked;
use crate::cluster::cluster::Cluster;
use crate::cluster::inbox::Inbox;
use crate::cluster::process::Process;
use crate::cluster::room::Room;
use crate::cluster::settled::Settled;
use crate::cluster::stage::Stage;
use crate::cluster::status;
use crate::wait::slot::Slot;

/// A process's part of its cluster: [`Io::bus`](crate::Io::bus) returns it. Cloning copies a pointer.
#[derive(Clone)]
pub struct Bus(Arc<Inner>);

struct Inner {
    process: Weak<dyn Process>,
    settings: Settings,
    inbox: Inbox,
    arrivals: Arrivals,
    room: Room,
    /// Messages that the broker took since the connection was lost last: the node is told when it is lost again.
    taken: AtomicU64,
    state: Mutex<State>,
    /// How many tickets were given to those that wait.
    tickets: AtomicU64,
    /// The thread of the broker, when it waits for commands.
    driver: AtomicWaker,
    /// The same, when it waits for the next attempt to connect.
    pause: AtomicWaker,
}

/// What a process needs to know of its cluster beside the node.
pub(crate) struct Settings {
    /// Where the broker is, without a password.
    pub(crate) address: String,
    pub(crate) config: NodeConfig,
}

/// What the lock guards.
struct State {
    node: Node,
    /// What reads messages for it, as those who bring them know.
    reader: Arc<Reader>,
    /// Who waits for an answer. Bounded as the questions of the node are: each ends in time.
    pending: HashMap<Question, Arc<Slot<Outcome>>>,
    /// Who waits until everything is subscribed to, by ticket.
    settling: BTreeMap<u64, Waker>,
    stage: Stage,
}

/// What is to be done once the lock is released.
#[derive(Default)]
struct Aftermath {
    wakers: Vec<Waker>,
    shards: Vec<u16>,
    events: Vec<NodeEvent>,
    due: Option<Instant>,
}

/// How often a thread takes what shards left, one time after the other, before it leaves the rest to others.
const ROUNDS: usize = 16;

/// So many times the bytes of the queue may wait for the node before a thread waits that leaves more. Events are refused
/// before.
const CROWD: usize = 2;

/// How long [`Bus::settled`] waits.
const PATIENCE: Duration = Duration::from_secs(1);

impl Bus {
    /// Makes the bus of a process with these namespaces open.
    pub(crate) fn new<'a>(
        process: Weak<dyn Process>,
        cluster: &Cluster,
        (server, shards, seed): (Arc<Config>, u16, [u8; 32]),
        (now, namespaces): (Instant, impl Iterator<Item = &'a str>),
    ) -> Self {
        let config = cluster.config.clone();
        let room = Room::new(config.queue);
        let settings = Settings { address: cluster.address.clone(), config: config.clone() };
        let mut node = Node::new(config, server, shards, seed, now);
        namespaces.for_each(|namespace| node.open(now, namespace));
        room.set(&node);
        let reader = node.reader().clone();
        let (pending, settling) = (HashMap::new(), BTreeMap::new());
        Self(Arc::new(Inner {
            process,
            settings,
            inbox: Inbox::default(),
            arrivals: Arrivals::new(reader.clone()),
            room,
            taken: AtomicU64::new(0),
            state: Mutex::new(State { node, reader, pending, settling, stage: Stage::Serving }),
            tickets: AtomicU64::new(0),
            driver: AtomicWaker::new(),
            pause: AtomicWaker::new(),
        }))
    }

    /// Returns the name by which other processes know this one: random, and another one after each start.
    #[must_use]
    pub fn name(&self) -> Box<str> {
        self.look(|state| state.node.name().into())
    }

    /// Returns what was counted.
    #[must_use]
    pub fn counts(&self) -> BusCounts {
        self.look(|state| state.node.counts())
    }

    /// Returns how the processes of the cluster write their messages.
    #[must_use]
    pub fn format(&self) -> Format {
        self.0.settings.config.format
    }

    /// What the processes of the cluster agreed on.
    pub(crate) fn config(&self) -> &NodeConfig {
        &self.0.settings.config
    }

    /// Waits until the broker has confirmed all that the process subscribes to, at most for a second: so what other
    /// processes send to a room from then on reaches a client that has just joined it.
    ///
    /// Only [`Format::Sharded`] subscribes to rooms.
    pub fn settled(&self) -> Settled {
        let patience = match self.0.process.upgrade() {
            Some(process) => process.sleep(PATIENCE),
            None => Box::pin(std::future::ready(())),
        };
        Settled::new(self.clone(), patience)
    }

    /// Says whether a message would be taken now that has so many bytes at most. It is measured when that is too much: its
    /// own bytes, and those of the name of its channel.
    pub(crate) fn check_size(
        &self,
        most: usize,
        measure: impl FnOnce(&Reader) -> Option<[usize; 2]>,
    ) -> Result<(), BusError> {
        let check = |size| self.0.room.check(size, self.0.inbox.bytes());
        if check([most, 0]).is_ok() {
            return Ok(());
        }
        measure(&self.0.arrivals.reader()).map_or(Ok(()), check)
    }

    /// Takes a message of a shard whose lock is held. [`pump`](Self::pump) is called when it is not any more.
    pub(crate) fn leave(&self, message: Message) {
        self.0.inbox.leave(message);
    }

    /// Hands the node what shards left, unless another thread does that: it looks again before it goes. A thread that has
    /// done so for long, because others leave more and more, leaves the rest to them and to the timers.
    pub(crate) fn pump(&self) {
        for _ in 0..ROUNDS {
            if !self.0.inbox.is_there() {
                return self.see_to_arrivals();
            }
            let Some(process) = self.0.process.upgrade() else { return };
            let Some(state) = self.lock_for_inbox() else { return };
            self.take_inbox(process, state, |_, _| ());
            self.0.driver.wake();
        }
        if let Some(process) = self.0.process.upgrade() {
            process.set_due(process.now());
        }
    }

    /// The lock, if it is free, or if so much waits for the node that whoever leaves more has to wait as well.
    fn lock_for_inbox(&self) -> Option<MutexGuard<'_, State>> {
        match self.0.inbox.bytes() > self.0.room.queue().saturating_mul(CROWD) {
            true => Some(self.lock()),
            false => self.try_lock(),
        }
    }

    /// Takes a message that the broker brought. It is read here, without the lock of the node. While another thread has
    /// that, the message waits in a line, and the broker is read on; when the line is full, this waits for the lock.
    pub(super) fn deliver(&self, channel: &str, payload: &Payload<'_>) {
        let arrival = self.0.arrivals.reader().read(channel, payload);
        self.line_up(Brought::Message(arrival));
    }

    /// Takes what the broker kept of a client that comes back. It waits behind the messages that the broker brought
    /// before: [`Taken::until`] promises that the node has them.
    pub(super) fn hand_over(&self, ticket: u64, taken: Option<Taken>) {
        self.line_up(Brought::Kept(ticket, taken));
    }

    fn line_up(&self, mut brought: Brought) {
        let arrivals = &self.0.arrivals;
        while let Some(back) = arrivals.push(brought) {
            if self.take_turn().is_none() {
                return;
            }
            brought = back;
        }
        while arrivals.is_there()
            && let Some(state) = self.try_lock()
            && self.take_turn_with(state).is_some()
        {}
        self.0.driver.wake();
    }

    /// Has the node take what the broker brought, as much as one turn may. `None` when the process is gone.
    pub(crate) fn take_turn(&self) -> Option<()> {
        self.take_turn_with(self.lock())
    }

    fn take_turn_with(&self, state: MutexGuard<'_, State>) -> Option<()> {
        self.change_locked(state, |state, now| {
            let mut turn = Turn::new();
            while let Some(brought) = self.0.arrivals.next(&mut turn) {
                match brought {
                    Brought::Message(arrival) => state.node.handle_arrival(now, arrival),
                    Brought::Kept(ticket, taken) => state.node.handle_taken(now, ticket, taken),
                }
            }
        })
    }

    /// Leaves what the broker brought to the timers, unless its thread takes it: no thread of the application does.
    fn see_to_arrivals(&self) {
        if self.0.arrivals.is_there()
            && let Some(process) = self.0.process.upgrade()
        {
            process.set_due(process.now());
        }
    }

    /// Changes the node. `None` when the process is gone.
    pub(crate) fn act<R>(&self, act: impl FnOnce(&mut Node, Instant) -> R) -> Option<R> {
        let result = self.change(|state, now| act(&mut state.node, now));
        self.0.driver.wake();
        result
    }

    /// Asks other processes.
    pub(crate) fn ask(
        &self,
        ask: impl FnOnce(&mut Node, Instant) -> Result<Question, BusError>,
    ) -> Asked {
        let asked = self.change(|state, now| {
            let slot = Arc::new(Slot::empty());
            let question = ask(&mut state.node, now)?;
            state.pending.insert(question, slot.clone());
            Ok(slot)
        });
        self.0.driver.wake();
        match asked {
            Some(Ok(slot)) => Asked::Waiting(slot),
            Some(Err(error)) => Asked::Failed(error),
            None => Asked::Nobody,
        }
    }

    /// Answers a question of another process.
    pub(crate) fn answer(&self, token: AnswerToken, report: Report) {
        self.act(|node, now| node.answer(now, token, report));
    }

    /// Begins the end of the process. Whether that has to wait until [`Process::let_go`] is called.
    pub(crate) fn stop(&self, grace: Duration) -> bool {
        let stage = self.change(|state, now| {
            let before = state.stage;
            if before == Stage::Serving && state.node.is_publishing() {
                state.stage = Stage::stopping(now, grace);
            }
            (before, state.stage)
        });
        self.0.driver.wake();
        match stage {
            Some((Stage::Serving, Stage::Serving)) => {
                self.close();
                false
            }
            Some((before, now)) => before != now,
            None => false,
        }
    }

    /// Publishes nothing any more: the thread of the broker ends.
    pub(crate) fn close(&self) {
        let before = self.look(|state| std::mem::replace(&mut state.stage, Stage::Closed));
        self.0.driver.wake();
        self.0.pause.wake();
        match before {
            Stage::Stopping { .. } | Stage::Leaving { .. } => {
                if let Some(process) = self.0.process.upgrade() {
                    process.let_go();
                }
            }
            Stage::Serving | Stage::Closed => {}
        }
    }

    /// Acts on what came, as much as the line holds, and then on deadlines: what came in time counts, though the timers run
    /// late. They run again for what comes meanwhile.
    pub(crate) fn run_timers(&self) {
        for _ in 0..TURNS {
            if !self.0.arrivals.is_there() || self.take_turn().is_none() {
                break;
            }
        }
        let is_over = self.change(|state, now| {
            if state.node.poll_timeout().is_some_and(|due| due <= now) {
                state.node.handle_timeout(now);
            }
            match state.stage {
                Stage::Stopping { leave, end } if leave <= now => {
                    state.node.leave(now);
                    state.stage = Stage::Leaving { end };
                }
                Stage::Leaving { end } => return end <= now,
                Stage::Serving | Stage::Stopping { .. } | Stage::Closed => {}
            }
            false
        });
        if is_over == Some(true) {
            self.close();
        }
        self.0.driver.wake();
    }

    /// The broker took a message. The thread that calls this calls [`lost`](Self::lost), too.
    pub(super) fn note_published(&self) {
        self.0.taken.fetch_add(1, Ordering::Relaxed);
    }

    /// The connection was lost, or could not be made. Returns how long to wait for the next attempt, if there is to be
    /// one.
    pub(super) fn lost(&self, why: &str) -> Option<Duration> {
        let next = self.change(|state, now| {
            state.node.handle_published(self.0.taken.swap(0, Ordering::Relaxed));
            let next = state.node.handle_lost(now, why);
            (state.stage == Stage::Serving).then(|| next.saturating_duration_since(now))
        });
        next.flatten()
    }

    /// Returns the next command; `None` when there are to be no more.
    pub(super) fn poll_command(&self, context: &Context<'_>) -> Poll<Option<Command>> {
        self.0.driver.register(context.waker());
        let next = self.change(|state, now| {
            if state.stage == Stage::Closed {
                return Poll::Ready(None);
            }
            match state.node.poll_command(now) {
                Some(command) => Poll::Ready(Some(command)),
                None if state.node.has_left() => Poll::Ready(None),
                None => Poll::Pending,
            }
        });
        next.unwrap_or(Poll::Ready(None))
    }

    /// Completes when there are to be no more attempts to connect.
    pub(super) fn poll_closed(&self, context: &Context<'_>) -> Poll<()> {
        self.0.pause.register(context.waker());
        match self.look(|state| state.stage) {
            Stage::Serving => Poll::Pending,
            Stage::Stopping { .. } | Stage::Leaving { .. } | Stage::Closed => Poll::Ready(()),
        }
    }

    /// Returns the name of one that will wait until everything is subscribed to.
    pub(super) fn ticket(&self) -> u64 {
        self.0.tickets.fetch_add(1, Ordering::Relaxed)
    }

    /// Completes when everything is subscribed to.
    pub(super) fn poll_settled(&self, ticket: u64, context: &Context<'_>) -> Poll<()> {
        let before = self.change(|state, _| {
            let is_settled = state.node.is_settled();
            (!is_settled).then(|| state.settling.insert(ticket, context.waker().clone()))
        });
        // What shards left is with the node by now, and who left it finds nothing to hand over.
        self.0.driver.wake();
        if before.flatten().is_some() { Poll::Pending } else { Poll::Ready(()) }
    }

    /// One does not wait any more.
    pub(super) fn forget(&self, ticket: u64) {
        // It is dropped without the lock.
        drop(self.look(|state| state.settling.remove(&ticket)));
    }

    /// Locks the node, with what shards left handed over, lets `act` change it, and does what follows. It does not wake
    /// the thread of the broker.
    fn change<R>(&self, act: impl FnOnce(&mut State, Instant) -> R) -> Option<R> {
        self.change_locked(self.lock(), act)
    }

    /// The same with the lock taken.
    fn change_locked<R>(
        &self,
        state: MutexGuard<'_, State>,
        act: impl FnOnce(&mut State, Instant) -> R,
    ) -> Option<R> {
        let process = self.0.process.upgrade()?;
        let result = self.take_inbox(process, state, act);
        self.pump();
        Some(result)
    }

    /// The same, with no look at what shards leave meanwhile.
    fn take_inbox<R>(
        &self,
        process: Arc<dyn Process>,
        mut state: MutexGuard<'_, State>,
        act: impl FnOnce(&mut State, Instant) -> R,
    ) -> R {
        let messages = self.0.inbox.take();
        let (result, after) = state.take_and(&messages, &*process, act);
        self.0.inbox.forget(messages.iter().map(Message::size).sum());
        self.0.show(&mut state);
        drop(state);
        self.carry_out(process, after);
        result
    }

    /// Looks at what the lock guards. Whatever came meanwhile is seen to behind it.
    fn look<R>(&self, look: impl FnOnce(&mut State) -> R) -> R {
        let result = look(&mut self.lock());
        self.pump();
        result
    }

    /// Does what must not be done under the lock.
    fn carry_out(&self, process: Arc<dyn Process>, after: Aftermath) {
        let Aftermath { wakers, shards, events, due } = after;
        wakers.into_iter().for_each(Waker::wake);
        if let Some(due) = due {
            process.set_due(due);
        }
        if !shards.is_empty() {
            process.enter(shards);
        }
        for event in events {
            if let NodeEvent::Status(status) = &event {
                status::tell(&self.0.settings.address, status);
            } else {
                process.clone().hear(event);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn try_lock(&self) -> Option<MutexGuard<'_, State>> {
        match self.0.state.try_lock() {
            Ok(state) => Some(state),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

impl Inner {
    /// Shows others what they need to know of the node without its lock.
    fn show(&self, state: &mut State) {
        self.room.set(&state.node);
        if !Arc::ptr_eq(&state.reader, state.node.reader()) {
            state.reader = state.node.reader().clone();
            self.arrivals.set_reader(state.reader.clone());
        }
    }
}

impl State {
    /// Takes what shards left, lets `act` change the node, and collects what follows.
    fn take_and<R>(
        &mut self,
        messages: &[Message],
        process: &dyn Process,
        act: impl FnOnce(&mut Self, Instant) -> R,
    ) -> (R, Aftermath) {
        let now = process.now();
        messages.iter().for_each(|message| self.node.handle_shard(now, message));
        let result = act(self, now);
        let mut after = Aftermath::default();
        while let Some(output) = self.node.poll_shard() {
            process.leave(&output, &mut after.shards);
        }
        while let Some(event) = self.node.poll_event() {
            if let NodeEvent::Answered { question, outcome } = event {
                let slot = self.pending.remove(&question);
                after.wakers.extend(slot.and_then(|slot| slot.fill(outcome)));
            } else {
                after.events.push(event);
            }
        }
        if !self.settling.is_empty() && self.node.is_settled() {
            after.wakers.extend(std::mem::take(&mut self.settling).into_values());
        }
        after.due = [self.node.poll_timeout(), self.stage.due()].into_iter().flatten().min();
        (result, after)
    }
}

impl fmt::Debug for Bus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bus").field("broker", &self.0.settings.address).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
