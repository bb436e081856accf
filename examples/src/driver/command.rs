//! The commands of a driver.

use sansocket::Args;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::time::Duration;

use super::auth::Auth;
use super::json;
use super::settings::Options;

/// One command. Without `nsp`, it concerns the namespace that the URL names.
#[derive(Debug)]
#[expect(missing_docs, reason = "the fields are those of the lines")]
pub enum Command {
    /// Acknowledges events of the server from now on.
    Answer { nsp: Option<String>, event: String, answer: Answer },
    /// Leaves all namespaces.
    Close,
    /// Joins a namespace.
    Connect { nsp: Option<String>, auth: Option<Auth> },
    /// Leaves a namespace.
    Disconnect { nsp: Option<String> },
    /// Sends an event.
    Emit { nsp: Option<String>, emit: Emit },
    /// Removes the handlers of an event.
    Off { nsp: Option<String>, event: String },
    /// Adds a handler of an event.
    On { nsp: Option<String>, event: String, times: Times },
    /// Reports events that are handed to the transport, from now on.
    OnAnyOutgoing { nsp: Option<String> },
    /// Makes the client.
    Open { url: String, options: Options },
    /// Changes settings of the client.
    Set { nsp: Option<String>, options: Options },
    /// A command for the simple client.
    Simple(Simple),
    /// Reports how a namespace stands.
    State { nsp: Option<String>, tag: Option<Box<RawValue>> },
    /// Reports that all commands before were taken.
    Sync { tag: Box<RawValue> },
}

/// A command for the simple client.
#[derive(Debug)]
#[expect(missing_docs, reason = "the fields are those of the lines")]
pub enum Simple {
    /// Asks the server something.
    Call { event: String, args: Args, timeout: Duration },
    /// Connects.
    Connect { url: String, options: Options, nsp: Option<String>, auth: Option<Auth> },
    /// Ends.
    Disconnect,
    /// Sends an event.
    Emit { event: String, args: Args },
    /// Takes the next event of the server.
    Receive { timeout: Option<Duration> },
}

/// An event, and how it is sent.
#[derive(Debug)]
#[expect(missing_docs, reason = "the fields are those of the line")]
pub struct Emit {
    pub event: String,
    pub args: Args,
    pub volatile: bool,
    pub ack: Option<Box<RawValue>>,
    pub timeout: Option<Duration>,
}

/// How events of the server are acknowledged.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the fields are those of the line")]
pub struct Answer {
    pub args: Args,
    pub delay: Duration,
    pub times: Option<u32>,
}

/// How often a handler runs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Times {
    /// Each time.
    Always,
    /// The first time.
    Once,
}

/// A line, before its command is known.
#[derive(Deserialize)]
pub(super) struct Fields<'a> {
    pub(super) op: String,
    url: Option<String>,
    #[serde(borrow)]
    opts: Option<&'a RawValue>,
    nsp: Option<String>,
    #[serde(borrow)]
    auth: Option<&'a RawValue>,
    event: Option<String>,
    #[serde(borrow)]
    args: Option<&'a RawValue>,
    #[serde(default)]
    volatile: bool,
    #[serde(borrow)]
    ack: Option<&'a RawValue>,
    timeout: Option<f64>,
    delay: Option<f64>,
    times: Option<u32>,
    #[serde(default)]
    once: bool,
    #[serde(borrow)]
    tag: Option<&'a RawValue>,
    pub(super) ms: Option<f64>,
}

/// Why a line is no command.
pub(super) enum Unfit {
    Unknown,
    Wrong(String),
}

impl Fields<'_> {
    /// Makes the command of the line.
    pub(super) fn command(self) -> Result<Command, Unfit> {
        if let Some(op) = self.op.strip_prefix("simple.") {
            let op = op.to_owned();
            return self.simple(&op).map(Command::Simple);
        }
        let nsp = self.nsp.clone();
        Ok(match self.op.as_str() {
            "answer" => {
                let delay = self.delay.map(millis).unwrap_or_default();
                let answer = Answer { args: self.args()?, delay, times: self.times };
                Command::Answer { nsp, event: self.event()?, answer }
            }
            "close" => Command::Close,
            "connect" => Command::Connect { nsp, auth: self.auth()? },
            "disconnect" => Command::Disconnect { nsp },
            "emit" => {
                let emit = Emit {
                    event: self.event()?,
                    args: self.args()?,
                    volatile: self.volatile,
                    ack: self.ack.map(RawValue::to_owned),
                    timeout: self.timeout.map(millis),
                };
                Command::Emit { nsp, emit }
            }
            "off" => Command::Off { nsp, event: self.event()? },
            "on" => {
                let times = if self.once { Times::Once } else { Times::Always };
                Command::On { nsp, event: self.event()?, times }
            }
            "on_any_outgoing" => Command::OnAnyOutgoing { nsp },
            "open" => Command::Open { url: self.url()?, options: self.options()? },
            "set" => Command::Set { nsp, options: self.options()? },
            "state" => Command::State { nsp, tag: self.tag.map(RawValue::to_owned) },
            "sync" => Command::Sync { tag: self.tag.ok_or_else(|| lacks("tag"))?.to_owned() },
            _ => return Err(Unfit::Unknown),
        })
    }

    fn simple(&self, op: &str) -> Result<Simple, Unfit> {
        const MINUTE: Duration = Duration::from_secs(60);
        Ok(match op {
            "call" => {
                let timeout = self.timeout.map_or(MINUTE, millis);
                Simple::Call { event: self.event()?, args: self.args()?, timeout }
            }
            "connect" => {
                let (url, options) = (self.url()?, self.options()?);
                Simple::Connect { url, options, nsp: self.nsp.clone(), auth: self.auth()? }
            }
            "disconnect" => Simple::Disconnect,
            "emit" => Simple::Emit { event: self.event()?, args: self.args()? },
            "receive" => Simple::Receive { timeout: self.timeout.map(millis) },
            _ => return Err(Unfit::Unknown),
        })
    }

    fn url(&self) -> Result<String, Unfit> {
        self.url.clone().ok_or_else(|| lacks("url"))
    }

    fn event(&self) -> Result<String, Unfit> {
        self.event.clone().ok_or_else(|| lacks("event"))
    }

    fn args(&self) -> Result<Args, Unfit> {
        json::args(self.args.map_or("[]", RawValue::get)).map_err(Unfit::Wrong)
    }

    fn auth(&self) -> Result<Option<Auth>, Unfit> {
        let auth = self.auth.map(Auth::parse).transpose();
        auth.map_err(|error| Unfit::Wrong(error.to_string()))
    }

    fn options(&self) -> Result<Options, Unfit> {
        let text = self.opts.map_or("{}", RawValue::get);
        Options::parse(text).map_err(|error| Unfit::Wrong(error.to_string()))
    }
}

fn lacks(field: &str) -> Unfit {
    Unfit::Wrong(format!("it has no {field}"))
}

/// A time of a line.
pub(super) fn millis(ms: f64) -> Duration {
    Duration::try_from_secs_f64(ms / 1000.0).unwrap_or_default()
}
