//! Jobs become calls of handlers.

use sansocket::EventMessage;
use sansocket::client::{AckToken, AuthRequest, Fault};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::Waker;

use super::auth::Auth;
use super::error::ConnectError;
use super::hold::Hold;
use super::job::{Job, Notice, Task};
use super::loss::Loss;
use super::manager::Manager;
use super::meeting::Meeting;
use super::seat::{Seat, Standing};
use super::shared::Shared;
use super::socket::Socket;
use crate::handlers::call::{Caller, Caught, start};
use crate::handlers::disconnect::Departure;
use crate::handlers::order::Order;
use crate::log::{self, log, quoted};
use crate::runtime::BoxFuture;
use crate::sockets::error::{Cause, HandlerError};

impl Shared {
    /// Sends jobs their way: each is done here and now, or at the gate of its namespace. No lock is held, and the
    /// caller has the turn of the client.
    pub(super) fn perform_all(&self, jobs: Vec<Job>) {
        for job in jobs {
            // Handlers are caught where they are called; this catches what else may panic, values that are
            // dropped above all.
            let _ = catch_unwind(AssertUnwindSafe(|| self.perform(job)));
        }
    }

    fn perform(&self, job: Job) {
        match job {
            Job::Client(Notice::Settings) => self.prepare(),
            // It calls nothing of the application, and a handler may wait for it.
            job @ Job::Client(Notice::Closed(_)) => drop(self.call(job)),
            Job::Namespace(seat, Task::Auth(ask)) => self.supply_auth(&seat, ask),
            job @ Job::Namespace(_, Task::Connect | Task::Failed(_)) => self.call_in_order(job),
            job @ (Job::Client(_) | Job::Namespace(..)) => self.call_in_turn(job),
        }
    }

    /// Does a job when those before it are done.
    fn call_in_turn(&self, job: Job) {
        if self.is_free(&job) {
            self.call_now(job);
        } else if self.is_concurrent(&job) {
            self.launch(job);
        } else {
            self.queue(job);
        }
    }

    /// Whether nothing stands in line before a job, and handlers may be called on this thread.
    fn is_free(&self, job: &Job) -> bool {
        let gate = job.seat().map_or(&self.gate, |seat| &seat.gate);
        !gate.is_held() && self.runtime().workers().is_none()
    }

    /// Does a job here and now.
    fn call_now(&self, job: Job) {
        let seat = job.seat().cloned();
        if let (Some(rest), Some(seat)) = (self.call(job), seat) {
            Hold::take(self.shared(), seat).follow(rest);
        }
    }

    /// Puts a job in line at its gate; where the gate is free, sees to it that the job is done.
    fn queue(&self, job: Job) {
        let Some(hold) = Hold::queue(self, job) else { return };
        match self.runtime().workers() {
            Some(_) => hold.go_on(),
            None => hold.drain(),
        }
    }

    /// Does a job of a namespace after what came before for the whole client, which waits for it, too.
    fn call_in_order(&self, job: Job) {
        let Some(seat) = job.seat().cloned() else { return };
        if self.is_free(&job) && !self.gate.is_held() {
            return self.call_now(job);
        }
        let meeting = Arc::new(Meeting::of(job));
        self.queue(Job::Client(Notice::Meeting(meeting.clone())));
        self.queue(Job::Namespace(seat, Task::Meeting(meeting)));
    }

    /// Does a job, and catches panics of its values when they are dropped.
    pub(super) fn call_caught(&self, job: Job) -> Option<BoxFuture<()>> {
        catch_unwind(AssertUnwindSafe(|| self.call(job))).ok().flatten()
    }

    /// Does a job. What is returned, if anything, is the rest of a handler that later calls of the namespace wait
    /// for.
    fn call(&self, job: Job) -> Option<BoxFuture<()>> {
        self.ease(job.weight());
        match job {
            Job::Client(notice) => {
                self.call_notice(notice);
                None
            }
            Job::Namespace(seat, task) => self.call_task(&seat, task),
        }
    }

    fn call_notice(&self, notice: Notice) {
        match notice {
            Notice::Closed(slots) => {
                slots.iter().filter_map(|slot| slot.fill(())).for_each(Waker::wake);
            }
            Notice::Event(event) => {
                if let Some(heard) = &self.setup.on_event {
                    // A panic has been printed and concerns no other job.
                    let _ = catch_unwind(AssertUnwindSafe(|| heard(event)));
                }
            }
            Notice::Meeting(_) => {}
            Notice::Settings => self.prepare(),
        }
    }

