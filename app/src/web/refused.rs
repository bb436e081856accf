//! What an application hears of the requests that are refused.

use sansocket::{Caller, Request, Response};

/// A request of the protocol that was refused, as [`App::on_refused`](crate::App::on_refused) hears of it.
#[derive(Debug)]
#[non_exhaustive]
pub struct RefusedRequest<'a> {
    /// The head of the request.
    pub request: &'a Request<'a>,
    /// The client that sent it.
    pub caller: Caller,
    /// The status of the answer.
    pub status: u16,
    /// The number of the refusal, from 0 to 5, as the JavaScript server has them: see
    /// [`Response::code`](crate::Response::code).
    pub code: u8,
    /// The rule that was broken, in words for a log.
    pub rule: &'static str,
}

impl<'a> RefusedRequest<'a> {
    /// What there is to say of an answer, if it is a refusal.
    pub(crate) fn of(
        request: &'a Request<'a>,
        caller: Caller,
        response: &Response,
    ) -> Option<Self> {
        let rule = response.rule()?;
        let code = response.code().unwrap_or(BAD_REQUEST);
        Some(Self { request, caller, status: response.status, code, rule })
    }

    /// The refusal of the application itself, or of a server that shuts down.
    pub(crate) fn barred(
        request: &'a Request<'a>,
        caller: Caller,
        response: &Response,
        rule: &'static str,
    ) -> Self {
        Self { request, caller, status: response.status, code: FORBIDDEN, rule }
    }

    /// Returns the words that the JavaScript server has for the number.
    #[must_use]
    pub fn message(&self) -> &'static str {
        match self.code {
            0 => "Transport unknown",
            1 => "Session ID unknown",
            2 => "Bad handshake method",
            FORBIDDEN => "Forbidden",
            5 => "Unsupported protocol version",
            _ => "Bad request",
        }
    }
}

const BAD_REQUEST: u8 = 3;

const FORBIDDEN: u8 = 4;
