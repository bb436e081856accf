//! What is wrong with a configuration, found before anything is served.

use std::time::Duration;

use super::{Config, Layer, Origins, Protocols};
use crate::cookie::{Cookie, SameSite};
use crate::deflate::Deflate;
use crate::http::head::MAX_FIELDS;
use crate::http::token::is_token;
use crate::limits::Limits;

/// A configuration that cannot work, or not safely.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A cookie attribute that would be read as more than its value.
    #[error(
        "the cookie's {attribute} {value:?} is not allowed: leave out ';', ',', spaces, quotes and control characters"
    )]
    Cookie {
        /// Which attribute.
        attribute: &'static str,
        /// What it was set to.
        value: String,
    },
    /// A cookie for other sites that browsers will not keep.
    #[error("browsers drop a SameSite=None cookie that is not Secure: set Cookie::secure as well")]
    CookieNotSecure,
    /// Every page of the web could act in the name of a user that is logged in.
    #[error(
        "credentials for every page are refused by browsers: list the pages in Config::origins"
    )]
    CredentialsForAny,
    /// A setting of the compression of messages that it cannot have.
    #[error("Config::deflate.{name} is {value}: set it to between {least} and {most}")]
    Deflate {
        /// Its field.
        name: &'static str,
        /// What it was set to.
        value: u8,
        /// The least it can be.
        least: u8,
        /// The most it can be.
        most: u8,
    },
    /// A header field that is malformed, or not the application's to set.
    #[error("the header {name:?} is not allowed in Config::headers: {remedy}")]
    Header {
        /// Its name.
        name: String,
        /// What to do about it.
        remedy: &'static str,
    },
    /// A first message that would be read as two.
    #[error("Config::initial_packet holds the separator of packets, U+001E: leave it out")]
    InitialPacket,
    /// A limit that leaves the server no way to work, or that it cannot keep.
    #[error("Config::limits.{name} is {value}: set it to between {least} and {most}")]
    Limit {
        /// Its field.
        name: &'static str,
        /// What it was set to.
        value: usize,
        /// The least it can be.
        least: usize,
        /// The most it can be.
        most: usize,
    },
    /// No session could ever be opened.
    #[error("no transport is on: enable Transports::polling or Transports::websocket")]
    NoTransport,
    /// An origin that no browser sends.
    #[error(
        "no browser sends the origin {0:?}: write scheme://host or scheme://host:port, in lower case and without a path; for every page use Origins::Any"
    )]
    Origin(String),
    /// A path that no request has.
    #[error(
        "the path {0:?} matches no request: write it with a slash at both ends, such as \"/socket.io/\""
    )]
    Path(String),
    /// A subprotocol that no client can offer.
    #[error(
        "no client offers the subprotocol {0:?} of Config::protocols: it is a token, as in a header"
    )]
    Protocol(String),
    /// A time that would be over at once.
    #[error("Config::{0} is zero: give it at least a millisecond")]
    Zero(&'static str),
}

impl Config {
    /// Finds what cannot work, or not safely. Hosts call it once before they serve.
    ///
    /// # Errors
    /// The first thing that is wrong, with a remedy.
    pub fn check(&self) -> Result<(), ConfigError> {
        if !is_path(&self.path) {
            return Err(ConfigError::Path(self.path.clone()));
        }
        for (name, time) in [
            ("ping_interval", self.ping_interval),
            ("ping_timeout", self.ping_timeout),
            ("connect_timeout", self.connect_timeout),
            ("upgrade_timeout", self.upgrade_timeout),
            ("close_timeout", self.close_timeout),
            ("limits.head_time", self.limits.head_time),
            ("limits.body_time", self.limits.body_time),
            ("limits.idle_time", self.limits.idle_time),
            ("limits.rate_window", self.limits.rate_window),
            ("limits.attachment_time", self.limits.attachment_time),
        ] {
            if time < Duration::from_millis(1) {
                return Err(ConfigError::Zero(name));
            }
        }
        check_limits(&self.limits, self.layer)?;
        if self.initial_packet.as_ref().is_some_and(|text| text.contains('\u{1e}')) {
            return Err(ConfigError::InitialPacket);
        }
        if !self.transports.polling && !self.transports.websocket {
            return Err(ConfigError::NoTransport);
        }
        if let Origins::List(list) = &self.origins
            && let Some(wrong) = list.iter().find(|origin| !is_origin(origin))
        {
            return Err(ConfigError::Origin(wrong.clone()));
        }
        if self.credentials && self.origins == Origins::Any {
            return Err(ConfigError::CredentialsForAny);
        }
        if let Protocols::OneOf(list) = &self.protocols
            && let Some(wrong) = list.iter().find(|name| !is_token(name))
        {
            return Err(ConfigError::Protocol(wrong.clone()));
        }
        self.deflate.as_ref().map_or(Ok(()), check_deflate)?;
        self.cookie.as_ref().map_or(Ok(()), check_cookie)?;
        self.headers.iter().try_for_each(|(name, value)| check_header(name, value))
    }
}

