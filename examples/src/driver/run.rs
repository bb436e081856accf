//! A driver on the client of the application layer: a binding says how it is opened.

use sansocket_app::client::{
    self, AckError, Client, Config, ConnectError, EmitError, Endpoint, Event, Loss, Manager,
    Proxies, Socket, Transport,
};
use sansocket_app::{Ack, EventMessage, NO_TIMEOUT, NoReply};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::error::Error;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};

use super::auth::{Auth, Function};
use super::command::{Command, Emit};
use super::input::{Line, read};
use super::json::spelled;
use super::report::{Report, State, connect_error, error_of, unsupported};
use super::settings::{Options, Settings, Tls};
use super::simple;
use super::space::Space;

/// Runs a driver on this thread, until its input ends.
pub fn run(name: &str, open: impl Fn(Client) -> Manager) {
    Report::Ready { client: name }.print();
    let (sender, lines) = mpsc::channel();
    read(move |line| sender.send(line).is_ok());
    let (mut driver, mut simple) = (None::<Driver>, None);
    while let Ok(Line::Command(op, command)) = lines.recv() {
        match (*command, &mut driver) {
            (Command::Sync { tag }, _) => Report::Sync { tag: &tag }.print(),
            (Command::Simple(command), _) => simple::command(&op, command, &mut simple, &open),
            (Command::Open { url, options }, None) => driver = Driver::open(&url, &options, &open),
            (command, Some(driver)) => driver.command(&op, command),
            (_, None) => failed(&op, "open comes first"),
        }
    }
    if let Some(driver) = driver {
        driver.manager.close().wait();
    }
    if let Some(simple) = simple {
        simple.disconnect().wait();
    }
}

/// A client, and what the driver knows of it.
struct Driver {
    manager: Manager,
    /// The namespace that the URL names.
    main: String,
    settings: Settings,
    spaces: Spaces,
}

/// What the driver does in each namespace; handlers look here as well.
type Spaces = Arc<Mutex<BTreeMap<String, Space>>>;

