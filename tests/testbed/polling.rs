//! A client on long-polling, with one connection for polls and one for POSTs.

use std::cell::RefCell;
use std::rc::Rc;

use crate::http::{Answer, binary_request, request, upgrade};
use crate::net::World;
use crate::tcp::Tcp;
use crate::trace::normal;
use crate::websocket::WebSocket;
use crate::webtransport::WebTransport;

/// A client on long-polling.
pub struct Polling {
    world: Rc<RefCell<World>>,
    /// The part of the query that says which client it is.
    query: String,
    /// The OPEN packet.
    pub open: String,
    /// The session's id.
    pub sid: String,
    /// The connection its polls travel on.
    pub gets: Tcp,
    /// The connection its POSTs travel on.
    pub posts: Tcp,
}

impl Polling {
    pub(crate) fn open(world: &Rc<RefCell<World>>, path: &str, query: &str) -> Self {
        let (mut gets, posts) = (Tcp::open(world), Tcp::open(world));
        gets.send(request("GET", &format!("{path}?{query}&transport=polling"), "", ""));
        let answer = gets.answer().expect("a handshake is answered");
        assert_eq!(answer.status, 200, "{answer:?}");
        let sid = answer.body.split('"').nth(3).expect("OPEN names a sid").to_owned();
        Self { world: world.clone(), query: query.to_owned(), open: answer.body, sid, gets, posts }
    }

    /// Its address.
    #[must_use]
    pub fn target(&self) -> String {
        let path = self.world.borrow().shards[0].config().path.clone();
        format!("{path}?{}&transport=polling&sid={}", self.query, self.sid)
    }

    /// Posts a payload that is accepted.
    pub fn post(&mut self, payload: &str) {
        let answer = self.try_post(payload).expect("a POST is answered");
        assert_eq!((answer.status, &*answer.body), (200, "ok"), "{payload}");
    }

    /// Posts a payload and returns the answer.
    pub fn try_post(&mut self, payload: &str) -> Option<Answer> {
        self.posts.send(request("POST", &self.target(), "", payload));
        self.posts.answer()
    }

    /// Posts a payload that need not be text, and returns the answer.
    pub fn try_post_bytes(&mut self, payload: &[u8]) -> Option<Answer> {
        let fields = "Content-Type: application/octet-stream\r\n";
        self.posts.send(binary_request("POST", &self.target(), fields, payload));
        self.posts.answer()
    }

    /// Sends a poll, which may be held.
    pub fn get(&mut self) {
        self.gets.send(request("GET", &self.target(), "", ""));
    }

    /// Takes the answer to a poll that is held or was answered.
    pub fn answer(&mut self) -> Option<Answer> {
        self.gets.answer()
    }

    /// Takes the payload of a poll that was answered.
    pub fn payload(&mut self) -> String {
        let answer = self.answer().expect("the poll is held");
        assert_eq!(answer.status, 200, "{answer:?}");
        normal(&answer.body)
    }

    /// Polls and returns the payload, which is there already.
    pub fn poll(&mut self) -> String {
        self.get();
        self.payload()
    }

    /// Joins a namespace and takes note of the id it got there.
    pub fn join(&mut self, namespace: &str) -> String {
        self.post(&format!("40{namespace},"));
        self.get();
        let body = self.answer().expect("CONNECT is answered").body;
        body.split('"').nth(3).expect("an id").to_owned()
    }

    /// Opens a WebSocket for the session, without probing.
    pub fn websocket(&mut self) -> WebSocket {
        let mut tcp = Tcp::open(&self.world);
        tcp.send(upgrade(&self.target().replace("polling", "websocket")));
        WebSocket::on(tcp)
    }

    /// Opens a WebTransport stream for the session, without probing.
    pub fn webtransport(&mut self) -> WebTransport {
        let mut stream = WebTransport::open(&self.world);
        stream.send(&format!("0{{\"sid\":\"{}\"}}", self.sid));
        stream
    }

    /// Moves to WebSocket as a client does.
    pub fn upgrade(&mut self) -> WebSocket {
        let mut ws = self.websocket();
        ws.send("2probe");
        assert_eq!(ws.recv(), "3probe");
        ws.send("5");
        ws
    }

    /// Drops both connections without a word.
    pub fn vanish(&mut self) {
        self.gets.vanish();
        self.posts.vanish();
    }
}
