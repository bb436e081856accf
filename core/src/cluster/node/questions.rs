//! Questions of this process that wait for others.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::acks::Acks;
use super::{Outcome, Question};
use crate::cluster::Output;
use crate::cluster::bus::{Detail, Found, Handshake, Part, Report};
use crate::socket::Args;

/// The questions that wait.
#[derive(Debug, Default)]
pub(super) struct Questions {
    next: u64,
    /// Each has a deadline.
    open: BTreeMap<u64, Pending>,
    due: BTreeSet<(Instant, u64)>,
}

/// One question.
#[derive(Debug)]
pub(super) struct Pending {
    asked: Instant,
    pub(super) namespace: Arc<str>,
    kind: Kind,
    expected: Expected,
    /// The processes that answered, where answers tell.
    answered: BTreeSet<Box<str>>,
    /// Answers of processes without name.
    nameless: u64,
    /// The parts that came of answers in several, of processes that have more to tell.
    parts: BTreeMap<Box<str>, u32>,
    /// Processes whose answers are not whole, and how many without name there are of these.
    failed: BTreeSet<Box<str>>,
    nameless_failed: u64,
    /// Processes that will not answer any more.
    dead: BTreeSet<Box<str>>,
    stage: Stage,
    outcome: Outcome,
}

/// What is asked.
#[derive(Debug)]
pub(super) enum Kind {
    /// For acknowledgements, on behalf of a shard.
    Acks(Acks),
    Fetch(Detail),
    Replies,
    Rooms,
    Size,
}

/// The processes that have to answer.
#[derive(Debug)]
enum Expected {
    Unknown,
    /// So many.
    Count(u64),
    /// Those of these that have not answered.
    Named(BTreeSet<Box<str>>),
}

/// What is done when the time comes that is in it.
#[derive(Clone, Copy, Debug)]
enum Stage {
    /// The processes are counted again.
    Recount { at: Instant, end: Instant },
    /// The processes that did not answer are missing.
    Report { end: Instant },
    /// The clients that did not answer are missing.
    Acks { end: Instant },
}

impl Stage {
    fn due(self) -> Instant {
        match self {
            Self::Recount { at, .. } => at,
            Self::Report { end } | Self::Acks { end } => end,
        }
    }
}

/// What a question needs when its time has come.
#[derive(Debug)]
pub(super) enum Due {
    /// The processes of a namespace are to be counted again.
    Recount(u64, Arc<str>),
    Ended(Ended),
}

/// What follows from a question's progress.
#[derive(Debug)]
pub(super) enum Ended {
    /// The application is told what came of a question that was asked then.
    Answered(Question, Outcome, Instant),
    /// The shard that asked is told.
    Told(Output),
}

impl Questions {
    /// Numbers a question.
    pub(super) fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// Opens a question, of which the answers have to come in so much time.
    pub(super) fn open(
        &mut self,
        now: Instant,
        n: u64,
        (namespace, kind): (Arc<str>, Kind),
        timeout: Duration,
    ) {
        let end = after(now, timeout);
        let stage = Stage::Recount { at: after(now, timeout / 2), end };
        self.due.insert((stage.due(), n));
        let pending = Pending {
            asked: now,
            namespace,
            kind,
            expected: Expected::Unknown,
            answered: BTreeSet::new(),
            nameless: 0,
            parts: BTreeMap::new(),
            failed: BTreeSet::new(),
            nameless_failed: 0,
            dead: BTreeSet::new(),
            stage,
            outcome: Outcome::default(),
        };
        self.open.insert(n, pending);
    }

    pub(super) fn is_open(&self, n: u64) -> bool {
        self.open.contains_key(&n)
    }

    /// Whether nobody knows who has to answer a question.
    pub(super) fn is_unknown(&self, n: u64) -> bool {
        let is_unknown = |pending: &Pending| matches!(pending.expected, Expected::Unknown);
        self.open.get(&n).is_some_and(is_unknown)
    }

    pub(super) fn len(&self) -> u64 {
        self.open.len() as u64
    }