    fn call_task(&self, seat: &Arc<Seat>, task: Task) -> Option<BoxFuture<()>> {
        match task {
            Task::Answer(then, outcome) => {
                // A panic has been printed and concerns no other job.
                let _ = catch_unwind(AssertUnwindSafe(|| then(outcome)));
                None
            }
            Task::Auth(ask) => {
                self.supply_auth(seat, ask);
                None
            }
            Task::Connect => self.call_connect(seat),
            Task::Disconnect(loss) => self.call_disconnect(seat, loss),
            Task::Failed(error) => {
                self.call_failed(seat, error);
                None
            }
            Task::Meeting(_) => None,
            Task::Message { message, ack } => self.call_message(seat, message, ack),
            Task::Sent(message) => {
                if let Some(heard) = &self.setup.on_sent {
                    let socket = self.socket(seat);
                    let _ = catch_unwind(AssertUnwindSafe(|| heard(&socket, &message)));
                }
                None
            }
        }
    }

    fn call_connect(&self, seat: &Arc<Seat>) -> Option<BoxFuture<()>> {
        let space = seat.space();
        let socket = self.socket(seat);
        log!(
            debug, "sansocket::connect", id = %socket.id().unwrap_or_default(),
            namespace = ?quoted(&seat.name), "joined"
        );
        let Some(handler) = &space.handlers.connect else {
            seat.set_standing(Standing::Admitted);
            return None;
        };
        let joining = socket.clone();
        let seat = seat.clone();
        self.run(
            || handler(&joining, None),
            move |client, decision| {
                let cause = match decision {
                    Ok(Ok(())) => return seat.set_standing(Standing::Admitted),
                    Ok(Err(mut refusal)) => refusal.take_cause(),
                    Err(panicked) => Some(*panicked),
                };
                seat.set_standing(Standing::Refused);
                if let Some(cause) = cause {
                    client.report(&socket, "connect", None, cause);
                }
                socket.leave();
            },
        )
    }

    fn call_disconnect(&self, seat: &Arc<Seat>, loss: Loss) -> Option<BoxFuture<()>> {
        log!(
            debug, "sansocket::connect", namespace = ?quoted(&seat.name), reason = %loss, "left"
        );
        let space = seat.space();
        let handler = space.handlers.disconnect.as_ref();
        let handler = handler.filter(|_| seat.standing() != Standing::Refused)?;
        let socket = self.socket(seat);
        let leaving = socket.clone();
        self.run(
            || handler(Departure { socket: &leaving, reason: loss, rooms: &[] }),
            move |client, outcome| {
                if let Err(cause) = outcome.unwrap_or_else(Err) {
                    client.report(&socket, "disconnect", None, *cause);
                }
            },
        )
    }

    fn call_failed(&self, seat: &Arc<Seat>, error: ConnectError) {
        log!(
            debug, "sansocket::connect", namespace = ?quoted(&seat.name),
            error = ?quoted(error.message()), "not joined"
        );
        if let Some(heard) = &seat.space().on_connect_error {
            let socket = self.socket(seat);
            // A panic has been printed and concerns no other job.
            let _ = catch_unwind(AssertUnwindSafe(|| heard(socket, error)));
        }
    }

    fn call_message(
        &self,
        seat: &Arc<Seat>,
        message: EventMessage,
        mut token: Option<AckToken>,
    ) -> Option<BoxFuture<()>> {
        if seat.standing() == Standing::Refused {
            return None;
        }
        let space = seat.space();
        let found = space.handlers.find(message.name());
        if found.is_some_and(|entry| entry.order == Order::Concurrent) {
            self.launch_message(seat.clone(), message, token);
            return None;
        }
        let socket = self.socket(seat);
        if !self.lets_in(&socket, &space.handlers, &message) {
            return None;
        }
        let Some(entry) = found else {
            log!(
                debug, "sansocket::event", namespace = ?quoted(&seat.name),
                event = ?quoted(message.name()), "no handler"
            );
            return None;
        };
        let rest = start(self.begin(&socket, entry, &mut Some(message), &mut token)?)?;
        if entry.order == Order::Sequential {
            return Some(rest);
        }
        self.runtime().spawn(rest);
        None
    }

