//! Requests on their way to the shard that owns their session.

use http::{HeaderMap, HeaderName, HeaderValue};
use sansocket::{Caller, Method, Request, RequestContext, Response, Sid, Verdict};
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use crate::hub::hub::Hub;
use crate::log::{limited, log, quoted};
use crate::shards::cell::Cell;
use crate::shards::port::Port;
use crate::sockets::clients::Clients;
use crate::web::refused::RefusedRequest;

impl Hub {
    /// The shard that owns the session a request names or is about to open; `home` when any will do.
    fn shard_of(&self, request: &Request<'_>, own_sid: Option<&str>, home: u16) -> u16 {
        if self.app().web.generate_id.is_some() {
            let text = Sid::text_in(request.target).or(own_sid);
            return text.map_or(home, |text| Sid::shard_of_text(text, self.shards().count()));
        }
        match Sid::from_target(request.target) {
            Some(Ok(sid)) if sid.shard() < self.shards().count() => sid.shard(),
            Some(Ok(_) | Err(_)) | None => home,
        }
    }

    /// The client that sent a request, as a trusted proxy or another node reports it.
    #[inline]
    pub(crate) fn seen(&self, request: &Request<'_>, caller: Caller) -> Caller {
        let config = &self.app().config;
        match &self.app().web.nodes {
            Some(nodes) if nodes.forwarded(request, caller.peer.map(|peer| peer.ip())) => {
                config.reported(request, caller)
            }
            Some(_) | None => config.seen(request, caller),
        }
    }

    /// The node to which a request is to be forwarded, if it is.
    #[inline]
    pub(crate) fn destination(&self, request: &Request<'_>) -> Option<SocketAddr> {
        self.app().web.nodes.as_ref()?.destination(request, &self.app().config)
    }

    /// The session id of the application's making, for a request that opens a session.
    fn own_sid(&self, request: &Request<'_>, caller: Caller) -> Option<String> {
        let generate = self.app().web.generate_id.as_ref()?;
        self.is_handshake(request).then(|| generate(request, caller))
    }

    /// The header fields that the application gives to the answer to a request.
    fn own_headers(&self, request: &Request<'_>, caller: Caller) -> Vec<(String, String)> {
        let web = &self.app().web;
        let initial = web.initial_headers.as_ref().filter(|_| self.is_handshake(request));
        if initial.is_none() && web.headers.is_none() {
            return Vec::new();
        }
        let mut fields = HeaderMap::new();
        for dress in initial.into_iter().chain(&web.headers) {
            // A panic is this request's alone: it is answered without them.
            let _ = catch_unwind(AssertUnwindSafe(|| dress(request, caller, &mut fields)));
        }
        let text = |(name, value): (&HeaderName, &HeaderValue)| {
            Some((name.to_string(), value.to_str().ok()?.to_owned()))
        };
        fields.iter().filter_map(text).collect()
    }

    /// Tells the application of a request that was refused.
    fn tell_refused(&self, refused: RefusedRequest<'_>) {
        if let Some(heard) = &self.app().web.on_refused {
            // A panic is this request's alone.
            let _ = catch_unwind(AssertUnwindSafe(|| heard(refused)));
        }
    }

    /// Takes a request: the application's own gate first, then the shard, which becomes the one that
    /// owns its session. `port` will be rung for what the verdict attaches.
    pub(crate) fn request(
        &self,
        shard: &mut u16,
        port: &Arc<Port>,
        now: Instant,
        (request, mut context): (&Request<'_>, RequestContext<'_>),
    ) -> Verdict {
        if !self.app().config.serves(request.path()) {
            return Verdict::Pass;
        }
        let own = self.own_sid(request, context.caller);
        context.own_sid = own.as_deref();
        // Functions of the application never run under a lock.
        context.judged = self.app().config.judge(request);
        *shard = self.shard_of(request, context.own_sid, *shard);
        if let Some((response, rule)) = self.bars(request, context.caller) {
            let refused = RefusedRequest::barred(request, context.caller, &response, rule);
            self.tell_refused(refused);
            return self.turn_away(response, (request, &context));
        }
        log!(
            trace, "sansocket::engine", shard = %*shard, method = %request.method_name().unwrap_or("?"),
            upgrades = %request.header("upgrade").is_some(), "request"
        );
        let headers = self.own_headers(request, context.caller);
        context.headers = &headers;
        let mut gave_way = 0;
        let verdict = self.turn(*shard, |cell| {
            let before = cell.server.gave_way();
            let verdict = self.request_to(cell, port, now, (request, context));
            gave_way = cell.server.gave_way() - before;
            verdict
        });
        if gave_way > 0 {
            log!(
                warn, "sansocket::request", shard = %*shard, limit = %self.limits().handshakes,
                "a session that joined nothing gave way to another: Limits::handshakes"
            );
        }
        if let Verdict::Respond(response) = &verdict
            && let Some(rule) = response.rule()
        {
            let refused = RefusedRequest::of(request, context.caller, response);
            refused.into_iter().for_each(|refused| self.tell_refused(refused));
            limited!(
                (self.shards(), Refused, context.caller.peer.map(|peer| peer.ip()))
                info, "sansocket::request", status = %response.status, rule = %rule,
                origin = ?quoted(request.header("origin").as_deref().unwrap_or("none")), "refused"
            );
        }
        verdict
    }

    fn request_to(
        &self,
        cell: &mut Cell<Clients>,
        port: &Arc<Port>,
        now: Instant,
        (request, context): (&Request<'_>, RequestContext<'_>),
    ) -> Verdict {
        // Once more, under the lock that closes the sessions.
        if self.shards().life().is_stopping() && self.is_handshake(request) {
            return self.turn_away(Response::shutting_down(), (request, &context));
        }
        self.shards().hear(cell);
        let verdict = cell.server.handle_request(now, *request, context);
        if let Some(link) = verdict.link() {
            cell.bind(link, port);
        }
        verdict
    }

    /// Refuses a request before its shard takes it.
    fn turn_away(
        &self,
        response: Response,
        (request, context): (&Request<'_>, &RequestContext<'_>),
    ) -> Verdict {
        Verdict::Respond(self.app().config.dress(response, request, context))
    }

    /// Whether a request for us would open a session.
    fn is_handshake(&self, request: &Request<'_>) -> bool {
        Sid::text_in(request.target).is_none() && request.method != Method::Options
    }

    /// The answer to a request that may not even try to open a session, and why.
    fn bars(&self, request: &Request<'_>, caller: Caller) -> Option<(Response, &'static str)> {
        let stopping = self.shards().life().is_stopping();
        if !stopping && self.app().web.allow.is_none() || !self.is_handshake(request) {
            return None;
        }
        if stopping {
            return Some((Response::shutting_down(), "the server is shutting down"));
        }
        let allow = self.app().web.allow.as_ref()?;
        Some((allow(request, caller)?, "the application refused it: App::allow_request"))
    }
}
