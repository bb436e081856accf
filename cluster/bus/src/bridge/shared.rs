//! What the threads of a bridge share.

use sansocket::cluster::{Bridge as Machine, Command, Node, NodeStatus, Side};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use crate::log;

/// What the threads of both brokers and the clock share.
pub(super) struct Shared {
    /// Where the brokers are, left and right.
    addresses: [String; 2],
    state: Mutex<State>,
    /// Rung when the clock has to look at the time anew.
    bell: Condvar,
}

struct State {
    left: Node,
    right: Node,
    machine: Machine,
    stage: Stage,
    /// The threads of the brokers, while they wait: left and right.
    drivers: [Option<Waker>; 2],
    /// When the clock wakes up by itself.
    alarm: Option<Instant>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Stage {
    Open,
    Closed,
}

impl Shared {
    pub(super) fn new(addresses: [String; 2], [left, right]: [Node; 2]) -> Self {
        let state = State {
            left,
            right,
            machine: Machine::default(),
            stage: Stage::Open,
            drivers: [None, None],
            alarm: None,
        };
        Self { addresses, state: Mutex::new(state), bell: Condvar::new() }
    }

    /// Changes a node, and has the messages that follow carried.
    pub(super) fn act<R>(&self, side: Side, act: impl FnOnce(&mut Node, Instant) -> R) -> R {
        let mut state = self.lock();
        let result = act(state.node(side), Instant::now());
        self.follow(state);
        result
    }

    /// The connection of a side was lost. Returns how long to wait for the next attempt, if there is to be one.
    pub(super) fn lost(&self, side: Side, why: &str) -> Option<Duration> {
        let due =
            self.act(side, |node, now| node.handle_lost(now, why).saturating_duration_since(now));
        (self.lock().stage == Stage::Open).then_some(due)
    }

    pub(super) fn poll_command(&self, side: Side, context: &Context<'_>) -> Poll<Option<Command>> {
        let mut state = self.lock();
        state.drivers[index(side)] = None;
        let node = state.node(side);
        let poll = match node.poll_command(Instant::now()) {
            None if node.has_left() => Poll::Ready(None),
            None => Poll::Pending,
            command @ Some(_) => Poll::Ready(command),
        };
        if poll.is_pending() {
            state.drivers[index(side)] = Some(context.waker().clone());
        }
        self.keep_watch(state);
        poll
    }

    pub(super) fn poll_closed(&self, side: Side, context: &Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        if state.stage == Stage::Closed {
            return Poll::Ready(());
        }
        state.drivers[index(side)] = Some(context.waker().clone());
        Poll::Pending
    }

    /// Both nodes leave their buses.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.stage = Stage::Closed;
        let now = Instant::now();
        state.left.leave(now);
        state.right.leave(now);
        self.follow(state);
        self.bell.notify_all();
    }

    /// Acts on deadlines until the bridge is closed and both nodes have left.
    pub(super) fn keep_time(&self) {
        loop {
            let mut state = self.lock();
            if state.stage == Stage::Closed && state.left.has_left() && state.right.has_left() {
                return;
            }
            let (now, due) = (Instant::now(), state.due());
            state.alarm = due;
            let pause = due.map_or(LONG, |due| due.saturating_duration_since(now));
            if pause > Duration::ZERO {
                drop(self.bell.wait_timeout(state, pause));
                continue;
            }
            for side in [Side::Left, Side::Right] {
                let node = state.node(side);
                if node.poll_timeout().is_some_and(|due| due <= now) {
                    node.handle_timeout(now);
                }
            }
            self.follow(state);
        }
    }

    /// Carries messages, wakes the threads of brokers that wait, and tells the log what it may want to know.
    fn follow(&self, mut state: MutexGuard<'_, State>) {
        let State { left, right, machine, .. } = &mut *state;
        let statuses = machine.carry(Instant::now(), left, right);
        let drivers = std::mem::take(&mut state.drivers);
        self.keep_watch(state);
        drivers.into_iter().flatten().for_each(Waker::wake);
        for (side, status) in statuses {
            self.tell(side, &status);
        }
    }

    /// Rings for the clock when a deadline comes earlier than it knows.
    fn keep_watch(&self, state: MutexGuard<'_, State>) {
        let is_earlier = state.due().is_some_and(|due| state.alarm.is_none_or(|alarm| due < alarm));
        drop(state);
        if is_earlier {
            self.bell.notify_all();
        }
    }

    fn tell(&self, side: Side, status: &NodeStatus) {
        let address = &self.addresses[index(side)];
        match status {
            NodeStatus::Connected { dropped } => {
                log::info(&format!(
                    "{address} is connected; messages dropped meanwhile: {dropped}"
                ));
            }
            NodeStatus::Lost { why } => log::warn(&format!("{address} is not connected: {why}")),
            NodeStatus::Refused { count, last } => {
                log::warn(&format!("{count} messages for {address} were not sent: {last}"));
            }
            NodeStatus::Invalid { count, last } => log::warn(&format!(
                "{count} messages of {address} that cannot be read were skipped, the last because {last}"
            )),
            NodeStatus::Joined { .. } | NodeStatus::Left { .. } | NodeStatus::Renamed | _ => {}
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code of the application runs under the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn node(&mut self, side: Side) -> &mut Node {
        match side {
            Side::Left => &mut self.left,
            Side::Right => &mut self.right,
        }
    }

    fn due(&self) -> Option<Instant> {
        [&self.left, &self.right].into_iter().filter_map(|node| node.poll_timeout()).min()
    }
}

fn index(side: Side) -> usize {
    match side {
        Side::Left => 0,
        Side::Right => 1,
    }
}

/// How long the clock sleeps when nothing is due.
const LONG: Duration = Duration::from_secs(60);
