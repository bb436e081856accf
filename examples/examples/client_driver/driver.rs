//! Commands for a client, and its events.

use examples::driver::{
    Auth, Command, Emit, Options, Report, Settings, Space, State, connect_error, error_of, spelled,
    unsupported,
};
use sansocket::client::{
    AckToken, Answer, AuthRequest, Client, Config, Endpoint, Event, Namespace, Refused, SocketMut,
    Ticket, Transport,
};
use sansocket::{Args, EventMessage, Misuse};
use serde_json::value::RawValue;
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::client_loop::Streams;

/// A client, and what the driver knows of it.
pub(crate) struct Driver {
    pub(crate) client: Client,
    settings: Settings,
    /// The namespace that the URL names.
    main: String,
    spaces: BTreeMap<Namespace, Space>,
    tags: HashMap<Ticket, Box<RawValue>>,
    /// What is done at a time, in order.
    later: BTreeMap<(Instant, u64), Later>,
    delayed: u64,
}

enum Later {
    Acknowledge(AckToken, Args),
    Supply(Namespace, AuthRequest, Option<Box<RawValue>>),
}

impl Driver {
    /// Makes the client; `None` when that is refused.
    pub(crate) fn open(url: &str, options: &Options) -> io::Result<Option<Self>> {
        let endpoint = match Endpoint::parse(url) {
            Ok(endpoint) => endpoint,
            Err(error) => {
                let message = error.to_string();
                let message = Some(&*message);
                Report::Error { op: "open", option: None, error: "failed", message }.print();
                return Ok(None);
            }
        };
        let main = endpoint.path().to_owned();
        let mut config = Config::new(endpoint);
        let mut settings = Settings::default();
        let mut unknown = settings.apply(options, &mut config);
        // The streams of this loop are plain TCP.
        unknown.extend(settings.tls.is_some().then_some("tls"));
        unknown.extend(settings.proxy.is_some().then_some("proxy"));
        unknown.extend(settings.unix.is_some().then_some("unix"));
        for option in &unknown {
            unsupported("open", Some(option));
        }
        if !unknown.is_empty() {
            return Ok(None);
        }
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(io::Error::other)?;
        Ok(Some(Self {
            client: Client::new(Arc::new(config), seed, Instant::now()),
            settings,
            main,
            spaces: BTreeMap::new(),
            tags: HashMap::new(),
            later: BTreeMap::new(),
            delayed: 0,
        }))
    }

    /// Reports what happened, and does what the client asks for, until there is nothing more.
    pub(crate) fn settle(&mut self, streams: &mut Streams) {
        let now = Instant::now();
        while !self.client.is_drained() {
            while let Some(event) = self.client.poll_event() {
                self.on_event(now, event);
            }
            while let Some(action) = self.client.poll_action() {
                streams.act(now, &mut self.client, &action);
            }
        }
    }

