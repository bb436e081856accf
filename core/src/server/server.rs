//! The face of a shard: its parts, and the queries about the shard as a whole.

use std::sync::Arc;
use std::time::Instant;

use super::Event;
use super::answers::answers::Answers;
use super::outputs::Outputs;
use super::sessions::sessions::Sessions;
use super::space::recovery::history::History;
use super::space::space::Space;
use crate::config::Config;
use crate::context::RequestContext;
use crate::hash::Seeded;
use crate::key::{Mint, Shard};
use crate::link::{Inbound, Link, Verdict};
use crate::rng::Rng;
use crate::time::Clock;

/// One shard of a process: all the state that clients share.
///
/// There are four kinds of methods. Getters take `&self`. `handle_*` report events of the network
/// and the clock. Commands carry out the wishes of the application. `poll_*` return the next task of the
/// caller, until they return `None`:
///
/// - [`poll_event`](Self::poll_event): tell the application,
/// - [`poll_link`](Self::poll_link), then [`poll_transmit`](Self::poll_transmit): write,
/// - [`poll_peer`](Self::poll_peer): tell other shards, when there are any,
/// - [`poll_timeout`](Self::poll_timeout): when to call [`handle_timeout`](Self::handle_timeout).
///
/// Any order of calls is legal, and draining later only delays. A loop hands over what has arrived
/// before it calls `handle_timeout`, so that no session times out while its bytes lie unread;
/// one that cannot, since several threads read, calls [`catch_up`](Self::catch_up) instead and asks
/// [`poll_overdue`](Self::poll_overdue). Time must not go back: an earlier `now` counts as the latest
/// one seen. Nothing a peer sends makes a method panic.
///
/// A method that takes `now` acts upon the deadlines that have passed first: no method finds a
/// session that should have ended.
#[derive(Debug)]
pub struct Server {
    pub(super) config: Arc<Config>,
    pub(super) shard: Shard,
    pub(super) clock: Clock,
    pub(super) sessions: Sessions,
    pub(super) space: Space,
    pub(super) answers: Answers,
    pub(super) outputs: Outputs,
}

/// How much a shard holds, and how often it had no room.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Counts {
    /// Engine.IO sessions.
    pub sessions: usize,
    /// Sessions that were not admitted to a namespace yet. Bare Engine.IO sessions never are.
    pub handshakes: usize,
    /// Held polls, POSTs in progress and WebSockets.
    pub links: usize,
    /// Clients in namespaces, with those that left before the application decided about them.
    pub sockets: usize,
    /// Namespaces with clients.
    pub namespaces: usize,
    /// Rooms with members.
    pub rooms: usize,
    /// Questions that wait for acknowledgements.
    pub questions: usize,
    /// Memory taken by packets that wait for sessions or for admissions, or for attachments that
    /// complete them, in bytes: counted as for [`Limits::max_backlog`](crate::Limits::max_backlog).
    pub bytes: usize,
    /// Memory, in bytes, taken by the requests that sessions began with, as far as they are kept.
    pub heads: usize,
    /// Memory, in bytes, taken by the contexts of connections whose compressed messages refer to those before:
    /// see [`Deflate::context_bytes`](crate::Deflate::context_bytes).
    pub contexts: usize,
    /// Sessions that were ended before they joined a namespace, to make room for another session, since
    /// the start. They were of the address with most such sessions: see
    /// [`Limits::handshakes`](crate::Limits::handshakes).
    pub gave_way: usize,
    /// Handshakes that were refused because the process held as much as it may, since the start: see
    /// [`Limits::sessions`](crate::Limits::sessions) and [`Limits::bytes`](crate::Limits::bytes).
    pub refused: usize,
    /// Sessions that were ended because most waited for them when the process held as much as it may,
    /// since the start: see [`Limits::bytes`](crate::Limits::bytes).
    pub cut_off: usize,
    /// Clients that were lost and may come back: see [`Config::recovery`](crate::Config::recovery).
    pub lost: usize,
    /// Memory, in bytes, taken by events and by clients that were lost, for those that come back.
    pub remembered: usize,
}

