//! Requests: admission checks in the order of the JavaScript server, handshakes, polls and POSTs
//! (engine.io-protocol v4, "HTTP long-polling" and "WebSocket").

use std::time::Instant;

use crate::config::origin::{self, Access};
use crate::config::{Config, Layer, Origins};
use crate::context::{RequestContext, StandsFor};
use crate::engine::terms::{Binary, Revision, Terms};
use crate::engine::{jsonp, payload};
use crate::error::{Reason, Violation};
use crate::field::Field;
use crate::http::{Method, Query, Request, Response};
use crate::link::{Link, Message, Verdict};
use crate::server::Server;
use crate::server::door::refusal::{self, Refusal};
use crate::server::sessions::link::{Reading, poll_packet};
use crate::server::sessions::session::{Goodbye, Stream};
use crate::server::sessions::strangers::Source;
use crate::server::sessions::transport::{OnGet, OnPost, Transport};
use crate::socket::encoded::Packet;
use crate::time::Tick;
use crate::ws::handshake::{self, Ask};
use crate::ws::protocol;

/// What the query of a request says, once it was read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Asked {
    transport: Named,
    revision: Option<Revision>,
    /// The number of the function that an answer by JSONP calls.
    jsonp: Option<u32>,
}

/// The transport a request names.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Named {
    Polling,
    WebSocket,
    WebTransport,
}

