//! Requests: admission checks in the order of the JavaScript server, handshakes, polls and POSTs
//! (engine.io-protocol v4, "HTTP long-polling" and "WebSocket").

use std::time::Instant;

use super::link::poll_response;
use super::origin::Access;
use super::session::Goodbye;
use super::{Server, Transmit, Verdict};
use crate::engine::payload::{self, Part};
use crate::engine::transport::{OnGet, OnPost, OnProbe};
use crate::error::{Reason, Violation};
use crate::http::{Method, Query, Request, Response};
use crate::key::{Link, Sid};
use crate::time::Tick;
use crate::ws::CloseCode;
use crate::ws::handshake::{self, Ask};

/// The transport a request names.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Named {
    Polling,
    WebSocket,
}

impl Server {
    /// Takes a request that a [`Conn`](crate::Conn) or a host framework parsed.
    pub fn handle_request(&mut self, now: Instant, request: Request<'_>) -> Verdict {
        if !self.config.serves(request.path()) {
            return Verdict::Pass;
        }
        let now = self.clock.read(now);
        let access = Access::of(&request, &self.config.origins);
        if request.method == Method::Options {
            return Verdict::Respond(access.preflight(&request));
        }
        match self.admit_request(now, &request, access) {
            Ok(verdict) => verdict,
            Err(refusal) => Verdict::Respond(access.allow(refusal)),
        }
    }

    /// Takes the whole body of a POST.
    pub fn handle_body(&mut self, now: Instant, link: Link, body: &[u8]) -> Verdict {
        let now = self.clock.read(now);
        let Some(slot) = self.session_of(link) else {
            // The session ended while the body arrived.
            self.links.remove(link.0);
            return Verdict::Respond(bad_request());
        };
        let origin = self.sessions.at(slot).and_then(|session| session.origin.clone());
        let outcome = self.read_payload(now, slot, body);
        self.links.remove(link.0);
        let Some(session) = self.sessions.at_mut(slot) else {
            return Verdict::Respond(posted(origin.as_deref()));
        };
        session.transport = session.transport.on_answered(link);
        match outcome {
            Ok(()) => Verdict::Respond(posted(origin.as_deref())),
            Err(violation) => {
                self.end(slot, Reason::Violation(violation), Goodbye::of(violation));
                Verdict::Respond(with_origin(bad_request(), origin.as_deref()))
            }
        }
    }

    fn admit_request(
        &mut self,
        now: Tick,
        request: &Request<'_>,
        access: Access<'_>,
    ) -> Result<Verdict, Response> {
        let query = Query::parse(request.target);
        if query.repeated {
            return Err(bad_request());
        }
        let transports = self.config.transports;
        let named = match query.transport {
            Some("polling") if transports.polling => Named::Polling,
            Some("websocket") if transports.websocket || transports.upgrades => Named::WebSocket,
            Some(_) | None => return Err(Response::error(400, 0, "Transport unknown")),
        };
        if access == Access::Refused {
            return Err(Response::error(400, 3, "Origin not allowed"));
        }
        let ask = handshake::ask(request);
        match query.sid {
            Some(sid) => self.resume(now, request, access, (named, query.revision, sid, ask)),
            None => self.open(now, request, access, (named, query.revision, ask)),
        }
    }