impl Server {
    /// Makes a shard.
    ///
    /// `seed` must be unpredictable, since session ids follow from it, and the same for all shards
    /// of a process.
    #[must_use]
    pub fn new(config: Arc<Config>, shard: Shard, seed: [u8; 32], now: Instant) -> Self {
        let mut rng = Rng::new(seed, u64::from(shard.index) + 1);
        let hasher = Seeded::new(rng.bytes());
        let mint = Mint::new(Rng::new(seed, 0), Rng::new(rng.bytes(), 0));
        let history = History::new(&config, shard, seed, &hasher);
        Self {
            shard,
            clock: Clock::new(now),
            sessions: Sessions::new(&config, shard, rng, &hasher),
            space: Space::new(&config, shard, mint, &hasher, history),
            answers: Answers::new(shard, &hasher),
            outputs: Outputs::default(),
            config,
        }
    }

    /// Takes one item that a [`Conn`](crate::Conn) decoded; `link` is the link of the connection
    /// before that item. Of a request, only the head is known: a host that knows more calls
    /// [`handle_request`](Self::handle_request).
    pub fn handle(&mut self, now: Instant, link: Option<Link>, item: Inbound<'_>) -> Verdict {
        match (item, link) {
            (Inbound::Request(request), _) => {
                return self.handle_request(now, request, RequestContext::default());
            }
            (Inbound::Body(body), Some(link)) => return self.handle_body(now, link, body),
            (Inbound::Message(message), Some(link)) => self.handle_message(now, link, message),
            (Inbound::Closed(_), Some(link)) => self.handle_closed(now, link),
            (Inbound::Body(_) | Inbound::Closed(_) | Inbound::Message(_), None)
            | (Inbound::Bytes(_) | Inbound::Opening(_) | Inbound::Response(_), _) => {}
        }
        Verdict::Continue
    }

    /// Returns the next thing the application should know.
    #[must_use]
    pub fn poll_event(&mut self) -> Option<Event> {
        self.outputs.next_event()
    }

