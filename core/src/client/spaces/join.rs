//! CONNECT, its answers, and leaving (socket.io-protocol v5, "Connection to a namespace").

use super::old::{self, Root};
use super::recovery::Memory;
use super::refusal;
use super::space::{Auth, Namespace, Status};
use crate::client::Client;
use crate::client::event::{AuthRequest, Event, Reason};
use crate::client::fault::{Fault, Kind};
use crate::client::queue::Item;
use crate::engine::terms::Revision;
use crate::socket::encoder::Encoder;
use crate::socket::scan;
use crate::time::Tick;

/// The longest id of a client, in bytes of JSON.
const ID: usize = 1024;

impl Client {
    /// Wants a namespace: it is joined now, or as soon as there is a session.
    pub(super) fn join(&mut self, now: Tick, namespace: Namespace) {
        let due = now.after(self.config.connect_timeout);
        let Some(space) = self.spaces.get_mut(namespace) else { return };
        match space.status {
            Status::Left => space.reset(Status::Waiting),
            Status::Retracting => space.status = Status::Joining { due },
            Status::Authenticating
            | Status::Joined { .. }
            | Status::Joining { .. }
            | Status::Waiting => {}
        }
        if space.status == Status::Waiting && self.engine.state.is_open() {
            self.knock(now, namespace);
        }
        self.connect(now);
    }

    /// Asks to be let in, or asks the application for what it takes.
    pub(in crate::client) fn knock(&mut self, now: Tick, namespace: Namespace) {
        let Some(space) = self.spaces.get_mut(namespace) else { return };
        if !space.status.is_wanted() {
            return;
        }
        if self.engine.revision != Revision::V4 && &*space.name == "/" {
            return self.await_root(now, namespace);
        }
        match &space.auth {
            Auth::None => self.put_connect(now, namespace, ""),
            Auth::Value(payload) => {
                let payload = payload.clone();
                self.put_connect(now, namespace, &payload);
            }
            Auth::Asked => {
                space.asks = space.asks.wrapping_add(1);
                space.status = Status::Authenticating;
                let ask = AuthRequest(space.asks);
                self.outputs.tell(Event::NeedsAuth { namespace, ask });
            }
        }
    }

    pub(super) fn put_connect(&mut self, now: Tick, namespace: Namespace, auth: &str) {
        let due = now.after(self.config.connect_timeout);
        let mut encoder = self.encoder();
        let Some(space) = self.spaces.get_mut(namespace) else { return };
        space.status = Status::Joining { due };
        let packet = match (self.engine.revision, &space.memory) {
            (Revision::V3(_), _) => encoder.connect_with(&old::queried(&space.name, auth), ""),
            (Revision::V4, Some(memory)) => {
                encoder.connect_with(&space.name, &memory.payload(auth))
            }
            (Revision::V4, None) => encoder.connect_with(&space.name, auth),
        };
        self.engine.outbox.push(Item::control(packet));
    }

    /// Tells the server that the client left.
    pub(in crate::client) fn put_disconnect(&mut self, namespace: Namespace) {
        let Some(space) = self.spaces.get(namespace) else { return };
        let packet = self.encoder().disconnect(&space.name);
        if &*space.name == "/" {
            self.spaces.root = Root::Left;
        }
        self.engine.outbox.push(Item::control(packet));
    }

    /// What writes packets.
    pub(super) fn encoder(&self) -> Encoder {
        Encoder::new(self.config.parser.as_ref())
    }

    /// The application says what it takes to be let in.
    pub(super) fn supply_auth(
        &mut self,
        now: Tick,
        namespace: Namespace,
        ask: AuthRequest,
        auth: Result<Option<&str>, Fault>,
    ) {
        let Some(space) = self.spaces.get_mut(namespace) else { return };
        if space.status != Status::Authenticating || AuthRequest(space.asks) != ask {
            return;
        }
        match auth {
            Ok(auth) => self.put_connect(now, namespace, auth.unwrap_or_default()),
            Err(fault) => {
                space.reset(Status::Waiting);
                self.on_not_joined(now, namespace, fault);
            }
        }
    }