    /// The questions about a namespace.
    pub(super) fn about(&self, namespace: &str) -> Vec<u64> {
        let about = self.open.iter().filter(|(_, pending)| &*pending.namespace == namespace);
        about.map(|(n, _)| *n).collect()
    }

    /// All questions.
    pub(super) fn all(&self) -> Vec<u64> {
        self.open.keys().copied().collect()
    }

    /// A namespace has so many processes, this one included.
    pub(super) fn count(&mut self, n: u64, count: u64) -> Vec<Ended> {
        let Some(pending) = self.open.get_mut(&n) else { return Vec::new() };
        let others = count.saturating_sub(1);
        pending.outcome.nodes = others.saturating_add(1);
        // A process that came since then was not asked.
        match &mut pending.expected {
            expected @ Expected::Unknown => *expected = Expected::Count(others),
            Expected::Count(expected) => *expected = others.min(*expected),
            Expected::Named(_) => {}
        }
        self.advance(n).into_iter().collect()
    }

    /// These processes were asked.
    pub(super) fn name<'a>(
        &mut self,
        n: u64,
        names: impl Iterator<Item = &'a Box<str>>,
    ) -> Vec<Ended> {
        let Some(pending) = self.open.get_mut(&n) else { return Vec::new() };
        let names: BTreeSet<_> = names.cloned().collect();
        pending.outcome.nodes = names.len() as u64 + 1;
        pending.outcome.asked = names.len() as u64;
        let (answered, failed) = (&pending.answered, &pending.failed);
        let left = names.difference(answered).filter(|name| !failed.contains(*name)).cloned();
        pending.expected = Expected::Named(left.collect());
        self.advance(n).into_iter().collect()
    }

    /// A process, of that name where it tells, answered. `most` bounds what all answers hold: a process whose answer
    /// does not fit, or of which a part was lost, is missing.
    ///
    /// Returns nothing when nobody asked it for that.
    pub(super) fn answer(
        &mut self,
        n: u64,
        (from, report, part): (Option<&str>, Report, Part),
        most: usize,
    ) -> Option<Vec<Ended>> {
        let pending = self.open.get_mut(&n)?;
        let mut ended = Vec::new();
        if let Report::Acknowledged { args, .. } = report {
            let Kind::Acks(acks) = &mut pending.kind else { return None };
            ended.push(Ended::Told(acks.answer(from, args, most)?));
        } else {
            if from.is_some_and(|from| pending.answered.contains(from)) {
                return None;
            }
            if from.is_some_and(|from| pending.failed.contains(from)) {
                return Some(ended);
            }
            let part = if pending.is_about_many() { part } else { Part::default() };
            let fit = pending.add(from, report, most)?;
            if fit == Fit::Whole && pending.is_next(from, part) {
                pending.note_part(from, part);
            } else {
                pending.fail(from);
            }
        }
        ended.extend(self.advance(n));
        Some(ended)
    }

    /// A process is gone: its answer, and those of its clients, will not come. One that said so has nothing to
    /// answer any more.
    pub(super) fn lose(&mut self, n: u64, name: &str, farewell: Farewell) -> Vec<Ended> {
        let Some(pending) = self.open.get_mut(&n) else { return Vec::new() };
        let Expected::Named(waiting) = &mut pending.expected else { return Vec::new() };
        if waiting.remove(name) && farewell == Farewell::Untold {
            pending.dead.insert(name.into());
        }
        let mut ended = Vec::new();
        if let Kind::Acks(acks) = &mut pending.kind {
            ended.extend(acks.lose(name).map(Ended::Told));
        }
        ended.extend(self.advance(n));
        ended
    }

    /// A question ends with what came.
    pub(super) fn give_up(&mut self, n: u64) -> Vec<Ended> {
        let Some(pending) = self.close(n) else { return Vec::new() };
        pending.finish(n).into_iter().collect()
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.due.first().map(|(due, _)| *due)
    }

    /// Returns what the next question needs of which the time has come.
    pub(super) fn expired(&mut self, now: Instant) -> Option<Due> {
        let &(due, n) = self.due.first().filter(|(due, _)| *due <= now)?;
        self.due.remove(&(due, n));
        let pending = self.open.get_mut(&n)?;
        match pending.stage {
            Stage::Recount { end, .. } => {
                pending.stage = Stage::Report { end };
                self.due.insert((end, n));
                Some(Due::Recount(n, pending.namespace.clone()))
            }
            Stage::Report { .. } => {
                let missing = pending.missing();
                let Kind::Acks(acks) = &mut pending.kind else {
                    let pending = self.open.remove(&n)?;
                    return pending.finish(n).map(Due::Ended);
                };
                let told = acks.tell(missing);
                let stage = Stage::Acks { end: acks.end };
                if acks.is_done() || acks.end <= now {
                    self.open.remove(&n);
                } else {
                    pending.stage = stage;
                    self.due.insert((stage.due(), n));
                }
                told.map(|told| Due::Ended(Ended::Told(told)))
            }
            Stage::Acks { .. } => {
                self.open.remove(&n);
                None
            }
        }
    }

    /// Whether the time of a question has come.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.deadline().is_some_and(|due| due <= now)
    }

    /// Ends a question to which all answers came.
    fn advance(&mut self, n: u64) -> Option<Ended> {
        let pending = self.open.get_mut(&n)?;
        if !pending.is_answered() {
            return None;
        }
        let dead = u64::try_from(pending.dead.len()).unwrap_or(u64::MAX);
        if let Kind::Acks(acks) = &mut pending.kind {
            let told = acks.tell(dead);
            if acks.is_done() {
                self.close(n);
            }
            return told.map(Ended::Told);
        }
        self.close(n)?.finish(n)
    }

    fn close(&mut self, n: u64) -> Option<Pending> {
        let pending = self.open.remove(&n)?;
        self.due.remove(&(pending.stage.due(), n));
        Some(pending)
    }
}