    /// Whether [`poll_event`](Self::poll_event), [`poll_link`](Self::poll_link),
    /// [`poll_overdue`](Self::poll_overdue) and [`poll_peer`](Self::poll_peer) have nothing to return.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.outputs.is_empty() && self.sessions.is_drained()
    }

    /// Returns the memory, in bytes, taken by packets that wait for sessions or for admissions, or for
    /// attachments that complete them: counted as for
    /// [`Limits::max_backlog`](crate::Limits::max_backlog). Takes constant time.
    ///
    /// What connections hold on their way is counted by
    /// [`Conn::bytes_held`](crate::Conn::bytes_held).
    #[inline]
    #[must_use]
    pub fn bytes_held(&self) -> usize {
        self.sessions.bytes_held()
    }

    /// Returns how much the shard holds. Takes constant time.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let budget = &self.sessions.budget;
        Counts {
            sessions: self.sessions.len(),
            handshakes: self.sessions.strangers.len(),
            links: self.sessions.links(),
            sockets: self.space.clients.len(),
            namespaces: self.space.namespaces.len(),
            rooms: self.space.namespaces.rooms,
            questions: self.answers.len(),
            bytes: self.bytes_held(),
            heads: budget.heads,
            contexts: budget.contexts,
            gave_way: budget.gave_way,
            refused: budget.refused,
            cut_off: budget.cut_off,
            lost: self.space.history.as_ref().map_or(0, |history| history.lost()),
            remembered: self.space.history.as_ref().map_or(0, |history| history.bytes()),
        }
    }

    /// Returns [`Counts::gave_way`] alone.
    #[must_use]
    pub fn gave_way(&self) -> usize {
        self.sessions.budget.gave_way
    }

    /// Returns the settings the shard was made with.
    #[must_use]
    pub fn config(&self) -> &Arc<Config> {
        &self.config
    }

    /// Returns which shard this is.
    #[must_use]
    pub fn shard(&self) -> Shard {
        self.shard
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Gone;
    use crate::http::{Fields, Method, Request};
    use crate::link::Message;
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use std::time::Duration;

    /// A moment after the start, the only one that is real.
    fn moments() -> impl Iterator<Item = Instant> {
        #[expect(clippy::disallowed_methods, reason = "tests need one real instant to start from")]
        let start = Instant::now();
        (0..).map(move |n| start + Duration::from_micros(n))
    }

    #[test]
    fn nothing_secret_is_shown() {
        let now = moments().next().expect("there is one");
        let mut server = Server::new(Arc::default(), Shard::ONLY, [7; 32], now);
        let fields = Fields::head(
            b"host: a\r\nupgrade: websocket\r\nconnection: upgrade\r\ncookie: login=sesame\r\n\
              sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
            &crate::http::head::Places::UNKNOWN,
        );
        let target = "/socket.io/?EIO=4&transport=websocket&token=sesame";
        let request = Request::new(Method::Get, target, fields);
        let opened = server.handle_request(now, request, RequestContext::default());
        assert!(matches!(opened, Verdict::Upgrade { .. }));
        let plain = Fields::head(b"host: a\r\n", &crate::http::head::Places::UNKNOWN);
        let request = Request::new(Method::Get, "/socket.io/?EIO=4&transport=polling", plain);
        let chosen =
            RequestContext { own_sid: Some("chosen-by-the-host"), ..RequestContext::default() };
        assert!(matches!(server.handle_request(now, request, chosen), Verdict::Respond(_)));
        let open = server.sessions.open_packet(0);
        let sid = open.split('"').nth(3).expect("a sid");
        let secret = &URL_SAFE_NO_PAD.decode(sid).expect("base64")[6..];
        let mut keys = Rng::new([7; 32], 0);
        let _tag: [u8; 2] = keys.bytes();
        let key: [u8; 32] = keys.bytes();
        let shown = [format!("{server:?}"), format!("{server:#?}").replace([' ', '\n'], "")];
        for bytes in [secret, &key[..], sid.as_bytes(), &[7; 32], b"chosen-by-the-host"] {
            let list = format!("{bytes:?}");
            let (list, tight) = (list.trim_matches(['[', ']']), list.replace(' ', ""));
            let tight = tight.trim_matches(['[', ']']);
            assert!(!shown.iter().any(|text| text.contains(list) || text.contains(tight)));
        }
        for text in [sid, "chosen-by-the-host", "sesame"] {
            assert!(!shown.iter().any(|shown| shown.contains(text)), "{text} is shown");
        }
    }

    #[test]
    fn peers_that_come_and_go_leave_no_pile_of_deadlines() {
        let mut moments = moments();
        let mut now = move || moments.next().expect("time goes on");
        let mut server = Server::new(Arc::default(), Shard::ONLY, [7; 32], now());
        let fields = Fields::head(
            b"host: a\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
              sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
            &crate::http::head::Places::UNKNOWN,
        );
        let target = "/socket.io/?EIO=4&transport=websocket";
        for _ in 0..1000 {
            let request = Request::new(Method::Get, target, fields);
            let verdict = server.handle_request(now(), request, RequestContext::default());
            let Verdict::Upgrade { link: Some(link), .. } = verdict else {
                panic!("a WebSocket opens");
            };
            for _ in 0..10 {
                for text in ["40/a,", "41/a,", "451-/a,[\"x\"]"] {
                    server.handle_message(now(), link, Message::Text(text));
                }
                server.handle_message(now(), link, Message::Binary(b""));
                while let Some(event) = server.poll_event() {
                    if let Event::Connect { socket, .. } = event {
                        assert_eq!(server.admit(now(), socket), Err(Gone));
                    }
                }
            }
            server.handle_closed(now(), link);
        }
        let left = server.sessions.timers.len() + server.space.admissions.len();
        assert!(left <= 800, "{left}");
    }
}