/// What has no bound that makes sense is left out: at zero, nothing of that kind is allowed.
fn check_limits(limits: &Limits, layer: Layer) -> Result<(), ConfigError> {
    let strangers = usize::from(layer == Layer::SocketIo);
    for (name, value, least, most) in [
        ("head", limits.head, 128, 1024 * 1024),
        ("headers", limits.headers, 1, MAX_FIELDS),
        ("max_payload", limits.max_payload, 2, MOST),
        ("fragments", size(limits.fragments), 1, MOST),
        ("packets", limits.packets, 1, MOST),
        ("attachments", size(limits.attachments), 0, MOST),
        ("attachment_bytes", limits.attachment_bytes, 0, MOST),
        ("handshakes", limits.handshakes, strangers, MOST),
        ("sessions", limits.sessions, 1, MOST),
        ("bytes", limits.bytes, 1024, usize::MAX / 2),
        ("namespaces", limits.namespaces.into(), 1, u16::MAX.into()),
        ("namespace_name", limits.namespace_name, 1, MOST),
        // Room for the OPEN packet and the answer to the first CONNECT.
        ("max_backlog", limits.max_backlog, 1024, MOST),
        ("low_water", limits.low_water, 1, MOST),
        ("packets_per_poll", limits.packets_per_poll, 1, MOST),
    ] {
        if !(least..=most).contains(&value) {
            return Err(ConfigError::Limit { name, value, least, most });
        }
    }
    Ok(())
}

/// More than any machine wants of anything, and little enough to add to.
const MOST: usize = i32::MAX as usize;

fn size(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

fn check_deflate(deflate: &Deflate) -> Result<(), ConfigError> {
    for (name, value, least, most) in [
        ("level", deflate.level, 1, 9),
        ("memory", deflate.memory, 1, 9),
        ("server_max_window_bits", deflate.server_max_window_bits, 9, 15),
        ("client_max_window_bits", deflate.client_max_window_bits, 9, 15),
    ] {
        if !(least..=most).contains(&value) {
            return Err(ConfigError::Deflate { name, value, least, most });
        }
    }
    Ok(())
}

/// A path is absolute, ends with a slash and has no query.
fn is_path(path: &str) -> bool {
    path.starts_with('/')
        && path.ends_with('/')
        && path.len() <= 1024
        && path.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'?' | b'#'))
}

/// RFC 6454 §6.2, as browsers write it.
fn is_origin(origin: &str) -> bool {
    let part = |text: &str| {
        let sound = |byte: u8| byte.is_ascii_graphic() && !byte.is_ascii_uppercase();
        !text.is_empty()
            && text.bytes().all(|byte| sound(byte) && !matches!(byte, b'/' | b'?' | b'#' | b'*'))
    };
    origin == "null"
        || origin.split_once("://").is_some_and(|(scheme, host)| part(scheme) && part(host))
}

fn check_cookie(cookie: &Cookie) -> Result<(), ConfigError> {
    let value = |text: &str| {
        let special = |byte| matches!(byte, b';' | b',' | b'"' | b'\\');
        text.bytes().all(|byte| byte.is_ascii_graphic() && !special(byte))
    };
    let wrong = if !is_token(&cookie.name) {
        ("name", &cookie.name)
    } else if !cookie.path.starts_with('/') || !value(&cookie.path) {
        ("path", &cookie.path)
    } else if let Some(domain) = cookie.domain.as_ref().filter(|domain| !value(domain)) {
        ("domain", domain)
    } else if cookie.same_site == SameSite::None && !cookie.secure {
        return Err(ConfigError::CookieNotSecure);
    } else {
        return Ok(());
    };
    Err(ConfigError::Cookie { attribute: wrong.0, value: wrong.1.clone() })
}

/// Whether a host may add a field to an answer.
pub(crate) fn accepts_header(name: &str, value: &str) -> bool {
    check_header(name, value).is_ok()
}

fn check_header(name: &str, value: &str) -> Result<(), ConfigError> {
    let remedy = if !is_token(name) {
        "a name is letters, digits and hyphens"
    } else if RESERVED.iter().any(|own| own.eq_ignore_ascii_case(name)) {
        "leave it to the server, which sets it itself"
    } else if value.bytes().any(|byte| byte.is_ascii_control() && byte != b'\t') {
        "take line breaks and control characters out of its value"
    } else {
        return Ok(());
    };
    Err(ConfigError::Header { name: name.to_owned(), remedy })
}

/// Fields that say where an answer ends, or what the stream turns into.
const RESERVED: [&str; 9] = [
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "sec-websocket-accept",
    "sec-websocket-extensions",
    "sec-websocket-protocol",
    "transfer-encoding",
    "upgrade",
];
