//! Requests: admission checks in the order of the JavaScript server, handshakes, polls and POSTs
//! (engine.io-protocol v4, "HTTP long-polling" and "WebSocket").

use std::time::Instant;

use crate::config::Config;
use crate::config::origin::{self, Access};
use crate::context::RequestContext;
use crate::engine::payload;
use crate::engine::terms::{Revision, Terms};
use crate::error::{Reason, Violation};
use crate::field::Field;
use crate::http::{Method, Query, Request, Response};
use crate::link::{Link, Verdict};
use crate::server::Server;
use crate::server::door::refusal::{self, Refusal};
use crate::server::sessions::link::poll_response;
use crate::server::sessions::session::Goodbye;
use crate::server::sessions::strangers::Source;
use crate::server::sessions::transport::{OnGet, OnPost, Transport};
use crate::time::Tick;
use crate::ws::handshake::{self, Ask};
use crate::ws::protocol;

/// The transport a request names.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Named {
    Polling,
    WebSocket,
}

impl Server {
    /// Takes a request that a [`Conn`](crate::Conn) or a host framework parsed, with what the host knows
    /// of it.
    pub fn handle_request(
        &mut self,
        now: Instant,
        request: Request<'_>,
        context: RequestContext<'_>,
    ) -> Verdict {
        if !self.config.serves(request.path()) {
            return Verdict::Pass;
        }
        if let Err(violation) = request.fields.check() {
            let response = refusal::of_head(violation);
            return Verdict::Respond(self.config.dress(response, &request, &context));
        }
        let now = self.enter(now);
        let access = Access::of(&request, context.judged, &self.config);
        let mut verdict = if request.method == Method::Options {
            Verdict::Respond(access.preflight(&request, &self.config))
        } else {
            match self.admit_request(now, (&request, &context), access) {
                Ok(verdict) => verdict,
                Err(refusal) => Verdict::Respond(access.allow(refusal, &self.config)),
            }
        };
        self.dress_verdict(&mut verdict);
        verdict
    }

    /// Takes the whole body of a POST.
    pub fn handle_body(&mut self, now: Instant, link: Link, body: &[u8]) -> Verdict {
        let now = self.enter(now);
        let mut verdict = self.take_body(now, link, body);
        self.dress_verdict(&mut verdict);
        verdict
    }

    /// Adds the fields that every answer has.
    fn dress_verdict(&self, verdict: &mut Verdict) {
        match verdict {
            Verdict::Respond(response) | Verdict::Upgrade { response, .. } => {
                response.dress(&self.config.headers);
            }
            Verdict::Body { .. } | Verdict::Continue | Verdict::Hold(_) | Verdict::Pass => {}
        }
    }

    fn take_body(&mut self, now: Tick, link: Link, body: &[u8]) -> Verdict {
        let Some(slot) = self.sessions.session_of(link) else {
            // The session ended while the body arrived, and mostly left an answer.
            let left = self.sessions.take_last_answer(link);
            return Verdict::Respond(left.unwrap_or_else(|| Refusal::Ended.response()));
        };
        let origin = self.sessions.at(slot).and_then(|session| session.origin.clone());
        let outcome = self.read_payload(now, slot, body);
        self.sessions.detach(link);
        let Some(session) = self.sessions.at_mut(slot) else {
            return Verdict::Respond(posted(origin.as_deref(), &self.config));
        };
        session.transport = session.transport.on_answered(link);
        match outcome {
            Ok(()) => Verdict::Respond(posted(origin.as_deref(), &self.config)),
            Err(violation) => {
                self.end(slot, Reason::Violation(violation), Goodbye::refusing(violation));
                let response = refusal::of_session(violation);
                Verdict::Respond(origin::allow(response, origin.as_deref(), &self.config))
            }
        }
    }

    fn admit_request(
        &mut self,
        now: Tick,
        (request, context): (&Request<'_>, &RequestContext<'_>),
        access: Access<'_>,
    ) -> Result<Verdict, Response> {
        let query = Query::parse(request.target);
        if query.repeated {
            return Err(Refusal::Repeated.response());
        }
        let transports = self.config.transports;
        let named = match query.transport {
            Some("polling") if transports.polling => Named::Polling,
            Some("websocket") if transports.websocket || transports.upgrades => Named::WebSocket,
            Some(_) | None => return Err(Refusal::Transport(transports).response()),
        };
        if access == Access::Refused {
            return Err(Refusal::Origin.response());
        }
        if query.jsonp && named == Named::Polling {
            return Err(Refusal::Jsonp.response());
        }
        let ask = handshake::ask(request);
        let revision = query.revision.and_then(Revision::parse);
        match query.sid {
            Some(sid) => self.resume(now, request, access, (named, revision, sid, ask)),
            None => self.open(now, (request, context), access, (named, revision, ask)),
        }
    }

