//! The events of a driver, and how they are written.

use sansocket::Misuse;
use sansocket::client::{Fault, Kind, Refused};
use serde::Serialize;
use serde_json::value::RawValue;
use std::io::{self, Write as _};

/// One event of a driver.
#[derive(Debug, Serialize)]
#[serde(tag = "ev", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the fields are those of the lines")]
pub enum Report<'a> {
    /// The outcome of a question: the server's answer.
    Ack { tag: &'a RawValue, args: Box<RawValue> },
    /// The outcome of a question: none.
    AckError { tag: &'a RawValue, error: &'a str },
    /// An auth function was called.
    AuthCalled { nsp: &'a str, n: usize },
    /// A namespace is not joined.
    ConnectError {
        nsp: &'a str,
        kind: &'a str,
        message: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        data: Option<&'a RawValue>,
        #[serde(skip_serializing_if = "Option::is_none")]
        status: Option<u16>,
        reconnects: bool,
    },
    /// A namespace is joined.
    Connected { nsp: &'a str, id: &'a str, recovered: bool, transport: Option<&'a str> },
    /// A namespace was left or lost.
    Disconnected { nsp: &'a str, reason: &'a str, reconnects: bool },
    /// The connection is over.
    EngineClose { reason: &'a str },
    /// The connection is open.
    EngineOpen { sid: &'a str, transport: Option<&'a str> },
    /// A command was refused.
    Error {
        op: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        option: Option<&'a str>,
        error: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        message: Option<&'a str>,
    },
    /// The server sent an event.
    Event { nsp: &'a str, name: &'a str, args: Box<RawValue>, ack: bool },
    /// A handler of one event ran.
    Handled { nsp: &'a str, name: &'a str, args: Box<RawValue> },
    /// An event was handed to the transport.
    Outgoing { nsp: &'a str, name: &'a str, args: Box<RawValue> },
    /// The driver takes commands.
    Ready { client: &'a str },
    /// The simple client received an event.
    Received { name: &'a str, args: Box<RawValue> },
    /// An attempt to reconnect succeeded.
    Reconnect { n: u32 },
    /// An attempt to reconnect begins.
    ReconnectAttempt { n: u32 },
    /// An attempt to reconnect failed.
    ReconnectError { message: &'a str },
    /// No further attempt is made.
    ReconnectFailed,
    /// The simple client is connected.
    SimpleConnected { id: &'a str, transport: Option<&'a str> },
    /// A command of the simple client failed.
    SimpleError {
        op: &'a str,
        error: &'a str,
        message: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        data: Option<&'a RawValue>,
    },
    /// A command of the simple client was carried out.
    SimpleOk { op: &'a str },
    /// The server answered the simple client.
    SimpleReply { args: Box<RawValue> },
    /// How a namespace stands.
    State(State<'a>),
    /// All commands before were taken.
    Sync { tag: &'a RawValue },
    /// The session moved to another transport.
    Upgrade { transport: &'a str },
    /// The session did not move.
    UpgradeError { message: &'a str },
}

/// How a namespace and its connection stand.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the fields are those of the lines")]
pub struct State<'a> {
    pub nsp: &'a str,
    pub tag: Option<&'a RawValue>,
    pub connected: bool,
    pub active: bool,
    pub id: Option<String>,
    pub recovered: bool,
    pub buffered: usize,
    pub engine: Option<String>,
    pub transport: Option<&'a str>,
}

impl Report<'_> {
    /// Writes the event as a line of the standard output. A checker that reads no more ends the driver.
    ///
    /// # Panics
    /// Never: all fields have a JSON form.
    pub fn print(&self) {
        let mut line = serde_json::to_string(self).expect("all fields have a JSON form");
        line.push('\n');
        let mut out = io::stdout().lock();
        if out.write_all(line.as_bytes()).and_then(|()| out.flush()).is_err() {
            std::process::exit(0);
        }
    }
}

/// Reports that a namespace is not joined.
#[expect(clippy::wildcard_enum_match_arm, reason = "lines call the others alike")]
pub fn connect_error(nsp: &str, fault: &Fault, reconnects: bool) {
    let kind = match fault.kind() {
        Kind::Protocol => "protocol",
        Kind::Refused => "refused",
        Kind::Timeout => "timeout",
        _ => "transport",
    };
    let data = fault.data().and_then(|data| serde_json::from_str(data).ok());
    let (message, status) = (fault.message(), fault.http_status());
    Report::ConnectError { nsp, kind, message, data, status, reconnects }.print();
}

/// Reports that the driver does not know a command, or an option of it.
pub fn unsupported(op: &str, option: Option<&str>) {
    Report::Error { op, option, error: "unsupported", message: None }.print();
}

/// What the lines call the reason why an event was not taken.
#[must_use]
#[expect(clippy::wildcard_enum_match_arm, reason = "lines call the others alike")]
pub fn error_of(refused: &Refused) -> &'static str {
    match refused {
        Refused::Full | Refused::TooManyQuestions => "full",
        Refused::Misuse(Misuse::ReservedEvent) => "reserved",
        Refused::TooLarge { .. } => "too large",
        _ => "failed",
    }
}