    /// A CONNECT of the server.
    pub(super) fn on_connect(&mut self, now: Tick, namespace: Namespace, payload: Option<&str>) {
        let revision = self.engine.revision;
        let session = self.engine.session.as_ref().map_or("", |session| &*session.sid);
        let Some(space) = self.spaces.get_mut(namespace) else { return };
        match space.status {
            Status::Joining { .. } => {}
            Status::Retracting => {
                space.reset(Status::Left);
                space.left = true;
                return self.put_disconnect(namespace);
            }
            Status::Authenticating | Status::Joined { .. } | Status::Left | Status::Waiting => {
                return;
            }
        }
        let payload = payload.unwrap_or_default();
        let sid = refusal::member(payload, "sid").filter(|sid| sid.len() <= ID);
        let id = match revision {
            Revision::V3(_) => Some(old::id(&space.name, session).into()),
            Revision::V4 => sid.and_then(scan::string),
        };
        let Some(id) = id else {
            let fault = Fault::new(
                Kind::Protocol,
                "the server let the client in without an id: it speaks another version of Socket.IO",
            );
            return self.end(now, Reason::ParseError, Some(fault));
        };
        let pid = refusal::member(payload, "pid").filter(|pid| pid.starts_with('"'));
        let before = space.memory.take();
        let recovered = before.as_ref().is_some_and(|memory| Some(&*memory.pid) == pid);
        space.memory = match before {
            Some(memory) if recovered => Some(memory),
            Some(_) | None => pid.and_then(Memory::new).map(Box::new),
        };
        space.id = Some(id.into());
        space.visit = space.visit.wrapping_add(1);
        space.status = Status::Joined { recovered };
        space.early_bytes = 0;
        let early = std::mem::take(&mut space.early);
        self.outputs.tell(Event::Connected { namespace, recovered });
        for (message, id) in early {
            self.deliver(namespace, message, id);
        }
        self.flush(now, namespace);
        self.retry_first(now, namespace);
    }

    /// A CONNECT_ERROR of the server: the namespace is not tried again by itself.
    pub(super) fn on_refused(&mut self, now: Tick, namespace: Namespace, reason: Option<&str>) {
        let Some(space) = self.spaces.get_mut(namespace) else { return };
        match space.status {
            Status::Joining { .. } => space.reset(Status::Left),
            Status::Retracting => return space.reset(Status::Left),
            Status::Authenticating | Status::Joined { .. } | Status::Left | Status::Waiting => {
                return;
            }
        }
        let fault = match self.engine.revision {
            Revision::V3(_) => refusal::fault_of_v2(reason),
            Revision::V4 => refusal::fault(reason),
        };
        self.outputs.tell(Event::ConnectFailed { namespace, fault, retries: false });
        self.close_if_unwanted(now);
    }

    /// A DISCONNECT of the server.
    pub(super) fn on_disconnected(&mut self, now: Tick, namespace: Namespace) {
        let joined = self.spaces.get(namespace).is_some_and(|space| space.status.is_joined());
        if joined {
            self.spaces.leave(namespace, Reason::ServerDisconnect, &mut self.outputs);
            self.close_if_unwanted(now);
        }
    }

    /// Tells of the namespaces whose CONNECT is not answered. One that is not alone is joined when the answer
    /// comes after all: a second CONNECT could not be told from the first.
    pub(in crate::client) fn expire_joins(&mut self, now: Tick) {
        for namespace in self.spaces.keys() {
            let Some(space) = self.spaces.get_mut(namespace) else { continue };
            if let Status::Joining { due } = space.status
                && due <= now
            {
                space.status = Status::Joining { due: Tick::NEVER };
                let fault = Fault::timeout("the server did not answer CONNECT in time");
                self.on_not_joined(now, namespace, fault);
            }
        }
    }

    /// A namespace is not joined, for a reason that may pass. When no other one keeps the session, another is
    /// tried.
    pub(super) fn on_not_joined(&mut self, now: Tick, namespace: Namespace, fault: Fault) {
        let needed = self.spaces.keys().into_iter().any(|other| {
            let status = self.spaces.get(other).map_or(Status::Left, |space| space.status);
            other != namespace && status.is_wanted() && status != Status::Waiting
        });
        if !needed {
            return self.end(now, Reason::TransportError, Some(fault));
        }
        let retries = self.config.reconnect.is_some();
        self.outputs.tell(Event::ConnectFailed { namespace, fault, retries });
    }
}
