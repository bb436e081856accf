//! What an application can do with a namespace.

use std::time::Duration;

use super::emit::How;
use super::space::{Auth, Namespace, Space, Status};
use crate::client::Client;
use crate::client::event::{AckToken, AuthRequest, Ticket};
use crate::client::fault::Fault;
use crate::client::refused::Refused;
use crate::error::Misuse;
use crate::socket::{ArgsRef, EventMessage, scan};
use crate::time::Tick;

/// A namespace of a client, for a moment.
#[derive(Debug)]
pub struct SocketMut<'c> {
    pub(in crate::client) client: &'c mut Client,
    pub(in crate::client) namespace: Namespace,
    pub(in crate::client) now: Tick,
}

impl SocketMut<'_> {
    /// Wants the namespace to be joined: now if there is a session, else with the next one. The client
    /// connects if it does not, at once even while it waits for its next attempt. Does nothing for a namespace
    /// that is joined or being joined.
    pub fn join(&mut self) {
        self.client.join(self.now, self.namespace);
        self.client.advance(self.now);
    }

    /// Leaves the namespace; with the last one the connection closes, after what waits for it. Events that
    /// wait for the namespace to be joined stay.
    pub fn leave(&mut self) {
        self.client.leave(self.now, self.namespace);
        self.client.advance(self.now);
    }

    /// Leaves the namespace and forgets it, with all that waits for it.
    pub fn forget(mut self) {
        self.leave();
        self.client.forget(self.namespace);
    }

    /// Says what shows to the server who joins, from the next time on.
    ///
    /// # Errors
    /// [`Misuse::NotAnObject`] for a value that is no JSON object.
    pub fn set_auth(&mut self, auth: Auth) -> Result<(), Misuse> {
        if let Auth::Value(text) = &auth {
            scan::object(text).map_err(|_| Misuse::NotAnObject)?;
        }
        if let Some(space) = self.space_mut() {
            space.auth = auth;
        }
        Ok(())
    }

    /// Answers [`Event::NeedsAuth`](crate::client::Event::NeedsAuth) with the text of a JSON object, with
    /// nothing, or with the reason why there is none: the namespace is then not joined in this session. An
    /// answer that comes too late is overlooked.
    ///
    /// # Errors
    /// [`Misuse::NotAnObject`] for a text that is no JSON object: the question stays open.
    pub fn supply_auth(
        &mut self,
        ask: AuthRequest,
        auth: Result<Option<&str>, Fault>,
    ) -> Result<(), Misuse> {
        if let Ok(Some(text)) = auth {
            scan::object(text).map_err(|_| Misuse::NotAnObject)?;
        }
        self.client.supply_auth(self.now, self.namespace, ask, auth);
        self.client.advance(self.now);
        Ok(())
    }

    /// Sends an event. While the namespace is not joined it waits, within the bounds of
    /// [`Config::offline`](crate::client::Config::offline).
    ///
    /// # Errors
    /// Why it was not taken.
    pub fn emit(&mut self, name: &str, args: ArgsRef<'_>) -> Result<(), Refused> {
        self.put(name, args, How::Plain).map(drop)
    }

    /// The same; it is dropped when it could not be sent within `time`. It is never
    /// [sent again](crate::client::Config::retries).
    ///
    /// # Errors
    /// As for [`emit`](Self::emit).
    pub fn emit_within(
        &mut self,
        time: Duration,
        name: &str,
        args: ArgsRef<'_>,
    ) -> Result<(), Refused> {
        self.put(name, args, How::Until(self.now.after(time))).map(drop)
    }

    /// Sends an event that asks for an acknowledgement; the outcome comes as
    /// [`Event::Answer`](crate::client::Event::Answer), exactly once, after `timeout` at the latest, if there
    /// is one. An event that was not sent by then is not sent.
    ///
    /// # Errors
    /// As for [`emit`](Self::emit), and [`Refused::TooManyQuestions`]; then no outcome follows.
    pub fn emit_with_ack(
        &mut self,
        name: &str,
        args: ArgsRef<'_>,
        timeout: Option<Duration>,
    ) -> Result<Ticket, Refused> {
        let ticket = self.put(name, args, How::Asking(timeout))?;
        ticket.ok_or(Refused::NotJoined)
    }

    /// Sends an event if the transport takes it now; `false` when it was dropped, because the namespace is not
    /// joined or too much waits.
    ///
    /// # Errors
    /// [`Refused::Misuse`] and [`Refused::TooLarge`].
    pub fn emit_volatile(&mut self, name: &str, args: ArgsRef<'_>) -> Result<bool, Refused> {
        let sent = self.client.emit_volatile(self.namespace, (name, args));
        self.client.advance(self.now);
        sent
    }

    /// Acknowledges an event of the server. Nothing is sent when the session has ended since.
    ///
    /// # Errors
    /// [`Refused::Misuse`] for too many attachments, and [`Refused::TooLarge`].
    pub fn acknowledge(&mut self, ack: AckToken, args: ArgsRef<'_>) -> Result<(), Refused> {
        let sent = self.client.put_ack(ack, args);
        self.client.advance(self.now);
        sent
    }

    /// Returns how many events wait for the namespace to be joined.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.space().map_or(0, |space| space.waiting.len())
    }

    /// Takes the events that wait for the namespace to be joined; questions among them have no answer.
    pub fn take_waiting(&mut self) -> Vec<EventMessage> {
        let mut messages = Vec::new();
        while let Some(item) = self.space_mut().and_then(|space| space.waiting.pop()) {
            self.client.on_lost(self.namespace, &item);
            messages.extend(self.client.message(&item.packet));
        }
        messages
    }

    /// Returns the name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.space().map_or("", |space| &space.name)
    }

    /// Returns the public id that the server gave the client here, while the namespace is joined.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.space()?.id.as_deref()
    }

    /// Whether the namespace is joined.
    #[must_use]
    pub fn is_joined(&self) -> bool {
        self.space().is_some_and(|space| space.status.is_joined())
    }

    /// Whether the namespace is joined, or will be without another [`join`](Self::join).
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.space().is_some_and(|space| space.status.is_wanted())
    }

    /// Whether the server took the client for the one that it lost, when the namespace was joined.
    #[must_use]
    pub fn is_recovered(&self) -> bool {
        self.space().is_some_and(|space| space.status == Status::Joined { recovered: true })
    }

    fn put(&mut self, name: &str, args: ArgsRef<'_>, how: How) -> Result<Option<Ticket>, Refused> {
        let sent = self.client.emit(self.now, self.namespace, (name, args), how);
        self.client.advance(self.now);
        sent
    }

    fn space(&self) -> Option<&Space> {
        self.client.spaces.get(self.namespace)
    }

    fn space_mut(&mut self) -> Option<&mut Space> {
        self.client.spaces.get_mut(self.namespace)
    }
}
