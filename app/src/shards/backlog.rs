//! The jobs of one shard that are not being done yet.

use std::sync::Arc;

use crate::shards::kept::Work;
use crate::shards::port::Port;
use crate::shards::pressure::{Charge, Pressure};

/// Jobs in the order of the events they follow from. Bounded by the [`Pressure`] that they count to.
pub(crate) struct Backlog<J> {
    jobs: Vec<J>,
    /// How many of them count to the pressure: those behind jobs that are being done.
    counted: usize,
    /// Their memory, in bytes.
    bytes: usize,
    /// The connection that is being read, when the jobs it causes may have to wait.
    reader: Option<Arc<Port>>,
}

impl<J> Default for Backlog<J> {
    fn default() -> Self {
        Self { jobs: Vec::new(), counted: 0, bytes: 0, reader: None }
    }
}

impl<J: Work> Backlog<J> {
    #[inline]
    pub(crate) fn push(&mut self, job: J) {
        self.jobs.push(job);
    }

    /// Charges the connection that is being read for a job that may have to wait.
    #[inline]
    pub(crate) fn charge(&self, weight: impl FnOnce() -> usize) -> Option<Charge> {
        self.reader.as_ref().map(|port| Charge::new(port, weight()))
    }

    /// Names the connection that is charged from now on.
    pub(super) fn set_reader(&mut self, reader: Option<Arc<Port>>) {
        self.reader = reader;
    }

    /// Whether there is no job and no connection to charge.
    #[inline]
    pub(super) fn is_settled(&self) -> bool {
        self.jobs.is_empty() && self.reader.is_none()
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.jobs.is_empty()
    }

    /// The job that was pushed last, unless it was taken.
    #[inline]
    pub(crate) fn last(&self) -> Option<&J> {
        self.jobs.last()
    }

    /// Takes all jobs. The connections to be woken are those that waited for less pressure.
    pub(super) fn take(&mut self, pressure: &Pressure, woken: &mut Vec<Arc<Port>>) -> Vec<J> {
        if self.counted > 0 {
            self.counted = 0;
            woken.append(&mut pressure.ease(std::mem::take(&mut self.bytes)));
        }
        std::mem::replace(&mut self.jobs, J::spare_list())
    }

    /// Counts the jobs that stay here, because earlier ones are being done.
    #[cold]
    pub(super) fn count(&mut self, pressure: &Pressure) {
        let bytes = self.jobs[self.counted..].iter().map(Work::weight).sum();
        self.counted = self.jobs.len();
        self.bytes += bytes;
        pressure.add(bytes);
    }
}