    /// A request without `sid`: a handshake.
    fn open(
        &mut self,
        now: Tick,
        request: &Request<'_>,
        access: Access<'_>,
        (named, revision, ask): (Named, Option<&str>, Ask<'_>),
    ) -> Result<Verdict, Response> {
        if request.method != Method::Get {
            return Err(Response::error(400, 2, "Bad handshake method"));
        }
        let key = match (named, ask) {
            (Named::Polling, Ask::Http) => None,
            (Named::WebSocket, Ask::WebSocket { key }) if self.config.transports.websocket => {
                Some(key)
            }
            (Named::Polling | Named::WebSocket, _) => return Err(bad_request()),
        };
        if revision != Some("4") {
            return Err(Response::error(400, 5, "Unsupported protocol version"));
        }
        let slot = self.open_session(now, request, access);
        Ok(match key {
            None => {
                let open = self.open_packet(slot);
                Verdict::Respond(access.allow(poll_response(open, None)))
            }
            Some(key) => Verdict::Upgrade {
                link: self.open_websocket(slot),
                response: Response::switching(handshake::accept(key)),
            },
        })
    }

    /// A request with a `sid`: a poll, a POST or an upgrade.
    fn resume(
        &mut self,
        now: Tick,
        request: &Request<'_>,
        access: Access<'_>,
        (named, revision, sid, ask): (Named, Option<&str>, &str, Ask<'_>),
    ) -> Result<Verdict, Response> {
        let slot = Sid::parse(sid).ok().and_then(|sid| self.find_session(&sid));
        let Some(slot) = slot else {
            return Err(Response::error(400, 1, "Session ID unknown"));
        };
        let websocket = self.sessions.at(slot).is_some_and(|s| s.transport.is_websocket());
        if revision != Some("4") {
            return Err(bad_request());
        }
        match (named, ask) {
            (Named::WebSocket, Ask::WebSocket { key }) if self.config.transports.upgrades => {
                return Ok(self.probe(now, slot, key));
            }
            (Named::Polling, Ask::Http) if !websocket => {}
            (Named::Polling | Named::WebSocket, _) => return Err(bad_request()),
        }
        if let Some(session) = self.sessions.at_mut(slot) {
            access.remember(&mut session.origin);
        }
        match request.method {
            Method::Get => self.get(slot),
            Method::Post => self.post(slot, request),
            Method::Delete
            | Method::Head
            | Method::Options
            | Method::Other
            | Method::Patch
            | Method::Put => Err(Response::status(405).header("allow", "GET, POST, OPTIONS")),
        }
    }

    fn get(&mut self, slot: u32) -> Result<Verdict, Response> {
        let link = self.attach(slot);
        let Some(session) = self.sessions.at_mut(slot) else { return Err(bad_request()) };
        let (transport, outcome) = session.transport.on_get(link);
        session.transport = transport;
        if outcome == OnGet::Held {
            return Ok(match self.poll_answer(slot, link) {
                Some(response) => Verdict::Respond(response),
                None => Verdict::Hold(link),
            });
        }
        let origin = session.origin.clone();
        self.links.remove(link.0);
        match outcome {
            OnGet::Noop => Ok(Verdict::Respond(poll_response("6", origin.as_deref()))),
            OnGet::Overlap => Err(self.overlap(slot)),
            OnGet::Held | OnGet::Mismatch => Err(bad_request()),
        }
    }

    fn post(&mut self, slot: u32, request: &Request<'_>) -> Result<Verdict, Response> {
        let kind = request.header("content-type").unwrap_or_default();
        if kind.trim_start().starts_with("application/octet-stream") {
            let violation = Violation::BinaryBody;
            self.end(slot, Reason::Violation(violation), Goodbye::of(violation));
            return Err(Response::status(400));
        }
        let link = self.attach(slot);
        let Some(session) = self.sessions.at_mut(slot) else { return Err(bad_request()) };
        let (transport, outcome) = session.transport.on_post(link);
        session.transport = transport;
        if outcome == OnPost::Taken {
            return Ok(Verdict::Body { link, limit: self.config.limits.max_payload });
        }
        self.links.remove(link.0);
        match outcome {
            OnPost::Overlap => Err(self.overlap(slot)),
            OnPost::Taken | OnPost::Mismatch => Err(bad_request()),
        }
    }

    /// Two requests of a kind at once: the session ends, the first is told so with CLOSE.
    fn overlap(&mut self, slot: u32) -> Response {
        let violation = Violation::OverlappingPoll;
        self.end(slot, Reason::Violation(violation), Goodbye::of(violation));
        Response::status(400)
    }

    /// A WebSocket for a polling session. One too many is accepted and closed at once, which is what
    /// clients understand.
    fn probe(&mut self, now: Tick, slot: u32, key: &str) -> Verdict {
        let link = self.attach(slot);
        let response = Response::switching(handshake::accept(key));
        if let Some(session) = self.sessions.at_mut(slot) {
            let (transport, outcome) = session.transport.on_websocket(link);
            session.transport = transport;
            match outcome {
                OnProbe::Started => session.aside_due = self.timers.upgrade.arm(now, slot),
                OnProbe::Spare => self.farewell(link, Transmit::Close(CloseCode::NORMAL)),
            }
        }
        self.compact_timers();
        Verdict::Upgrade { link, response }
    }

    fn read_payload(&mut self, now: Tick, slot: u32, body: &[u8]) -> Result<(), Violation> {
        let key = self.sessions.key(slot);
        let text = std::str::from_utf8(body).map_err(|_| Violation::InvalidUtf8)?;
        for (n, part) in payload::parts(text).enumerate() {
            if n >= self.config.limits.packets {
                return Err(Violation::TooManyPackets);
            }
            match part? {
                Part::Text(text) => self.on_packet(now, slot, text)?,
                Part::Binary(bytes) => self.on_binary(now, slot, &bytes)?,
            }
            // CLOSE, or something the packet made the server do, ended the session.
            if self.sessions.key(slot) != key {
                return Ok(());
            }
        }
        Ok(())
    }
}

fn bad_request() -> Response {
    Response::error(400, 3, "Bad request")
}

/// The answer to a POST, worded as by the JavaScript server.
fn posted(origin: Option<&str>) -> Response {
    let response = Response::fresh("text/html", "ok");
    with_origin(response, origin)
}

fn with_origin(response: Response, origin: Option<&str>) -> Response {
    match origin {
        Some(origin) => super::origin::allow(response, origin.to_owned().into()),
        None => response,
    }
}