    /// When there is something to do without being asked.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.later.keys().next().map(|&(due, _)| due)
    }

    pub(crate) fn run_due(&mut self, now: Instant) {
        while self.due().is_some_and(|due| due <= now) {
            match self.later.pop_first() {
                Some((_, Later::Acknowledge(ack, args))) => self.acknowledge(now, ack, &args),
                Some((_, Later::Supply(namespace, ask, payload))) => {
                    self.supply(now, namespace, ask, payload.as_deref());
                }
                None => {}
            }
        }
    }

    pub(crate) fn command(&mut self, now: Instant, op: &str, command: Command) {
        if let Err(refused) = self.try_command(now, op, command) {
            let message = refused.to_string();
            let (error, message) = (error_of(&refused), Some(&*message));
            Report::Error { op, option: None, error, message }.print();
        }
    }

    fn try_command(&mut self, now: Instant, op: &str, command: Command) -> Result<(), Refused> {
        match command {
            Command::Answer { nsp, event, answer } => self.space(nsp)?.answer(event, answer),
            Command::Close => self.client.close(now),
            Command::Connect { nsp, auth } => {
                let auth = auth.or_else(|| self.settings.auth.take());
                let namespace = self.namespace(nsp)?;
                self.set_auth(now, namespace, auth)?;
                if let Some(mut socket) = self.client.socket(now, namespace) {
                    socket.join();
                }
            }
            Command::Disconnect { nsp } => self.socket(now, nsp)?.leave(),
            Command::Emit { nsp, emit } => self.emit(now, op, nsp, emit)?,
            Command::Off { nsp, event } => self.space(nsp)?.off(&event),
            Command::On { nsp, event, times } => self.space(nsp)?.on(event, times),
            Command::OnAnyOutgoing { nsp } => {
                self.space(nsp)?.reports_sent = true;
                let mut config = Config::clone(self.client.config());
                config.report_sent = true;
                self.client.set_config(Arc::new(config));
            }
            Command::Open { .. } => {
                let message = Some("a driver holds one client");
                Report::Error { op, option: None, error: "failed", message }.print();
            }
            Command::Set { nsp, options } => {
                let mut config = Config::clone(self.client.config());
                for option in self.settings.apply(&options, &mut config) {
                    unsupported(op, Some(option));
                }
                self.client.set_config(Arc::new(config));
                let (namespace, auth) = (self.namespace(nsp)?, self.settings.auth.take());
                self.set_auth(now, namespace, auth)?;
            }
            Command::Simple(_) => unsupported(op, None),
            Command::State { nsp, tag } => self.state(now, nsp, tag.as_deref())?,
            Command::Sync { tag } => Report::Sync { tag: &tag }.print(),
        }
        Ok(())
    }

    fn emit(
        &mut self,
        now: Instant,
        op: &str,
        nsp: Option<String>,
        emit: Emit,
    ) -> Result<(), Refused> {
        let timeout = emit.timeout.or(self.settings.ack_timeout);
        let mut socket = self.socket(now, nsp)?;
        let (event, args) = (&*emit.event, emit.args.as_ref());
        match (emit.ack, emit.volatile) {
            (None, false) => socket.emit(event, args)?,
            (None, true) => drop(socket.emit_volatile(event, args)?),
            (Some(tag), false) => {
                let ticket = socket.emit_with_ack(event, args, timeout)?;
                self.tags.insert(ticket, tag);
            }
            (Some(_), true) => unsupported(op, Some("volatile")),
        }
        Ok(())
    }

    fn state(
        &mut self,
        now: Instant,
        nsp: Option<String>,
        tag: Option<&RawValue>,
    ) -> Result<(), Misuse> {
        let engine = self.client.session_id().map(str::to_owned);
        let transport = self.client.transport().map(Transport::as_str);
        let socket = self.socket(now, nsp)?;
        Report::State(State {
            nsp: socket.name(),
            tag,
            connected: socket.is_joined(),
            active: socket.is_active(),
            id: socket.id().map(str::to_owned),
            recovered: socket.is_recovered(),
            buffered: socket.waiting(),
            engine,
            transport,
        })
        .print();
        Ok(())
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "there are no lines for the others")]
    fn on_event(&mut self, now: Instant, event: Event) {
        let transport = self.client.transport().map(Transport::as_str);
        match event {
            Event::Answer { ticket, answer } => self.on_answer(ticket, answer),
            Event::Attempt { n } => Report::ReconnectAttempt { n }.print(),
            Event::AttemptFailed { fault, .. } => {
                Report::ReconnectError { message: fault.message() }.print();
            }
            Event::Closed { reason, .. } => {
                Report::EngineClose { reason: reason.as_str() }.print();
            }
            Event::Connected { namespace, recovered } => {
                let nsp = self.name(namespace);
                let socket = self.client.socket(now, namespace);
                let id = socket.as_ref().and_then(SocketMut::id).unwrap_or_default();
                Report::Connected { nsp: &nsp, id, recovered, transport }.print();
            }
            Event::ConnectFailed { namespace, fault, retries } => {
                connect_error(&self.name(namespace), &fault, retries);
            }
            Event::Disconnected { namespace, reason, retries } => {
                let (nsp, reason) = (self.name(namespace), reason.as_str());
                Report::Disconnected { nsp: &nsp, reason, reconnects: retries }.print();
            }
            Event::GaveUp => Report::ReconnectFailed.print(),
            Event::Message { namespace, message, ack } => {
                self.on_message(now, namespace, &message, ack);
            }
            Event::NeedsAuth { namespace, ask } => self.on_auth_wanted(now, namespace, ask),
            Event::NeedsSettings => self.client.proceed(now),
            Event::Opened => {
                let sid = self.client.session_id().unwrap_or_default();
                Report::EngineOpen { sid, transport }.print();
            }
            Event::Reconnected { n } => Report::Reconnect { n }.print(),
            Event::Sent { namespace, message } => {
                let space = self.spaces.get(&namespace).filter(|space| space.reports_sent);
                if let Some(space) = space {
                    let (name, args) = (message.name(), spelled(message.args()));
                    Report::Outgoing { nsp: &space.name, name, args }.print();
                }
            }
            Event::Upgraded => Report::Upgrade { transport: "websocket" }.print(),
            Event::UpgradeFailed { fault } => {
                Report::UpgradeError { message: fault.message() }.print();
            }
            _ => {}
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "lines call the others alike")]
    fn on_answer(&mut self, ticket: Ticket, answer: Answer) {
        let Some(tag) = self.tags.remove(&ticket) else { return };
        match answer {
            Answer::Args(args) => {
                Report::Ack { tag: &tag, args: spelled(args.as_ref()) }.print();
            }
            Answer::TimedOut => Report::AckError { tag: &tag, error: "timeout" }.print(),
            _ => Report::AckError { tag: &tag, error: "disconnected" }.print(),
        }
    }

    fn on_message(
        &mut self,
        now: Instant,
        namespace: Namespace,
        message: &EventMessage,
        ack: Option<AckToken>,
    ) {
        let Some(space) = self.spaces.get_mut(&namespace) else { return };
        space.report(message, ack.is_some());
        let Some(ack) = ack else { return };
        match space.take_answer(message.name()) {
            Some((args, Duration::ZERO)) => self.acknowledge(now, ack, &args),
            Some((args, delay)) => self.delay(now + delay, Later::Acknowledge(ack, args)),
            None => {}
        }
    }

    fn on_auth_wanted(&mut self, now: Instant, namespace: Namespace, ask: AuthRequest) {
        let space = self.spaces.get(&namespace);
        let Some(function) = space.and_then(|space| space.auth.clone()) else { return };
        let (payload, delay) = function.call(&self.name(namespace));
        if delay.is_zero() {
            self.supply(now, namespace, ask, payload);
        } else {
            let payload = payload.map(ToOwned::to_owned);
            self.delay(now + delay, Later::Supply(namespace, ask, payload));
        }
    }

    fn supply(
        &mut self,
        now: Instant,
        namespace: Namespace,
        ask: AuthRequest,
        payload: Option<&RawValue>,
    ) {
        let Some(mut socket) = self.client.socket(now, namespace) else { return };
        let payload = payload.map(RawValue::get).filter(|payload| *payload != "null");
        if let Err(misuse) = socket.supply_auth(ask, Ok(payload)) {
            let fault = sansocket::client::Fault::transport(misuse.to_string());
            // An answer that is a fault is never refused.
            let _ = socket.supply_auth(ask, Err(fault));
        }
    }

    fn acknowledge(&mut self, now: Instant, ack: AckToken, args: &Args) {
        let Some(mut socket) = self.client.socket(now, ack.namespace()) else { return };
        if let Err(refused) = socket.acknowledge(ack, args.as_ref()) {
            let message = refused.to_string();
            let (error, message) = (error_of(&refused), Some(&*message));
            Report::Error { op: "answer", option: None, error, message }.print();
        }
    }

    fn delay(&mut self, due: Instant, what: Later) {
        self.delayed += 1;
        self.later.insert((due, self.delayed), what);
    }

    fn set_auth(
        &mut self,
        now: Instant,
        namespace: Namespace,
        auth: Option<Auth>,
    ) -> Result<(), Misuse> {
        use sansocket::client::Auth as Payload;
        let (payload, function) = match auth {
            None => return Ok(()),
            Some(Auth::Value(value)) if value.get() == "null" => (Payload::None, None),
            Some(Auth::Value(value)) => (Payload::Value(value.get().into()), None),
            Some(Auth::Function(function)) => (Payload::Asked, Some(function)),
        };
        if let Some(mut socket) = self.client.socket(now, namespace) {
            socket.set_auth(payload)?;
        }
        if let Some(space) = self.spaces.get_mut(&namespace) {
            space.auth = function;
        }
        Ok(())
    }

    fn namespace(&mut self, nsp: Option<String>) -> Result<Namespace, Misuse> {
        let name = nsp.unwrap_or_else(|| self.main.clone());
        let namespace = self.client.namespace(&name)?;
        self.spaces.entry(namespace).or_insert_with(|| Space::new(&name));
        Ok(namespace)
    }

    fn space(&mut self, nsp: Option<String>) -> Result<&mut Space, Misuse> {
        let namespace = self.namespace(nsp)?;
        self.spaces.get_mut(&namespace).ok_or(Misuse::NotANamespace)
    }

    fn socket(&mut self, now: Instant, nsp: Option<String>) -> Result<SocketMut<'_>, Misuse> {
        let namespace = self.namespace(nsp)?;
        self.client.socket(now, namespace).ok_or(Misuse::NotANamespace)
    }

    fn name(&self, namespace: Namespace) -> String {
        self.spaces.get(&namespace).map(|space| space.name.clone()).unwrap_or_default()
    }
}