impl Driver {
    /// Makes the client; `None` when that is refused.
    fn open(url: &str, options: &Options, open: impl Fn(Client) -> Manager) -> Option<Self> {
        let endpoint = match Endpoint::parse(url) {
            Ok(endpoint) => endpoint,
            Err(error) => {
                failed("open", &error.to_string());
                return None;
            }
        };
        let main = endpoint.path().to_owned();
        let (mut config, mut settings) = (Config::new(endpoint), Settings::default());
        let unknown = settings.apply(options, &mut config);
        for option in &unknown {
            unsupported("open", Some(option));
        }
        if !unknown.is_empty() {
            return None;
        }
        let spaces = Spaces::default();
        let sent = spaces.clone();
        let mut client = Client::with_config(config);
        if let Err(error) = lead(&mut client, &settings) {
            failed("open", &error.to_string());
            return None;
        }
        client.on_event(|event| on_event(&event));
        client.on_sent(move |socket, message| {
            let nsp = socket.namespace();
            if lock(&sent).get(nsp).is_some_and(|space| space.reports_sent) {
                let (name, args) = (message.name(), spelled(message.args()));
                Report::Outgoing { nsp, name, args }.print();
            }
        });
        Some(Self { manager: open(client), main, settings, spaces })
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "lines call the others alike")]
    fn command(&mut self, op: &str, command: Command) {
        if let Err(error) = self.try_command(op, command) {
            let refused = match &error {
                EmitError::Refused(refused) => error_of(refused),
                _ => "failed",
            };
            let message = error.to_string();
            let message = Some(&*message);
            Report::Error { op, option: None, error: refused, message }.print();
        }
    }

    fn try_command(&mut self, op: &str, command: Command) -> Result<(), EmitError> {
        match command {
            Command::Answer { nsp, event, answer } => {
                self.space(nsp, |_, space| space.answer(event, answer))?;
            }
            Command::Close => drop(self.manager.close()),
            Command::Connect { nsp, auth } => {
                let socket = self.socket(nsp)?;
                let auth = auth.or_else(|| self.settings.auth.take());
                set_auth(&socket, auth)?;
                drop(socket.connect());
            }
            Command::Disconnect { nsp } => drop(self.socket(nsp)?.disconnect()),
            Command::Emit { nsp, emit } => self.emit(op, nsp, emit)?,
            Command::Off { nsp, event } => self.space(nsp, |socket, space| {
                space.off(&event);
                socket.handlers(|handlers| {
                    handlers.off(&event);
                });
            })?,
            Command::On { nsp, event, times } => {
                let spaces = self.spaces.clone();
                self.space(nsp, |socket, space| {
                    socket.handlers(|handlers| {
                        handlers.off(&event).on(&event, move |socket, message, ack| {
                            handle(&spaces, socket, message, ack)
                        });
                    });
                    space.on(event, times);
                })?;
            }
            Command::OnAnyOutgoing { nsp } => {
                self.space(nsp, |_, space| space.reports_sent = true)?;
            }
            Command::Open { .. } => failed(op, "a driver holds one client"),
            Command::Set { nsp, options } => {
                let settings = &mut self.settings;
                self.manager.configure(|config| {
                    for option in settings.apply(&options, config) {
                        unsupported(op, Some(option));
                    }
                });
                let auth = self.settings.auth.take();
                set_auth(&self.socket(nsp)?, auth)?;
            }
            Command::Simple(_) => unsupported(op, None),
            Command::State { nsp, tag } => self.state(nsp, tag.as_deref())?,
            Command::Sync { tag } => Report::Sync { tag: &tag }.print(),
        }
        Ok(())
    }

    fn emit(&self, op: &str, nsp: Option<String>, emit: Emit) -> Result<(), EmitError> {
        let timeout = emit.timeout.or(self.settings.ack_timeout);
        let socket = self.socket(nsp)?;
        let (event, args) = (&*emit.event, emit.args.as_ref());
        match (emit.ack, emit.volatile) {
            (None, false) => socket.emit(event, args),
            (None, true) => socket.emit_volatile(event, args).map(drop),
            (Some(tag), false) => {
                let timeout = timeout.unwrap_or(NO_TIMEOUT);
                socket.emit_then(event, args, timeout, move |answer| match answer {
                    Ok(args) => {
                        Report::Ack { tag: &tag, args: spelled(args.as_ref()) }.print();
                    }
                    Err(error) => {
                        let timeout = error == AckError::TimedOut;
                        let error = if timeout { "timeout" } else { "disconnected" };
                        Report::AckError { tag: &tag, error }.print();
                    }
                })
            }
            (Some(_), true) => {
                unsupported(op, Some("volatile"));
                Ok(())
            }
        }
    }

    fn state(&self, nsp: Option<String>, tag: Option<&RawValue>) -> Result<(), EmitError> {
        let socket = self.socket(nsp)?;
        Report::State(State {
            nsp: socket.namespace(),
            tag,
            connected: socket.is_connected(),
            active: socket.is_active(),
            id: socket.id(),
            recovered: socket.is_recovered(),
            buffered: socket.waiting(),
            engine: self.manager.engine_id(),
            transport: socket.transport().map(Transport::as_str),
        })
        .print();
        Ok(())
    }

    /// The handle of a namespace; its handlers are there.
    fn socket(&self, nsp: Option<String>) -> Result<Socket, EmitError> {
        let name = nsp.unwrap_or_else(|| self.main.clone());
        let socket = self.manager.of(&name)?;
        let mut spaces = lock(&self.spaces);
        if !spaces.contains_key(&name) {
            spaces.insert(name.clone(), Space::new(&name));
            drop(spaces);
            self.listen(&socket);
        }
        Ok(socket)
    }

    /// Adds the handlers of a namespace.
    fn listen(&self, socket: &Socket) {
        let spaces = self.spaces.clone();
        socket.handlers(|handlers| {
            handlers
                .on_connect(|socket: Socket| {
                    let id = socket.id().unwrap_or_default();
                    let (nsp, recovered) = (socket.namespace(), socket.is_recovered());
                    let transport = socket.transport().map(Transport::as_str);
                    Report::Connected { nsp, id: &id, recovered, transport }.print();
                })
                .on_connect_error(|socket: Socket, error: ConnectError| {
                    connect_error(socket.namespace(), error.fault(), error.will_retry());
                })
                .on_disconnect(|socket: Socket, loss: Loss| {
                    let (nsp, reason) = (socket.namespace(), loss.reason.as_str());
                    Report::Disconnected { nsp, reason, reconnects: loss.will_retry }.print();
                })
                .on_any(move |socket, message, ack| handle(&spaces, socket, message, ack));
        });
    }

    fn space(
        &self,
        nsp: Option<String>,
        change: impl FnOnce(&Socket, &mut Space),
    ) -> Result<(), EmitError> {
        let socket = self.socket(nsp)?;
        if let Some(space) = lock(&self.spaces).get_mut(socket.namespace()) {
            change(&socket, space);
        }
        Ok(())
    }
}

