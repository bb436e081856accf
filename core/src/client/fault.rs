//! Why a connection failed, or a namespace was not joined.

use std::fmt;
use std::time::Duration;

use crate::error::Violation;

/// Why an attempt to connect, a session or an upgrade failed. One pointer.
#[derive(Clone, PartialEq)]
pub struct Fault(Box<Details>);

#[derive(Clone, PartialEq)]
struct Details {
    kind: Kind,
    message: Box<str>,
    status: Option<u16>,
    violation: Option<Violation>,
    /// JSON, with which a server refused the client.
    data: Option<Box<str>>,
    /// The start of the body of an HTTP answer.
    body: Box<str>,
    /// The wait that the server asked for.
    retry_after: Duration,
}

/// What kind of failure it was.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Kind {
    /// The peer breaks the protocol, or speaks another revision of it than [`Config::revision`](super::Config).
    Protocol,
    /// The server keeps the client out of the namespace.
    Refused,
    /// Something did not happen in time.
    Timeout,
    /// Everything else: names, streams, encryption, HTTP.
    Transport,
}

/// Bytes of the body of an answer that are kept.
const BODY: usize = 1024;

/// The longest wait that a server may ask for.
const LONGEST: Duration = Duration::from_secs(5 * 60);

impl Fault {
    /// Makes the fault of a stream, for hosts that open streams: the message says what the operating system
    /// or a library said.
    #[must_use]
    pub fn transport(message: impl Into<Box<str>>) -> Self {
        Self::new(Kind::Transport, message)
    }

    /// Adds the HTTP status that was answered, by a proxy for example.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.0.status = Some(status);
        self
    }

    /// Says in front of the message where it happened.
    #[must_use]
    pub fn with_prefix(mut self, prefix: &str) -> Self {
        self.0.message = format!("{prefix}{}", self.0.message).into();
        self
    }

    pub(super) fn new(kind: Kind, message: impl Into<Box<str>>) -> Self {
        Self(Box::new(Details {
            kind,
            message: message.into(),
            status: None,
            violation: None,
            data: None,
            body: Box::default(),
            retry_after: Duration::ZERO,
        }))
    }

    /// The peer broke a rule.
    pub(super) fn violation(kind: Kind, violation: Violation) -> Self {
        let mut fault = Self::new(kind, violation.to_string());
        fault.0.violation = Some(violation);
        fault
    }

    /// The answer to a request had this status.
    pub(super) fn status(status: u16, retry_after: Option<Duration>) -> Self {
        let mut fault = Self::new(Kind::Transport, format!("the server answered {status}"));
        fault.0.status = Some(status);
        fault.0.retry_after = retry_after.unwrap_or_default().min(LONGEST);
        fault
    }

    pub(super) fn with_body(mut self, body: &[u8]) -> Self {
        let mut text = String::from_utf8_lossy(&body[..body.len().min(BODY)]).into_owned();
        if text.contains("\"code\":1") && self.0.status == Some(400) {
            self.0.message =
                "the server knows no such session: behind a load balancer, sessions have \
                              to stick to their server"
                    .into();
        }
        // Lossy text may be longer than the bytes that it was made of.
        while text.len() > BODY {
            text.pop();
        }
        self.0.body = text.into();
        self
    }

    pub(super) fn refused(message: &str, data: Option<&str>) -> Self {
        let mut fault = Self::new(Kind::Refused, message);
        fault.0.data = data.map(Box::from);
        fault
    }

    pub(super) fn timeout(message: &'static str) -> Self {
        Self::new(Kind::Timeout, message)
    }

    /// Returns what kind of failure it was.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// Returns the message: of a server that refuses, its own words.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Returns the HTTP status, if one was answered.
    #[must_use]
    pub fn http_status(&self) -> Option<u16> {
        self.0.status
    }

    /// Returns the rule of the protocol that the peer broke, if it was that.
    #[must_use]
    pub fn broken_rule(&self) -> Option<Violation> {
        self.0.violation
    }

    /// Returns the JSON text of the data with which a server refused the client.
    #[must_use]
    pub fn data(&self) -> Option<&str> {
        self.0.data.as_deref()
    }

    /// Returns up to 1 KiB of the body of the HTTP answer.
    #[must_use]
    pub fn body(&self) -> &str {
        &self.0.body
    }

    /// The wait that the server asked for.
    pub(super) fn retry_after(&self) -> Duration {
        self.0.retry_after
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fault({:?}, {:?}", self.0.kind, self.0.message)?;
        if let Some(status) = self.0.status {
            write!(f, ", {status}")?;
        }
        f.write_str(")")
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for Fault {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c92_a_body_is_kept_in_part_and_an_unknown_session_is_explained() {
        let fault = Fault::status(502, None).with_body(&[b'\xff'; 5000]);
        assert!(fault.body().len() <= BODY);
        assert_eq!((fault.http_status(), fault.kind()), (Some(502), Kind::Transport));
        let body = br#"{"code":1,"message":"Session ID unknown"}"#;
        let fault = Fault::status(400, None).with_body(body);
        assert!(fault.message().contains("stick"), "{fault}");
        assert_eq!(fault.body().as_bytes(), body);
    }
}
