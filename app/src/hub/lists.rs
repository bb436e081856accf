//! Lists of jobs for threads on which handlers may block.

use std::sync::Arc;

use crate::hub::hold::Hold;
use crate::hub::hub::Hub;
use crate::shards::kept::Work as _;
use crate::shards::port::Port;
use crate::shards::pressure::Charge;
use crate::sockets::job::Job;

impl Hub {
    /// Hands jobs to workers: those of one client that follow each other go together. `reader` is the
    /// connection that brought them, if one did.
    pub(crate) fn hand_out(&self, shard: u16, jobs: &mut Vec<Job>, reader: Option<&Arc<Port>>) {
        Job::name_clients(jobs);
        let hand = |list: &mut Vec<Job>| self.hand_list(shard, list, reader);
        if !self.has_concurrent() && jobs.windows(2).all(|pair| is_of_one(&pair[0], &pair[1])) {
            return hand(jobs);
        }
        let mut list: Vec<Job> = Vec::new();
        for job in jobs.drain(..) {
            if self.has_concurrent() && self.is_concurrent(&job) {
                self.launch_waiting(shard, charged(job, reader));
                continue;
            }
            if list.last().is_some_and(|last| !is_of_one(last, &job)) {
                hand(&mut list);
            }
            list.push(job);
        }
        hand(&mut list);
    }

    /// Hands jobs of one client, or of none, to a worker.
    fn hand_list(&self, shard: u16, jobs: &mut Vec<Job>, reader: Option<&Arc<Port>>) {
        let weight = jobs.iter().map(Job::weight).sum();
        // The last one carries the charge of all: it is done last.
        if let (Some(port), Some(last)) = (reader, jobs.last_mut()) {
            last.charge.get_or_insert_with(|| Charge::new(port, weight));
        }
        if let Some(hold) = Hold::queue(self, shard, jobs, weight) {
            hold.drain_on_worker();
        }
    }
}

/// A job on account of the connection that brought it.
fn charged(mut job: Job, reader: Option<&Arc<Port>>) -> Job {
    if let Some(port) = reader {
        let weight = job.weight();
        job.charge.get_or_insert_with(|| Charge::new(port, weight));
    }
    job
}

/// Whether two jobs are about the same client, or both about none.
fn is_of_one(one: &Job, other: &Job) -> bool {
    one.task.socket() == other.task.socket()
}
