//! The commands of the simple client.

use sansocket_app::client::{
    AckError, Client, Config, Endpoint, Kind, Manager, ReceiveError, SimpleClient, Transport,
};
use std::error::Error;
use std::sync::Arc;

use super::auth::{Auth, Function};
use super::command::Simple;
use super::json::spelled;
use super::report::{Report, unsupported};
use super::run::{lead, set_auth_function};
use super::settings::{Options, Settings};

/// Carries out a command, and waits for its result.
pub(super) fn command(
    op: &str,
    simple: Simple,
    kept: &mut Option<SimpleClient>,
    open: impl FnOnce(Client) -> Manager,
) {
    match (simple, &*kept) {
        (Simple::Connect { url, options, nsp, auth }, _) => {
            match client(&url, nsp.as_deref(), &options, auth) {
                Ok((client, function)) => *kept = connect(op, client, function, open),
                Err(error) => failed(op, "transport", &error.to_string()),
            }
        }
        (_, None) => failed(op, "disconnected", "simple.connect comes first"),
        (Simple::Call { event, args, timeout }, Some(client)) => {
            match client.socket().emit_with_ack(&event, args.as_ref(), timeout).wait() {
                Ok(args) => Report::SimpleReply { args: spelled(args.as_ref()) }.print(),
                Err(AckError::TimedOut) => failed(op, "timeout", "no answer"),
                Err(error) => failed(op, "disconnected", &error.to_string()),
            }
        }
        (Simple::Disconnect, Some(client)) => {
            client.disconnect().wait();
            Report::SimpleOk { op }.print();
        }
        (Simple::Emit { event, args }, Some(client)) => match client.emit(&event, args.as_ref()) {
            Ok(()) => Report::SimpleOk { op }.print(),
            Err(error) => failed(op, "disconnected", &error.to_string()),
        },
        (Simple::Receive { timeout }, Some(client)) => {
            let receiving = match timeout {
                Some(timeout) => client.receive_within(timeout),
                None => client.receive(),
            };
            match receiving.wait() {
                Ok((name, args)) => {
                    Report::Received { name: &name, args: spelled(args.as_ref()) }.print();
                }
                Err(ReceiveError::TimedOut) => failed(op, "timeout", "nothing came"),
                Err(error) => failed(op, "disconnected", &error.to_string()),
            }
        }
    }
}

/// A client, and the function that makes its auth payloads, if there is one.
type Made = (Client, Option<Arc<Function>>);

/// Makes the client of a namespace.
fn client(
    url: &str,
    nsp: Option<&str>,
    options: &Options,
    auth: Option<Auth>,
) -> Result<Made, Box<dyn Error>> {
    let mut endpoint = Endpoint::parse(url)?;
    if let Some(nsp) = nsp {
        let start = url.find("://").map_or(0, |at| at + 3);
        let end = url[start..].find(['/', '?', '#']).map_or(url.len(), |at| start + at);
        let query = url.find('?').map_or("", |at| &url[at..]);
        endpoint = Endpoint::parse(&format!("{}{nsp}{query}", &url[..end]))?;
    }
    let (mut config, mut settings) = (Config::new(endpoint), Settings::default());
    for option in settings.apply(options, &mut config) {
        unsupported("simple.connect", Some(option));
    }
    let mut client = Client::with_config(config);
    lead(&mut client, &settings)?;
    let function = match auth.or(settings.auth) {
        None => None,
        Some(Auth::Value(value)) => {
            client.auth(&value);
            None
        }
        Some(Auth::Function(function)) => Some(function),
    };
    Ok((client, function))
}

fn connect(
    op: &str,
    client: Client,
    function: Option<Arc<Function>>,
    open: impl FnOnce(Client) -> Manager,
) -> Option<SimpleClient> {
    let open = |client| {
        let manager = open(client);
        if let Some(function) = function {
            set_auth_function(&manager.socket(), function);
        }
        manager
    };
    match SimpleClient::start(client, open).wait() {
        Ok(client) => {
            let id = client.socket().id().unwrap_or_default();
            let transport = client.socket().transport().map(Transport::as_str);
            Report::SimpleConnected { id: &id, transport }.print();
            Some(client)
        }
        Err(error) => {
            let refused = error.kind() == Kind::Refused;
            let data = error.data_json().and_then(|data| serde_json::from_str(data).ok());
            let (kind, message) = (if refused { "refused" } else { "transport" }, error.message());
            Report::SimpleError { op, error: kind, message, data }.print();
            None
        }
    }
}

fn failed(op: &str, error: &str, message: &str) {
    Report::SimpleError { op, error, message, data: None }.print();
}
