//! What the handles, streams and timers of a client share: its lock, and the one way to what it guards.
//!
//! Every change goes through [`Shared::with`] or [`Shared::turn`]: lock, act, collect what follows, unlock, and only
//! then wake streams, open others, and call handlers. No handler is called under the lock.

use sansocket::Limits;
use sansocket::client as core;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::Waker;
use std::time::Instant;

use super::client::{Client, MANAGE, Setup};
use super::host::Ground;
use super::job::Job;
use super::manager::Owner;
use super::seat::Seat;
use super::space::Space;
use super::state::{After, State};
use super::stream::Stream;
use crate::runtime::Runtime;
use crate::shards::lane::Turn;
use crate::shards::port::Port;
use crate::sockets::gate::Gate;
use crate::time::NEVER;

/// What the handles, streams and timers of a client share.
pub(crate) struct Shared {
    host: Arc<dyn Ground>,
    pub(super) setup: Arc<Setup>,
    limits: Mutex<Arc<Limits>>,
    /// Held by the one who changes the settings.
    pub(super) changing: Mutex<()>,
    state: Mutex<State>,
    turn: Turn,
    /// Keeps the calls in line that concern no namespace.
    pub(super) gate: Gate<Job>,
    /// Bytes of calls that wait.
    waiting: AtomicUsize,
    number: u64,
    this: Weak<Self>,
}

/// Bytes of calls that may wait before the streams of the client are no longer read: about as much as one message
/// may have.
const SOME: usize = 1 << 20;

/// Rounds of calls that one stream makes before it is looked after again.
const ROUNDS: usize = 16;

impl Shared {
    /// Makes the machine of a client, which does nothing until a namespace is to be joined.
    ///
    /// # Panics
    /// See [`Host::open`](super::host::Host::open).
    pub(super) fn new(host: Arc<dyn Ground>, client: Client, seed: [u8; 32]) -> Arc<Self> {
        let Client { config, limits, setup, name, mut spaces } = client;
        let now = host.runtime().now();
        let number = host.clock().number();
        let mut state = State::new(core::Client::new(config, seed, now), NEVER);
        // The namespace of the URL is the first.
        let first = spaces.remove_entry(&name);
        for (name, space) in first.into_iter().chain(spaces) {
            space.handlers.check_states(&setup.states, MANAGE);
            state
                .seat_for(now, &name, Some(space))
                .unwrap_or_else(|misuse| panic!("{name:?}: {misuse}"));
        }
        Arc::new_cyclic(|this| Self {
            host,
            setup,
            limits: Mutex::new(limits),
            changing: Mutex::new(()),
            state: Mutex::new(state),
            turn: Turn::default(),
            gate: Gate::default(),
            waiting: AtomicUsize::new(0),
            number,
            this: this.clone(),
        })
    }

    pub(super) fn runtime(&self) -> &dyn Runtime {
        self.host.runtime()
    }

    /// The client itself, for what it starts.
    pub(super) fn shared(&self) -> Arc<Self> {
        self.this.upgrade().expect("a client exists while it is used")
    }

