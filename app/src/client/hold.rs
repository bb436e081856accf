//! The holder of a gate: makes the calls that wait there, one after the other.

use std::sync::Arc;

use super::job::{Job, Notice, Task};
use super::seat::Seat;
use super::shared::Shared;
use crate::runtime::BoxFuture;
use crate::sockets::gate::{Gate, Joined};

/// A gate that is held, and the calls that its holder makes. Dropped before its end, it drops these and those that
/// wait, because the runtime has ended.
pub(super) struct Hold {
    client: Arc<Shared>,
    /// The namespace, unless the calls concern none.
    seat: Option<Arc<Seat>>,
    jobs: std::vec::IntoIter<Job>,
    ended: bool,
}

/// Calls of one gate before others get their turn.
const TURN: usize = 64;

impl Hold {
    /// Holds the gate of a namespace, which is free. The caller has the turn of the client.
    pub(super) fn take(client: Arc<Shared>, seat: Arc<Seat>) -> Self {
        seat.gate.hold();
        Self { client, seat: Some(seat), jobs: Vec::new().into_iter(), ended: false }
    }

    /// Puts a call in line. The hold that is returned, if any, must be [drained](Self::drain).
    pub(super) fn queue(client: &Shared, job: Job) -> Option<Self> {
        let seat = job.seat().cloned();
        let mut jobs = vec![job];
        let gate = seat.as_ref().map_or(&client.gate, |seat| &seat.gate);
        match gate.join(&mut jobs, 0) {
            Joined::Holds => {
                let client = client.shared();
                Some(Self { client, seat, jobs: jobs.into_iter(), ended: false })
            }
            Joined::Waits => None,
        }
    }

    /// Makes calls, in order, until none waits or a sequential handler takes over.
    pub(super) fn drain(mut self) {
        for _ in 0..TURN {
            let Some(job) = self.next() else {
                self.ended = true;
                return;
            };
            match job {
                Job::Client(Notice::Meeting(meeting))
                | Job::Namespace(_, Task::Meeting(meeting)) => {
                    let Some((call, [first, second])) = meeting.arrive(self) else { return };
                    let rest = first.client.call_caught(call);
                    let [of_client, of_namespace] = match first.seat {
                        None => [first, second],
                        Some(_) => [second, first],
                    };
                    of_client.go_on();
                    if let Some(rest) = rest {
                        return of_namespace.follow(rest);
                    }
                    self = of_namespace;
                }
                job @ (Job::Client(_) | Job::Namespace(..)) => {
                    if let Some(rest) = self.client.call_caught(job) {
                        return self.follow(rest);
                    }
                }
            }
        }
        self.go_on();
    }

    /// Waits for a handler to end, then makes the calls that wait.
    pub(super) fn follow(self, rest: BoxFuture<()>) {
        let client = self.client.clone();
        client.runtime().spawn(Box::pin(async move {
            rest.await;
            match self.client.runtime().workers() {
                Some(_) => self.go_on(),
                None => self.drain(),
            }
        }));
    }

    /// Makes the calls where handlers may block, or in a task, when others have had their turn.
    pub(super) fn go_on(self) {
        let client = self.client.clone();
        match client.runtime().workers() {
            Some(workers) => workers.run(Box::new(move || self.drain())),
            None => client.runtime().spawn(Box::pin(async move { self.drain() })),
        }
    }

    /// The next call; with `None` the gate is free.
    fn next(&mut self) -> Option<Job> {
        if let Some(job) = self.jobs.next() {
            return Some(job);
        }
        self.jobs = self.gate().next()?.jobs.into_iter();
        self.jobs.next()
    }

    fn gate(&self) -> &Gate<Job> {
        self.seat.as_ref().map_or(&self.client.gate, |seat| &seat.gate)
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if !self.ended {
            self.gate().abandon();
        }
    }
}