/// Tells the client which way its streams take.
pub(super) fn lead(client: &mut Client, settings: &Settings) -> Result<(), Box<dyn Error>> {
    if let Some(url) = &settings.proxy {
        client.proxies(Proxies::all(url)?);
    }
    if let Some(path) = &settings.unix {
        client.unix_socket(path);
    }
    if let Some(Tls { ca, cert, key, insecure }) = &settings.tls {
        let mut tls = client::Tls::builder();
        if let Some(ca) = ca {
            tls = tls.only_root_certificates(&**ca);
        }
        if let (Some(cert), Some(key)) = (cert, key) {
            tls = tls.client_certificate(&**cert, &**key);
        }
        if *insecure {
            tls = tls.danger_accept_invalid_certificates();
        }
        client.tls(tls.build()?);
    }
    Ok(())
}

/// Reports an event of the server, and acknowledges it.
fn handle(spaces: &Spaces, socket: Socket, message: EventMessage, ack: Ack<Socket>) -> NoReply {
    let mut spaces = lock(spaces);
    let Some(space) = spaces.get_mut(socket.namespace()) else { return NoReply };
    space.report(&message, ack.is_wanted());
    let answer = if ack.is_wanted() { space.take_answer(message.name()) } else { None };
    drop(spaces);
    let Some((args, delay)) = answer else { return NoReply };
    let send = move || {
        if let Err(error) = ack.send(args.as_ref()) {
            failed("answer", &error.to_string());
        }
    };
    if delay.is_zero() {
        send();
    } else {
        let manager = socket.manager();
        let sleep = manager.sleep(delay);
        manager.spawn(async move {
            sleep.await;
            send();
        });
    }
    NoReply
}

/// Reports what becomes of the connection.
#[expect(clippy::wildcard_enum_match_arm, reason = "there are no lines for the others")]
fn on_event(event: &Event) {
    match event {
        Event::Attempt { n } => Report::ReconnectAttempt { n: *n }.print(),
        Event::AttemptFailed { fault, .. } => {
            Report::ReconnectError { message: fault.message() }.print();
        }
        Event::Closed { reason, .. } => Report::EngineClose { reason: reason.as_str() }.print(),
        Event::GaveUp => Report::ReconnectFailed.print(),
        Event::Opened { session, transport } => {
            Report::EngineOpen { sid: session, transport: Some(transport.as_str()) }.print();
        }
        Event::Reconnected { n } => Report::Reconnect { n: *n }.print(),
        Event::Upgraded => Report::Upgrade { transport: "websocket" }.print(),
        Event::UpgradeFailed { fault } => {
            Report::UpgradeError { message: fault.message() }.print();
        }
        _ => {}
    }
}

fn set_auth(socket: &Socket, auth: Option<Auth>) -> Result<(), EmitError> {
    match auth {
        None => Ok(()),
        Some(Auth::Value(value)) => socket.set_auth(&value),
        Some(Auth::Function(function)) => {
            set_auth_function(socket, function);
            Ok(())
        }
    }
}

/// Lets a function make the auth payloads of a namespace.
pub(super) fn set_auth_function(socket: &Socket, function: Arc<Function>) {
    let (nsp, manager) = (socket.namespace().to_owned(), socket.manager());
    socket.set_auth_with(async move || call(&function, &nsp, &manager).await);
}

/// Calls an auth function, and waits as long as it takes.
async fn call(
    function: &Function,
    nsp: &str,
    manager: &Manager,
) -> Result<Box<RawValue>, NoPayload> {
    let (payload, delay) = function.call(nsp);
    let payload = payload.map(ToOwned::to_owned);
    if !delay.is_zero() {
        manager.sleep(delay).await;
    }
    payload.ok_or(NoPayload)
}

/// An auth function without values.
#[derive(Debug, thiserror::Error)]
#[error("the function has no values")]
struct NoPayload;

fn failed(op: &str, message: &str) {
    Report::Error { op, option: None, error: "failed", message: Some(message) }.print();
}

fn lock(spaces: &Spaces) -> MutexGuard<'_, BTreeMap<String, Space>> {
    spaces.lock().unwrap_or_else(PoisonError::into_inner)
}