/// Whether a process said that it leaves.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Farewell {
    Told,
    Untold,
}

/// Whether all of an answer was added.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Fit {
    Whole,
    Cut,
}

impl Pending {
    /// Whether answers may come in parts.
    fn is_about_many(&self) -> bool {
        match self.kind {
            Kind::Fetch(_) | Kind::Rooms => true,
            Kind::Acks(_) | Kind::Replies | Kind::Size => false,
        }
    }

    /// Whether no part is missing in front of this one.
    fn is_next(&self, from: Option<&str>, part: Part) -> bool {
        let came = from.and_then(|from| self.parts.get(from)).copied().unwrap_or(0);
        part.number == came
    }

    fn note_part(&mut self, from: Option<&str>, part: Part) {
        let Some(from) = from else {
            self.nameless = self.nameless.saturating_add(1);
            return;
        };
        if part.more {
            self.parts.insert(from.into(), part.number.saturating_add(1));
        } else {
            self.parts.remove(from);
            self.note_answer(from);
        }
    }

    /// The answer of a process is not whole.
    fn fail(&mut self, from: Option<&str>) {
        let Some(from) = from else {
            self.nameless_failed = self.nameless_failed.saturating_add(1);
            return;
        };
        self.parts.remove(from);
        self.failed.insert(from.into());
        if let Expected::Named(waiting) = &mut self.expected {
            waiting.remove(from);
        }
    }

    fn note_answer(&mut self, from: &str) {
        self.answered.insert(from.into());
        if let Expected::Named(waiting) = &mut self.expected {
            waiting.remove(from);
        }
    }

    /// Processes that answered.
    fn heard(&self) -> u64 {
        (self.answered.len() as u64).saturating_add(self.nameless)
    }

    /// Processes whose answers are not whole.
    fn failures(&self) -> u64 {
        (self.failed.len() as u64).saturating_add(self.nameless_failed)
    }

    fn is_answered(&self) -> bool {
        match &self.expected {
            Expected::Unknown => false,
            Expected::Count(_) if matches!(self.kind, Kind::Size) => true,
            Expected::Count(count) => self.heard().saturating_add(self.failures()) >= *count,
            Expected::Named(waiting) => waiting.is_empty() || matches!(self.kind, Kind::Size),
        }
    }

