//! Options of commands as settings of a client.

use sansocket::Msgpack;
use sansocket::client::{Backoff, Config, Retries, Revision, Timestamps, Transport};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::auth::Auth;
use super::command::millis;
use super::json::Members;

/// Options as a line names them, in their order.
#[derive(Debug, Default)]
pub struct Options(Vec<(String, Box<RawValue>)>);

/// What options say beside the [`Config`] of a client, and what later ones are joined with.
#[derive(Debug, Default)]
pub struct Settings {
    /// The auth payload.
    pub auth: Option<Auth>,
    /// Time that the server has to acknowledge an event that says nothing else.
    pub ack_timeout: Option<Duration>,
    /// How streams are encrypted.
    pub tls: Option<Tls>,
    /// The URL of a proxy.
    pub proxy: Option<String>,
    /// The path of a Unix socket.
    pub unix: Option<PathBuf>,
    backoff: Backoff,
    retries: Option<u32>,
}

/// How streams are encrypted: PEM texts.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Tls {
    /// The certificates that are trusted, and no others.
    pub ca: Option<String>,
    /// The certificate of the client.
    pub cert: Option<String>,
    /// The key of the certificate.
    pub key: Option<String>,
    /// Whether any certificate is trusted.
    pub insecure: bool,
}

impl Options {
    pub(super) fn parse(text: &str) -> serde_json::Result<Self> {
        let members: Members<'_> = serde_json::from_str(text)?;
        let owned = members.0.into_iter().map(|(name, value)| (name, value.to_owned()));
        Ok(Self(owned.collect()))
    }
}

impl Settings {
    /// Applies options to the settings of a client. Returns the names of those that are not known, or have a
    /// value that is none.
    pub fn apply<'o>(&mut self, options: &'o Options, config: &mut Config) -> Vec<&'o str> {
        let mut unknown = Vec::new();
        for (name, value) in &options.0 {
            if self.set(name, value, config).is_none() {
                unknown.push(&**name);
            }
        }
        unknown
    }

    /// Applies one option; `None` when it is not known.
    fn set(&mut self, name: &str, value: &RawValue, config: &mut Config) -> Option<()> {
        if name.starts_with("reconnection") || name == "randomizationFactor" {
            return self.set_backoff(name, value, config);
        }
        match name {
            "ackTimeout" => self.ack_timeout = Some(time(value)?),
            "addTrailingSlash" => {
                let path = config.path.trim_end_matches('/');
                config.path = if read(value)? { format!("{path}/") } else { path.to_owned() };
            }
            "auth" => self.auth = Some(Auth::parse(value).ok()?),
            "eio" => {
                config.revision = match read::<u8>(value)? {
                    3 => Revision::EngineIo3,
                    4 => Revision::EngineIo4,
                    _ => return None,
                };
            }
            "forceBase64" => config.base64 = read(value)?,
            "headers" => config.headers = pairs(value)?,
            "parser" => {
                config.parser = match &*read::<String>(value)? {
                    "default" => None,
                    "msgpack" => Some(Arc::new(Msgpack)),
                    _ => return None,
                };
            }
            "path" => {
                let path: String = read(value)?;
                let slash = if config.path.ends_with('/') { "/" } else { "" };
                config.path = format!("/{}{slash}", path.trim_matches('/'));
            }
            "protocols" => config.protocols = read(value)?,
            "proxy" => self.proxy = Some(read(value)?),
            "query" => config.query = pairs(value)?,
            "rememberUpgrade" => config.remember_upgrade = read(value)?,
            "retries" => self.retries = Some(read(value)?),
            "timeout" => {
                config.timeout = time(value)?;
                config.connect_timeout = config.timeout;
            }
            "timestampRequests" => {
                let all: bool = read(value)?;
                config.timestamps = if all { Timestamps::All } else { Timestamps::None };
            }
            "tls" => self.tls = Some(read(value)?),
            "transports" => config.transports = transports(value)?,
            "tryAllTransports" => config.try_all = read(value)?,
            "unix" => self.unix = Some(read(value)?),
            "upgrade" => config.upgrade = read(value)?,
            "withCredentials" => config.cookies = read(value)?,
            _ => return None,
        }
        if let (Some(most), Some(timeout)) = (self.retries, self.ack_timeout) {
            config.retries = Some(Retries::new(most, timeout));
        }
        Some(())
    }

    fn set_backoff(&mut self, name: &str, value: &RawValue, config: &mut Config) -> Option<()> {
        let mut reconnects = config.reconnect.is_some();
        match name {
            "randomizationFactor" => self.backoff.jitter = read(value)?,
            "reconnection" => reconnects = read(value)?,
            "reconnectionAttempts" => self.backoff.attempts = read(value)?,
            "reconnectionDelay" => self.backoff.delay = time(value)?,
            "reconnectionDelayMax" => self.backoff.max = time(value)?,
            _ => return None,
        }
        config.reconnect = reconnects.then_some(self.backoff);
        Some(())
    }
}

fn read<T: DeserializeOwned>(value: &RawValue) -> Option<T> {
    serde_json::from_str(value.get()).ok()
}

fn time(value: &RawValue) -> Option<Duration> {
    read(value).map(millis)
}

fn transports(value: &RawValue) -> Option<Vec<Transport>> {
    let names: Vec<String> = read(value)?;
    let all = [Transport::Polling, Transport::WebSocket];
    names.iter().map(|name| all.into_iter().find(|it| it.as_str() == name)).collect()
}

/// The members of an object as texts.
fn pairs(value: &RawValue) -> Option<Vec<(String, String)>> {
    let members: Members<'_> = serde_json::from_str(value.get()).ok()?;
    let text = |value: &RawValue| read(value).unwrap_or_else(|| value.get().to_owned());
    Some(members.0.into_iter().map(|(name, value)| (name, text(value))).collect())
}