    /// Whether it is an event whose handler waits for nothing, and may have it now.
    fn is_concurrent(&self, job: &Job) -> bool {
        let Job::Namespace(seat, Task::Message { message, .. }) = job else { return false };
        let space = seat.space();
        let entry = space.handlers.find(message.name());
        seat.standing() == Standing::Admitted
            && entry.is_some_and(|entry| entry.order == Order::Concurrent)
    }

    /// Calls a handler that waits for nothing.
    fn launch(&self, job: Job) {
        self.ease(job.weight());
        if let Job::Namespace(seat, Task::Message { message, ack }) = job {
            self.launch_message(seat, message, ack);
        }
    }

    fn launch_message(&self, seat: Arc<Seat>, message: EventMessage, mut token: Option<AckToken>) {
        let client = self.shared();
        let begin = move || {
            let space = seat.space();
            let entry = space.handlers.find(message.name())?;
            let socket = client.socket(&seat);
            if !client.lets_in(&socket, &space.handlers, &message) {
                return None;
            }
            client.begin(&socket, entry, &mut Some(message), &mut token)
        };
        if let Some(workers) = self.runtime().workers() {
            let client = self.shared();
            return workers.run(Box::new(move || {
                let begun = catch_unwind(AssertUnwindSafe(|| begin().and_then(start)));
                if let Some(rest) = begun.ok().flatten() {
                    client.runtime().spawn(rest);
                }
            }));
        }
        self.runtime().spawn(Box::pin(async move {
            if let Some(rest) = begin() {
                rest.await;
            }
        }));
    }

    /// Asks the application for the auth payload.
    fn supply_auth(&self, seat: &Arc<Seat>, ask: AuthRequest) {
        let (client, seat) = (self.shared(), seat.clone());
        self.runtime().spawn(Box::pin(async move {
            let payload = match &seat.space().auth {
                Auth::None => Ok(None),
                Auth::Value(json) => Ok(Some(json.clone())),
                Auth::Function(make) => {
                    let make = make.clone();
                    let made = Caught(Box::pin(async move { make().await })).await;
                    made.unwrap_or_else(|_| Err(Fault::transport("the auth function panicked")))
                        .map(Some)
                }
            };
            client.with(|state, now| {
                let Some(mut socket) = state.core.socket(now, seat.key) else { return };
                let payload = payload.as_ref().map(Option::as_deref).map_err(Clone::clone);
                if let Err(misuse) = socket.supply_auth(ask, payload) {
                    // No object: the question is still open.
                    let fault = Fault::transport(misuse.to_string());
                    let _ = socket.supply_auth(ask, Err(fault));
                }
            });
        }));
    }

    /// Asks the application for the settings of the next attempt.
    fn prepare(&self) {
        let client = self.shared();
        self.runtime().spawn(Box::pin(async move {
            if let Some(prepare) = client.setup.prepare.clone() {
                let manager = Manager::of_owner(client.owner());
                // A panic has been printed: the attempt is made with the settings as they are.
                let _ = Caught(Box::pin(async move { prepare(manager).await })).await;
            }
            client.with(|state, now| state.core.proceed(now));
        }));
    }

    /// A handle for handlers.
    fn socket(&self, seat: &Arc<Seat>) -> Socket {
        Socket::new(self.owner(), seat.clone())
    }
}

impl Caller<Socket> for Shared {
    fn keep(&self) -> Arc<Self> {
        self.shared()
    }

    fn report(&self, socket: &Socket, event: &str, message: Option<&EventMessage>, cause: Cause) {
        let space = socket.seat().space();
        let heard = space.handlers.on_error.as_ref();
        let event = message.map_or(event, EventMessage::name).into();
        // A line shows no arguments, so that they need not be copied for one.
        let shown = message.filter(|_| heard.is_some());
        let error = HandlerError::new(socket, event, shown, cause);
        // A panic in there cannot be reported any more.
        let _ = catch_unwind(AssertUnwindSafe(|| match heard {
            Some(heard) => heard(error),
            None => log::error(&socket.id().unwrap_or_default(), &error),
        }));
    }
}