    /// Processes that did not answer.
    fn missing(&self) -> u64 {
        match &self.expected {
            // There may be some.
            Expected::Unknown => 1,
            Expected::Count(count) => count.saturating_sub(self.heard()),
            Expected::Named(waiting) => {
                let gone = self.dead.union(&self.failed).count();
                (waiting.len() + gone) as u64
            }
        }
    }

    /// Adds as much of an answer as there is room for; nothing when it is of another kind.
    fn add(&mut self, from: Option<&str>, report: Report, most: usize) -> Option<Fit> {
        let outcome = &mut self.outcome;
        Some(match (&mut self.kind, report) {
            (Kind::Acks(acks), Report::Clients(count)) => {
                acks.count(from, count);
                Fit::Whole
            }
            (Kind::Fetch(detail), Report::Found(found)) => {
                let found: Vec<_> = match detail {
                    Detail::Clients => found,
                    Detail::Ids => found.into_iter().map(|found| only_id(found.id)).collect(),
                };
                extend(&mut outcome.found, found, most)
            }
            (Kind::Fetch(_), Report::Ids(ids)) => {
                extend(&mut outcome.found, ids.into_iter().map(only_id).collect(), most)
            }
            (Kind::Replies, Report::Replied(args)) => {
                extend(&mut outcome.replies, vec![args], most)
            }
            (Kind::Rooms, Report::Rooms(rooms)) => extend(&mut outcome.rooms, rooms, most),
            // Old processes answer so when nothing was found.
            (Kind::Fetch(_) | Kind::Rooms, Report::Done) => Fit::Whole,
            (
                Kind::Acks(_) | Kind::Fetch(_) | Kind::Replies | Kind::Rooms | Kind::Size,
                Report::Acknowledged { .. }
                | Report::Clients(_)
                | Report::Done
                | Report::Found(_)
                | Report::Ids(_)
                | Report::Replied(_)
                | Report::Rooms(_),
            ) => return None,
        })
    }

    fn finish(mut self, n: u64) -> Option<Ended> {
        let missing = self.missing();
        let heard = self.heard();
        let mut outcome = self.outcome;
        match self.kind {
            Kind::Acks(mut acks) => return acks.tell(missing).map(Ended::Told),
            // A count has no answers.
            Kind::Size if outcome.nodes > 0 => {
                outcome.asked = 0;
                return Some(Ended::Answered(Question(n), outcome, self.asked));
            }
            Kind::Fetch(_) | Kind::Replies | Kind::Rooms | Kind::Size => {}
        }
        match self.expected {
            Expected::Unknown => outcome.asked = heard.saturating_add(1),
            Expected::Count(count) => outcome.asked = count,
            Expected::Named(waiting) => self.dead.extend(waiting),
        }
        self.dead.append(&mut self.failed);
        outcome.missing = missing;
        outcome.missing_names = self.dead.into_iter().collect();
        outcome.rooms.sort_unstable();
        outcome.rooms.dedup();
        Some(Ended::Answered(Question(n), outcome, self.asked))
    }
}

/// Adds values to a list of so many at most.
fn extend<T>(list: &mut Vec<T>, more: Vec<T>, most: usize) -> Fit {
    let room = most.saturating_sub(list.len());
    let fit = if more.len() <= room { Fit::Whole } else { Fit::Cut };
    list.extend(more.into_iter().take(room));
    fit
}

fn only_id(id: Box<str>) -> Found {
    Found {
        id,
        rooms: Vec::new(),
        data: Args::new("[]", Vec::new()),
        handshake: Handshake::default(),
    }
}

fn after(now: Instant, time: Duration) -> Instant {
    now.checked_add(time).unwrap_or(now)
}

#[cfg(feature = "fuzz")]
impl Questions {
    pub(super) fn check(&self) {
        let due = self.open.iter().map(|(n, pending)| (pending.stage.due(), *n));
        assert_eq!(due.collect::<BTreeSet<_>>(), self.due, "each question has one deadline");
    }
}