    /// A request without `sid`: a handshake.
    fn open(
        &mut self,
        now: Tick,
        (request, context): (&Request<'_>, &RequestContext<'_>),
        access: Access<'_>,
        (named, revision, ask): (Named, Option<Revision>, Ask<'_>),
    ) -> Result<Verdict, Response> {
        if request.method != Method::Get {
            return Err(Refusal::HandshakeMethod.response());
        }
        let key = match (named, ask) {
            (Named::Polling, Ask::Http) => None,
            (Named::WebSocket, Ask::WebSocket { key }) if self.config.transports.websocket => {
                Some(key)
            }
            (Named::WebSocket, Ask::Broken(flaw)) => {
                return Err(Refusal::WebSocket(flaw).response());
            }
            (Named::Polling | Named::WebSocket, _) => {
                return Err(Refusal::HandshakeTransport.response());
            }
        };
        let terms = match revision {
            Some(revision @ Revision::V4) => Terms::of(revision),
            Some(Revision::V3) | None => return Err(Refusal::Version.response()),
        };
        let protocol = match key {
            Some(_) => self.choose_protocol(request)?,
            None => None,
        };
        if let Some(sid) = context.own_sid {
            self.sessions.own_sids.check(sid).map_err(Refusal::response)?;
            if self.sessions.find(sid).is_some() {
                return Err(Refusal::SidInUse.response());
            }
        }
        let caller = self.config.seen(request, context.caller);
        if self.sessions.is_full() || !self.make_room(Source::of(caller.peer)) {
            self.sessions.budget.refused += 1;
            return Err(Refusal::Busy.response());
        }
        let context = RequestContext { caller, ..*context };
        let from = (request, &context);
        let slot = self.sessions.open(now, from, (access, terms), &mut self.outputs);
        if let Some(sid) = context.own_sid {
            self.sessions.departed.take(now, sid);
            self.sessions.own_sids.insert(slot, sid);
        }
        Ok(match key {
            None => {
                let open = self.sessions.open_packet(slot);
                let response = access.allow(poll_response(open, None, &self.config), &self.config);
                Verdict::Respond(self.set_cookie(slot, response))
            }
            Some(key) => {
                let response = self.compress(slot, request, switching(key, protocol));
                Verdict::Upgrade { link: Some(self.sessions.open_websocket(slot)), response }
            }
        })
    }

    /// Tells the session id in a cookie, when there is to be one.
    fn set_cookie(&self, slot: u32, response: Response) -> Response {
        let (Some(cookie), Some(session)) = (&self.config.cookie, self.sessions.at(slot)) else {
            return response;
        };
        let Some(sid) = self.sessions.sid(slot) else { return response };
        response.header("set-cookie", cookie.line(&sid, session.handshake.is_secure()))
    }

    /// A request with a `sid`: a poll, a POST or an upgrade.
    fn resume(
        &mut self,
        now: Tick,
        request: &Request<'_>,
        access: Access<'_>,
        (named, revision, sid, ask): (Named, Option<Revision>, &str, Ask<'_>),
    ) -> Result<Verdict, Response> {
        let Some(slot) = self.sessions.find(sid) else {
            let is_poll = request.method == Method::Get
                && (named, revision, ask) == (Named::Polling, Some(Revision::V4), Ask::Http);
            if is_poll && self.sessions.departed.take(now, sid) {
                let noop = access.allow(poll_response("6", None, &self.config), &self.config);
                return Ok(Verdict::Respond(noop));
            }
            return Err(Refusal::Session.response());
        };
        let Some(session) = self.sessions.at(slot) else {
            return Err(Refusal::Session.response());
        };
        let websocket = session.transport.is_websocket();
        if revision != Some(session.terms.revision) {
            return Err(Refusal::RevisionChanged.response());
        }
        match (named, ask) {
            (Named::WebSocket, Ask::WebSocket { key }) if self.config.transports.upgrades => {
                let protocol = self.choose_protocol(request)?;
                let response = match session.transport {
                    Transport::Polling { .. } => {
                        self.compress(slot, request, switching(key, protocol))
                    }
                    // It is one too many, and closed at once.
                    Transport::ClosingPolling { .. }
                    | Transport::ClosingWebSocket { .. }
                    | Transport::Probing { .. }
                    | Transport::WebSocket { .. } => switching(key, protocol),
                };
                let link = Some(self.sessions.probe(now, slot));
                return Ok(Verdict::Upgrade { link, response });
            }
            (Named::WebSocket, Ask::Broken(flaw)) => {
                return Err(Refusal::WebSocket(flaw).response());
            }
            (Named::Polling, Ask::Http) if !websocket => {}
            (Named::Polling | Named::WebSocket, _) => {
                return Err(Refusal::SessionTransport.response());
            }
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
            | Method::Put => {
                let response = Response::status(405).header("allow", "GET, POST, OPTIONS");
                Err(response.refused_by(&"a session is polled by GET and POST"))
            }
        }
    }

    fn get(&mut self, slot: u32) -> Result<Verdict, Response> {
        let link = self.sessions.attach(slot);
        let Some(session) = self.sessions.at_mut(slot) else {
            return Err(Refusal::SessionTransport.response());
        };
        let (transport, outcome) = session.transport.on_get(link);
        session.transport = transport;
        if outcome == OnGet::Held {
            let answer = self.sessions.poll_answer(slot, link, &self.space, &mut self.outputs);
            return Ok(match answer {
                Some(response) => Verdict::Respond(response),
                None => Verdict::Hold(Some(link)),
            });
        }
        if let OnGet::Crossing { ws } = outcome {
            self.sessions.look_at(ws);
            return Ok(Verdict::Hold(Some(link)));
        }
        self.sessions.detach(link);
        match outcome {
            OnGet::Overlap => Err(self.overlap(slot)),
            OnGet::Crossing { .. } | OnGet::Held | OnGet::Mismatch => {
                Err(Refusal::SessionTransport.response())
            }
        }
    }

    fn post(&mut self, slot: u32, request: &Request<'_>) -> Result<Verdict, Response> {
        let kind = request.fields.text(Field::ContentType).unwrap_or_default();
        if kind.trim_start().starts_with("application/octet-stream") {
            let violation = Violation::BinaryBody;
            self.end(slot, Reason::Violation(violation), Goodbye::refusing(violation));
            return Err(refusal::silent(&"a POST is text: send binary as base64"));
        }
        let link = self.sessions.attach(slot);
        let Some(session) = self.sessions.at_mut(slot) else {
            return Err(Refusal::SessionTransport.response());
        };
        let (transport, outcome) = session.transport.on_post(link);
        session.transport = transport;
        if outcome == OnPost::Taken {
            return Ok(Verdict::Body { link: Some(link), limit: self.config.limits.max_payload });
        }
        self.sessions.detach(link);
        match outcome {
            OnPost::Overlap => Err(self.overlap(slot)),
            OnPost::Taken | OnPost::Mismatch => Err(Refusal::SessionTransport.response()),
        }
    }

    /// Two requests of a kind at once: the session ends, the first is told so with CLOSE.
    fn overlap(&mut self, slot: u32) -> Response {
        let violation = Violation::OverlappingPoll;
        self.end(slot, Reason::Violation(violation), Goodbye::of(violation));
        refusal::silent(&"a second GET or POST of a session overlaps the first")
    }

    /// The answer that accepts a WebSocket, with the compression that is agreed on, if one is: see
    /// [`Config::deflate`]. One that keeps memory is not while the process is short of it.
    fn compress(&mut self, slot: u32, request: &Request<'_>, response: Response) -> Response {
        let deflate = self.config.deflate.as_ref();
        let agreed = deflate.and_then(|deflate| handshake::compressing(request, deflate));
        let short = self.sessions.is_short();
        let agreed = agreed.filter(|(agreed, _)| agreed.context_bytes() == 0 || !short);
        self.sessions.agree(slot, agreed.as_ref().map(|(agreed, _)| agreed));
        match agreed {
            Some(agreed) => response.agreeing(agreed),
            None => response,
        }
    }

    /// The subprotocol of a WebSocket, when the client offers some.
    fn choose_protocol(&self, request: &Request<'_>) -> Result<Option<String>, Response> {
        protocol::choose(request.fields, &self.config.protocols)
            .map_err(|protocol::Malformed| Refusal::Protocols.response())
    }

    fn read_payload(&mut self, now: Tick, slot: u32, body: &[u8]) -> Result<(), Violation> {
        let key = self.sessions.key(slot);
        let text = std::str::from_utf8(body).map_err(|_| Violation::InvalidUtf8)?;
        let Some(session) = self.sessions.at(slot) else { return Ok(()) };
        for (n, packet) in payload::split(session.terms, text).enumerate() {
            if n >= self.config.limits.packets {
                return Err(Violation::TooManyPackets);
            }
            self.on_packet(now, slot, packet?)?;
            // CLOSE, or something the packet made the server do, ended the session.
            if self.sessions.key(slot) != key {
                return Ok(());
            }
        }
        Ok(())
    }
}

/// The answer that accepts a WebSocket.
fn switching(key: &str, protocol: Option<String>) -> Response {
    let response = Response::switching(key);
    match protocol {
        Some(protocol) => response.header("sec-websocket-protocol", protocol),
        None => response,
    }
}

/// The answer to a POST, worded as by the JavaScript server.
fn posted(origin: Option<&str>, config: &Config) -> Response {
    origin::allow(Response::fresh("text/html", "ok"), origin, config)
}