/// How a session opens.
#[derive(Debug)]
enum Way<'a> {
    Polling,
    WebSocket { key: &'a str, protocol: Option<String> },
    WebTransport,
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
        match &mut verdict {
            Verdict::Respond(response) | Verdict::Upgrade { response, .. } => {
                response.dress_for(context.headers);
            }
            Verdict::Body { link: Some(link), .. } | Verdict::Hold(Some(link)) => {
                self.sessions.own_fields.keep(*link, context.headers);
            }
            Verdict::Body { link: None, .. }
            | Verdict::Continue
            | Verdict::Hold(None)
            | Verdict::Pass => {}
        }
        self.dress_verdict(&mut verdict);
        verdict
    }

    /// Takes the whole body of a POST.
    pub fn handle_body(&mut self, now: Instant, link: Link, body: &[u8]) -> Verdict {
        let now = self.enter(now);
        let own = self.sessions.own_fields.take(link);
        let mut verdict = self.take_body(now, link, body);
        if let Verdict::Respond(response) = &mut verdict {
            response.dress_for(&own);
        }
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
            // What names it and is no stream is refused, as by the JavaScript server.
            Some("webtransport")
                if transports.webtransport && context.stands_for == StandsFor::Opening =>
            {
                Named::WebTransport
            }
            Some(_) | None => return Err(Refusal::Transport(transports).response()),
        };
        if access == Access::Refused {
            return Err(Refusal::Origin.response());
        }
        let jsonp = match (named, query.jsonp) {
            (Named::Polling, Some(number)) => Some(self.admit_jsonp(request, number)?),
            (Named::Polling, None) | (Named::WebSocket | Named::WebTransport, _) => None,
        };
        let binary = match query.base64 || jsonp.is_some() {
            true => Binary::Base64,
            false => Binary::Bytes,
        };
        let revision = query.revision.and_then(|text| Revision::parse(text, binary));
        let (asked, ask) = (Asked { transport: named, revision, jsonp }, handshake::ask(request));
        match query.sid {
            Some(sid) => self.resume(now, request, access, (asked, sid, ask)),
            None => self.open(now, (request, context), access, (asked, ask)),
        }
    }

    /// Checks a request by JSONP, and returns the number of the function that the answer calls.
    fn admit_jsonp(&self, request: &Request<'_>, number: &str) -> Result<u32, Response> {
        if !self.config.allow_jsonp {
            return Err(Refusal::Jsonp.response());
        }
        let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        let number = number.parse().ok().filter(|_| is_number);
        let number = number.ok_or_else(|| Refusal::JsonpNumber.response())?;
        // A script is loaded without `Origin`.
        let judged = matches!(self.config.origins, Origins::Any | Origins::Unchecked)
            || request.fields.text(Field::Origin).is_some();
        let elsewhere = |site: &str| site == "cross-site" || site == "same-site";
        if !judged && request.header("sec-fetch-site").is_some_and(|site| elsewhere(&site)) {
            return Err(Refusal::Origin.response());
        }
        Ok(number)
    }

    /// A request without `sid`: a handshake.
    fn open(
        &mut self,
        now: Tick,
        (request, context): (&Request<'_>, &RequestContext<'_>),
        access: Access<'_>,
        (asked, ask): (Asked, Ask<'_>),
    ) -> Result<Verdict, Response> {
        let named = asked.transport;
        if request.method != Method::Get {
            return Err(Refusal::HandshakeMethod.response());
        }
        let way = match (named, ask) {
            (Named::Polling, Ask::Http) => Way::Polling,
            (Named::WebSocket, Ask::WebSocket { key }) if self.config.transports.websocket => {
                Way::WebSocket { key, protocol: self.choose_protocol(request)? }
            }
            (Named::WebTransport, _) => Way::WebTransport,
            (Named::WebSocket, Ask::Broken(flaw)) => {
                return Err(Refusal::WebSocket(flaw).response());
            }
            (Named::Polling | Named::WebSocket, _) => {
                return Err(Refusal::HandshakeTransport.response());
            }
        };
        let terms = self.terms(asked.revision).map_err(Refusal::response)?;
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
        self.name(slot, terms, context.own_sid);
        if let Some(number) = asked.jsonp {
            self.sessions.jsonp.insert(slot, number);
        }
        let verdict = match way {
            Way::Polling => {
                let reading = Reading { terms, jsonp: asked.jsonp };
                let open = self.sessions.open_packet(slot);
                let response = poll_packet(open, reading, None, &self.config);
                let response = access.allow(response, &self.config);
                Verdict::Respond(self.set_cookie(slot, response))
            }
            Way::WebSocket { key, protocol } => {
                let response = self.compress(slot, request, switching(key, protocol));
                let link = Some(self.sessions.open_websocket(slot, Stream::WebSocket));
                Verdict::Upgrade { link, response }
            }
            Way::WebTransport => {
                let link = Some(self.sessions.open_websocket(slot, Stream::WebTransport));
                Verdict::Upgrade { link, response: Response::status(200) }
            }
        };
        self.send_initial(slot);
        self.ask_for_main(now, slot, terms);
        Ok(verdict)
    }

    /// The terms of a session in that revision, when it is spoken.
    fn terms(&self, revision: Option<Revision>) -> Result<Terms, Refusal> {
        match revision {
            Some(revision @ Revision::V4) => Ok(Terms::of(revision)),
            Some(revision @ Revision::V3(_)) if self.config.allow_eio3 => Ok(Terms::of(revision)),
            None if self.config.allow_eio3 => Err(Refusal::Versions),
            Some(Revision::V3(_)) | None => Err(Refusal::Version),
        }
    }

    /// Gives a fresh session the id that its revision or the host wants it to have.
    fn name(&mut self, slot: u32, terms: Terms, own: Option<&str>) {
        let shared = (terms.revision != Revision::V4).then(|| self.share_id(slot));
        if let Some(sid) = own.or(shared.as_deref()) {
            self.sessions.departed.forget(sid);
            self.sessions.own_sids.insert(slot, sid);
        }
    }

    /// Sends what every session gets behind OPEN.
    fn send_initial(&mut self, slot: u32) {
        if let Some(text) = &self.config.initial_packet {
            let packet = Packet::engine(format!("4{text}").as_bytes());
            self.send_or_end(slot, packet);
        }
    }

    /// In revision 3 the connection itself asks for `/` (socket.io-protocol v4, "Exchange protocol").
    fn ask_for_main(&mut self, now: Tick, slot: u32, terms: Terms) {
        if terms.revision != Revision::V4 && self.config.layer == Layer::SocketIo {
            let asked = self.on_connect(now, slot, "/", None);
            debug_assert_eq!(asked, Ok(()), "a fresh session may join a namespace");
        }
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
        (asked, sid, ask): (Asked, &str, Ask<'_>),
    ) -> Result<Verdict, Response> {
        let Asked { transport: named, revision, jsonp } = asked;
        let Some(slot) = self.sessions.find(sid) else {
            let is_poll =
                request.method == Method::Get && (named, ask) == (Named::Polling, Ask::Http);
            let number = revision.map(Revision::number).filter(|_| is_poll);
            if let Some(revision) = self.sessions.departed.take(now, sid, number) {
                let reading = Reading { terms: Terms::of(revision), jsonp };
                let noop = poll_packet("6", reading, None, &self.config);
                return Ok(Verdict::Respond(access.allow(noop, &self.config)));
            }
            return Err(match self.config.elsewhere(request) {
                Some(_) => Refusal::Elsewhere.response(),
                None => Refusal::Session.response(),
            });
        };
        let Some(session) = self.sessions.at(slot) else {
            return Err(Refusal::Session.response());
        };
        let websocket = session.transport.is_websocket();
        if revision.map(Revision::number) != Some(session.terms.revision.number()) {
            return Err(Refusal::RevisionChanged.response());
        }
        match (named, ask) {
            (Named::WebSocket, Ask::WebSocket { key }) if self.config.transports.upgrades => {
                return self.try_websocket(now, slot, (request, key));
            }
            (Named::WebTransport, _) if self.config.transports.upgrades => {
                return Ok(self.try_stream(now, slot));
            }
            (Named::WebSocket, Ask::Broken(flaw)) => {
                return Err(Refusal::WebSocket(flaw).response());
            }
            (Named::Polling, Ask::Http) if !websocket => {}
            (Named::Polling | Named::WebSocket | Named::WebTransport, _) => {
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

    /// Tries a WebSocket for a session.
    fn try_websocket(
        &mut self,
        now: Tick,
        slot: u32,
        (request, key): (&Request<'_>, &str),
    ) -> Result<Verdict, Response> {
        let response = switching(key, self.choose_protocol(request)?);
        let response = match self.is_polling(slot) {
            true => self.compress(slot, request, response),
            // It is one too many, and closed at once.
            false => response,
        };
        let link = Some(self.sessions.probe(now, slot, Stream::WebSocket));
        Ok(Verdict::Upgrade { link, response })
    }

    /// Tries a WebTransport stream for a session.
    fn try_stream(&mut self, now: Tick, slot: u32) -> Verdict {
        if self.is_polling(slot) {
            // What was agreed on for a WebSocket that was tried before.
            self.sessions.agree(slot, None);
        }
        let link = Some(self.sessions.probe(now, slot, Stream::WebTransport));
        Verdict::Upgrade { link, response: Response::status(200) }
    }

    /// Whether a session is polling, and tries no other transport.
    fn is_polling(&self, slot: u32) -> bool {
        let session = self.sessions.at(slot);
        session.is_some_and(|session| matches!(session.transport, Transport::Polling { .. }))
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
        if kind.trim_start().starts_with("application/octet-stream")
            && self.sessions.revision(slot) == Revision::V4
        {
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
        if self.sessions.jsonp.contains_key(&slot) {
            let payload = jsonp::payload(body)?;
            return self.read_packets(now, slot, &payload);
        }
        self.read_packets(now, slot, body)
    }

    fn read_packets(&mut self, now: Tick, slot: u32, payload: &[u8]) -> Result<(), Violation> {
        let key = self.sessions.key(slot);
        let Some(session) = self.sessions.at_mut(slot) else { return Ok(()) };
        let packets = payload::split(session.terms, payload)?;
        if session.terms.revision == Revision::V3(Binary::Bytes) && packets.frame_texts() {
            session.terms.revision = Revision::V3(Binary::Framed);
        }
        for (n, packet) in packets.enumerate() {
            if n >= self.config.limits.packets {
                return Err(Violation::TooManyPackets);
            }
            match packet? {
                Message::Binary(bytes) => self.on_bytes(now, slot, bytes)?,
                Message::Text(text) => self.on_packet(now, slot, text)?,
            }
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
