//! The clients of one shard, and the answers that tasks wait for.

use sansocket::{Answer, Args, Event, Gone, Link, Socket as Key, Ticket};
use std::sync::{Arc, Weak};
use std::task::Waker;

use crate::shards::backlog::Backlog;
use crate::shards::cell::{Cell, give_back};
use crate::shards::kept::Kept;
use crate::shards::port::Port;
use crate::sockets::answers::ack::AckError;
use crate::sockets::answers::drain::Draining;
use crate::sockets::answers::waiting::{Questions, Then, Waiting};
use crate::sockets::engine::EngineSession;
use crate::sockets::job::{Callback, Job, PLACE, Task, size_of_event};
use crate::sockets::reach::Reach;
use crate::sockets::socket::{Introduction, Socket};

/// What is kept beside the server of each shard.
#[derive(Default)]
pub(crate) struct Clients {
    /// The sockets by key.
    sockets: Vec<Option<Socket>>,
    /// The client of the last message.
    latest: Option<Key>,
    pub(crate) questions: Questions,
    pub(crate) draining: Draining,
}

/// The jobs of one shard.
type Jobs = Backlog<Job>;

impl Clients {
    /// Returns the socket with a key, if the client is there.
    pub(crate) fn socket(&self, key: Key) -> Option<&Socket> {
        self.sockets.get(key.index())?.as_ref().filter(|socket| socket.key() == key)
    }

    /// Forgets a socket.
    pub(crate) fn remove(&mut self, key: Key) {
        self.sockets[key.index()] = None;
        self.latest = None;
        give_back(&mut self.sockets);
    }

    fn insert(&mut self, socket: Socket) {
        let at = socket.key().index();
        if at >= self.sockets.len() {
            self.sockets.resize_with(at + 1, || None);
        }
        self.sockets[at] = Some(socket);
    }

    /// Takes an answer, which a task or a function waits for.
    fn answered(&mut self, ticket: Ticket, answer: Answer, jobs: &mut Jobs) -> Option<Waker> {
        if let Answer::Args(args) = answer {
            return self.answered_with(ticket, args, jobs);
        }
        match (self.take_waiting(ticket)?, answer) {
            (Waiting::Then(socket, then), Answer::TimedOut) => {
                call_back(socket, then, Err(AckError::TimedOut), jobs)
            }
            (Waiting::Then(socket, then), _) => {
                call_back(socket, then, Err(AckError::Disconnected), jobs)
            }
            (Waiting::One(slot), Answer::TimedOut) => slot.fill(Err(AckError::TimedOut)),
            (Waiting::One(slot), _) => slot.fill(Err(AckError::Disconnected)),
            (Waiting::Many(tally), Answer::Done { missing }) => tally.finish(missing),
            (Waiting::Many(tally), _) => tally.finish(0),
        }
    }

    fn answered_with(&mut self, ticket: Ticket, args: Args, jobs: &mut Jobs) -> Option<Waker> {
        let place = self.questions.place(ticket)?;
        if let Some(Waiting::Many(tally)) = self.questions.at(place) {
            return tally.add(args);
        }
        match self.questions.take(place)? {
            Waiting::One(slot) => slot.fill(Ok(args)),
            Waiting::Then(socket, then) => call_back(socket, then, Ok(args), jobs),
            Waiting::Many(_) => None,
        }
    }

    fn take_waiting(&mut self, ticket: Ticket) -> Option<Waiting> {
        self.questions.take(self.questions.place(ticket)?)
    }
}

impl Kept for Clients {
    type Owner = dyn Reach;
    type Job = Job;

    #[inline(always)]
    fn note(
        &mut self,
        owner: &Weak<dyn Reach>,
        shard: u16,
        event: Event,
        jobs: &mut Jobs,
    ) -> Option<Waker> {
        let Event::Message { socket: key, message, ack } = event else {
            return self.note_other(owner, shard, event, jobs);
        };
        let follows = jobs.last().is_some_and(|job| matches!(job.task, Task::Message { .. }));
        let socket = match self.latest {
            Some(latest) if latest == key && follows => None,
            Some(_) | None => Some(self.socket(key)?.clone()),
        };
        self.latest = Some(key);
        // Weighed before it is put together, which then happens once.
        let charge = jobs.charge(|| PLACE + size_of_event(&message));
        let task = Task::Message { socket, message: Some(message), ack };
        jobs.push(Job { task, charge });
        None
    }

    fn run(owner: Arc<dyn Reach>, shard: u16, jobs: Vec<Job>) {
        owner.run(shard, jobs);
    }
}

impl Clients {
    #[inline(never)]
    fn note_other(
        &mut self,
        owner: &Weak<dyn Reach>,
        shard: u16,
        event: Event,
        jobs: &mut Jobs,
    ) -> Option<Waker> {
        match event {
            Event::Connect { socket: key, id, namespace, auth, handshake } => {
                let hub = owner.upgrade()?;
                let came = hub.bus().map_or(0, |_| hub.shards().age());
                let intro = Introduction { shard, key, id, namespace, auth, handshake, came };
                let socket = Socket::new(hub, intro);
                self.insert(socket.clone());
                push(Task::Connect(socket), jobs);
            }
            Event::Disconnect { socket: key, reason, rooms } => {
                if let Some(socket) = self.socket(key).cloned() {
                    self.remove(key);
                    push(Task::Disconnect { socket, reason, rooms }, jobs);
                }
                return self.draining.end(key, Err(Gone));
            }
            Event::Ack { ticket, answer, .. } => return self.answered(ticket, answer, jobs),
            Event::Drain { socket } => return self.draining.end(socket, Ok(())),
            Event::Forgotten { kept } => push(Task::Forget(kept), jobs),
            Event::Life { namespace, life } => push(Task::Life { namespace, life }, jobs),
            Event::Received { session, message } => {
                let session = EngineSession::new(owner.upgrade()?, shard, session);
                push(Task::Engine { session, message }, jobs);
            }
            // Nothing of the application layer waits for these.
            Event::Closed { .. }
            | Event::Found { .. }
            | Event::Message { .. }
            | Event::Opened { .. }
            | _ => {}
        }
        None
    }
}

impl Cell<Clients> {
    /// The bytes that wait at the gates of the clients of a session. If any do, `port` is rung when
    /// there are less.
    pub(crate) fn weigh(&self, link: Link, port: &Arc<Port>) -> usize {
        let sockets = self.server.sockets_of(link).filter_map(|key| self.kept.socket(key));
        sockets.map(|socket| socket.gate().weigh(port)).sum()
    }
}

fn push(task: Task, jobs: &mut Jobs) {
    let charge = jobs.charge(|| task.weight());
    jobs.push(Job { task, charge });
}

fn call_back(
    socket: Option<Socket>,
    then: Then,
    outcome: Result<Args, AckError>,
    jobs: &mut Jobs,
) -> Option<Waker> {
    push(Task::Callback(Callback { socket, then, outcome }), jobs);
    None
}