    /// The bounds for streams.
    pub(super) fn limits(&self) -> Arc<Limits> {
        self.limits.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set_limits(&self, limits: Arc<Limits>) {
        *self.limits.lock().unwrap_or_else(PoisonError::into_inner) = limits;
    }

    /// Changes the client on behalf of the application. Handlers are never called inside: they are left to the
    /// thread that has the turn, or to a new task.
    pub(super) fn with<R>(&self, act: impl FnOnce(&mut State, Instant) -> R) -> R {
        self.act(
            |state, now, _| act(state, now),
            |jobs| {
                let this = self.shared();
                self.runtime().spawn(Box::pin(async move { this.dispatch(jobs) }));
            },
        )
    }

    /// The same, and tells those who wait for something that no event of the machine tells.
    pub(super) fn with_after<R>(
        &self,
        act: impl FnOnce(&mut State, Instant, &mut After) -> R,
    ) -> R {
        self.act(act, |jobs| {
            let this = self.shared();
            self.runtime().spawn(Box::pin(async move { this.dispatch(jobs) }));
        })
    }

    /// Changes the client on behalf of a stream, then calls the handlers that this calls for, unless another
    /// thread calls those of the client.
    pub(super) fn turn<R>(&self, act: impl FnOnce(&mut State, Instant) -> R) -> R {
        self.act(|state, now, _| act(state, now), |jobs| self.dispatch(jobs))
    }

    /// Acts on deadlines. A handler that is slow must not hold up the timer.
    pub(super) fn tick(&self, now: Instant) {
        self.with(|state, _| {
            state.armed = NEVER;
            state.core.handle_timeout(now);
        });
    }

    /// Leaves all namespaces and closes the connection.
    pub(super) fn close(&self) {
        self.with_after(|state, now, after| {
            state.core.close(now);
            let joining = std::mem::take(&mut state.joining);
            let left = || Err(super::error::ConnectError::left());
            after.wakers.extend(joining.iter().filter_map(|joining| joining.slot.fill(left())));
        });
    }

    /// The owner of the client, for a handle that handlers get.
    pub(super) fn owner(&self) -> Arc<Owner> {
        let mut state = self.lock();
        state.owner.upgrade().unwrap_or_else(|| {
            let owner = Arc::new(Owner::new(self.shared()));
            state.owner = Arc::downgrade(&owner);
            owner
        })
    }

    /// Whether handlers are so far behind that streams should not be read.
    pub(super) fn is_behind(&self) -> bool {
        self.waiting.load(Ordering::Acquire) > SOME
    }

    /// Counts bytes of calls that wait no longer.
    pub(super) fn ease(&self, bytes: usize) {
        let before = self.waiting.fetch_sub(bytes, Ordering::AcqRel);
        if before > SOME && before - bytes <= SOME {
            let ports: Vec<_> = self.lock().ports().cloned().collect();
            ports.iter().for_each(Port::call);
        }
    }

    /// Locks the client, lets `act` change it, collects what follows, and unlocks it before that is done.
    fn act<R>(
        &self,
        act: impl FnOnce(&mut State, Instant, &mut After) -> R,
        perform: impl FnOnce(Vec<Job>),
    ) -> R {
        let now = self.runtime().now();
        let mut after = After::default();
        let mut state = self.lock();
        let result = act(&mut state, now, &mut after);
        let mut jobs = Vec::new();
        if !state.is_settled() {
            let bytes = state.settle(now, &mut after);
            self.waiting.fetch_add(bytes, Ordering::AcqRel);
            if !state.jobs.is_empty() && self.turn.take() {
                jobs = std::mem::take(&mut state.jobs);
            }
        }
        self.arm(&mut state);
        drop(state);
        after.wakers.into_iter().for_each(Waker::wake);
        after.ports.iter().for_each(|port| port.wake());
        for open in after.opens {
            let endpoint = open.endpoint.clone();
            self.host.open(endpoint, Stream::new(self.shared(), open));
        }
        if !jobs.is_empty() {
            perform(jobs);
        }
        result
    }

    /// Sees to it that the timer looks in time. One that looks too early finds nothing to do.
    fn arm(&self, state: &mut State) {
        let Some(due) = state.core.poll_timeout() else { return };
        let due = self.host.clock().micros(due);
        if due < state.armed {
            self.host.clock().set(&self.this, self.number, state.armed, due);
            state.armed = due;
        }
    }

    /// Makes calls until there are no more. The caller has the turn, so that no other thread makes any meanwhile,
    /// which keeps them in order. After some rounds the rest goes to a task of its own.
    fn dispatch(&self, mut jobs: Vec<Job>) {
        for _ in 0..ROUNDS {
            self.perform_all(jobs);
            match self.end_turn() {
                Some(more) => jobs = more,
                None => return,
            }
        }
        let this = self.shared();
        self.runtime().spawn(Box::pin(async move { this.dispatch(jobs) }));
    }

    /// Ends the turn. When there are more calls to make, the turn goes on with them.
    fn end_turn(&self) -> Option<Vec<Job>> {
        if self.turn.end() {
            return None;
        }
        let mut state = self.lock();
        self.turn.pass();
        if state.jobs.is_empty() || !self.turn.take() {
            return None;
        }
        Some(std::mem::take(&mut state.jobs))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A machine stays usable after a panic: none of its methods leaves it half changed on purpose.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Finds the namespace of that name, or makes it, and gives it the handlers if there are some.
    pub(super) fn seat_for(
        &mut self,
        now: Instant,
        name: &str,
        space: Option<Arc<Space>>,
    ) -> Result<Arc<Seat>, sansocket::Misuse> {
        let key = self.core.namespace(name)?;
        if let Some(seat) = self.seat(key) {
            return Ok(seat.clone());
        }
        let mut space = space.unwrap_or_default();
        // Clients with the same handlers share them.
        if !space.handlers.is_settled() {
            Arc::make_mut(&mut space).handlers.settle_order();
        }
        if let Some(mut socket) = self.core.socket(now, key) {
            socket.set_auth(space.auth.to_core())?;
        }
        let seat = Arc::new(Seat::new(key, name.into(), space));
        self.seats.push(seat.clone());
        Ok(seat)
    }
}

const _: () = assert!(size_of::<Shared>() <= 912, "a process may have many clients");

impl Drop for Shared {
    fn drop(&mut self) {
        let armed = self.lock().armed;
        if armed != NEVER {
            self.host.clock().forget(self.number, armed);
        }
    }
}
