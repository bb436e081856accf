//! The client's end of a connection: packets received, and packets to send.

use bytes::Bytes;
use sansocket::Args;
use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use super::connect::ConnectError;
use super::frame::{self, Op};
use super::packet::{self, Kind, Packet};
use super::socket::TestSocket;
use crate::handlers::table::{Entry, Table};

/// A client that speaks Engine.IO and Socket.IO over one WebSocket.
pub(super) struct Peer {
    stage: Stage,
    /// Bytes of a head or frame that is not complete.
    unread: Vec<u8>,
    /// Bytes for the server.
    output: Vec<u8>,
    /// Frames that wait for the WebSocket.
    early: Vec<u8>,
    /// Whether pings stay unanswered.
    pub(super) mute: bool,
    partial: Option<Partial>,
    spaces: BTreeMap<String, Space>,
    /// Events for handlers, in the order they arrived.
    calls: VecDeque<Called>,
    /// Wakes the task that carries bytes for the client.
    pub(super) waker: Option<Waker>,
    /// The id of the last question.
    asked: u64,
}

/// How far the connection is.
#[derive(Debug)]
enum Stage {
    /// The answer to the upgrade is awaited.
    Upgrading,
    Open,
    /// The client is about to leave without a word.
    HangingUp,
    Ended,
    /// The server answered the upgrade with something else.
    Rejected {
        status: u16,
        body: String,
    },
}

/// What the client knows of one namespace.
#[derive(Default)]
struct Space {
    membership: Membership,
    /// The client's id, once it was let in.
    id: Option<String>,
    arrived: Vec<Arrival>,
    /// The handlers the test gave the client.
    handlers: Table<TestSocket>,
    /// Acknowledgements by the id of the question.
    answers: BTreeMap<u64, Args>,
}

#[derive(Debug, Default)]
enum Membership {
    #[default]
    Asked,
    Joined,
    Left,
    Refused {
        message: String,
        data: Option<Value>,
    },
}

/// An event that arrived.
pub(super) struct Arrival {
    pub(super) name: String,
    pub(super) args: Args,
    /// The id under which the server waits for an acknowledgement.
    pub(super) question: Option<u64>,
}

/// An event for a handler of the client.
pub(super) struct Called {
    pub(super) namespace: Arc<str>,
    pub(super) handler: Entry<TestSocket>,
    pub(super) arrival: Arrival,
}

/// A packet whose attachments have not all arrived.
struct Partial {
    text: String,
    missing: usize,
    attachments: Vec<Bytes>,
}

/// What the client does next.
pub(super) enum Output {
    Bytes(Vec<u8>),
    HangUp,
    Nothing,
}

impl Peer {
    /// Begins with a request to upgrade.
    pub(super) fn new(request: String) -> Mutex<Self> {
        Mutex::new(Self {
            stage: Stage::Upgrading,
            unread: Vec::new(),
            output: request.into_bytes(),
            early: Vec::new(),
            mute: false,
            partial: None,
            spaces: BTreeMap::new(),
            calls: VecDeque::new(),
            waker: None,
            asked: 0,
        })
    }

    /// Asks to join a namespace.
    pub(super) fn join(&mut self, namespace: &str, auth: &str) {
        // Handlers stay when a client joins a namespace again.
        let before = self.spaces.remove(namespace).map(|space| space.handlers);
        let space = Space { handlers: before.unwrap_or_default(), ..Space::default() };
        self.spaces.insert(namespace.into(), space);
        self.send(Kind::Connect, namespace, None, auth, &[]);
    }

    /// Leaves a namespace.
    pub(super) fn leave(&mut self, namespace: &str) {
        self.send(Kind::Disconnect, namespace, None, "", &[]);
        self.space(namespace).membership = Membership::Left;
    }

    /// Sends a packet and its attachments.
    pub(super) fn send(
        &mut self,
        kind: Kind,
        namespace: &str,
        id: Option<u64>,
        json: &str,
        attachments: &[Bytes],
    ) {
        let packet = Packet { kind, attachments: attachments.len(), namespace, id, json };
        self.put(Op::Text, packet.write().as_bytes());
        for attachment in attachments {
            self.put(Op::Binary, attachment);
        }
    }

    /// Sends a packet of a handler, unless the client has left its namespace.
    pub(super) fn reply(
        &mut self,
        kind: Kind,
        namespace: &str,
        id: Option<u64>,
        json: &str,
        attachments: &[Bytes],
    ) {
        if self.is_in(namespace) {
            self.send(kind, namespace, id, json, attachments);
            self.waker.take().into_iter().for_each(Waker::wake);
        }
    }

    /// Lends the handlers of a namespace.
    pub(super) fn handlers(&mut self, namespace: &str) -> &mut Table<TestSocket> {
        &mut self.space(namespace).handlers
    }

    /// Takes the next event for a handler.
    pub(super) fn next_call(&mut self) -> Option<Called> {
        self.calls.pop_front()
    }

    /// Returns an id for a question.
    pub(super) fn ask(&mut self) -> u64 {
        self.asked += 1;
        self.asked
    }

    /// Drops the connection without a close frame, once the bytes sent before have arrived.
    pub(super) fn hang_up(&mut self) {
        match self.stage {
            Stage::Upgrading | Stage::Open => self.stage = Stage::HangingUp,
            Stage::HangingUp | Stage::Ended | Stage::Rejected { .. } => {}
        }
    }

    /// Takes note that the connection is over.
    pub(super) fn end(&mut self) {
        match self.stage {
            Stage::Upgrading | Stage::Open | Stage::HangingUp => self.stage = Stage::Ended,
            Stage::Ended | Stage::Rejected { .. } => {}
        }
    }

    /// Whether the client is in a namespace.
    pub(super) fn is_in(&self, namespace: &str) -> bool {
        self.admission(namespace).is_ok()
    }

    /// Returns the client's id in a namespace, also after it left.
    pub(super) fn id(&self, namespace: &str) -> Option<String> {
        self.spaces.get(namespace)?.id.clone()
    }

    /// Tells why a client is not in a namespace, if so.
    pub(super) fn admission(&self, namespace: &str) -> Result<(), ConnectError> {
        match (&self.stage, self.spaces.get(namespace).map(|space| &space.membership)) {
            (Stage::Rejected { status, body }, _) => {
                Err(ConnectError::Rejected { status: *status, body: body.clone() })
            }
            (_, Some(Membership::Refused { message, data })) => {
                Err(ConnectError::Refused { message: message.clone(), data: data.clone() })
            }
            (Stage::HangingUp | Stage::Ended, _) | (_, Some(Membership::Left) | None) => {
                Err(ConnectError::Closed)
            }
            (Stage::Upgrading | Stage::Open, Some(Membership::Asked)) => {
                Err(ConnectError::Undecided)
            }
            (Stage::Upgrading | Stage::Open, Some(Membership::Joined)) => Ok(()),
        }
    }

    /// Lends the events of a namespace that the test has not taken.
    pub(super) fn arrived(&mut self, namespace: &str) -> &mut Vec<Arrival> {
        &mut self.space(namespace).arrived
    }

    /// Returns the acknowledgement of a question, if it came.
    pub(super) fn answer(&mut self, namespace: &str, question: u64) -> Option<Args> {
        self.space(namespace).answers.get(&question).cloned()
    }

    /// Returns what to do next; after bytes there may be more.
    pub(super) fn next_output(&mut self) -> Output {
        if !self.output.is_empty() {
            return Output::Bytes(std::mem::take(&mut self.output));
        }
        match self.stage {
            Stage::HangingUp | Stage::Rejected { .. } => Output::HangUp,
            Stage::Upgrading | Stage::Open | Stage::Ended => Output::Nothing,
        }
    }

    /// Takes bytes from the server.
    pub(super) fn receive(&mut self, bytes: &[u8]) {
        self.unread.extend_from_slice(bytes);
        let unread = std::mem::take(&mut self.unread);
        let mut rest = unread.as_slice();
        if let Stage::Upgrading = self.stage {
            rest = self.receive_head(rest);
        }
        while let Stage::Open | Stage::HangingUp = self.stage {
            let Some((op, payload, after)) = frame::take(rest) else { break };
            rest = after;
            match op {
                Op::Binary => self.receive_attachment(payload),
                Op::Close => {
                    self.put(Op::Close, payload);
                    self.end();
                }
                Op::Text => {
                    self.receive_text(std::str::from_utf8(payload).expect("text is UTF-8"));
                }
            }
        }
        if let Stage::Rejected { body, .. } = &mut self.stage {
            body.push_str(&String::from_utf8_lossy(rest));
            rest = &[];
        }
        self.unread = rest.to_vec();
    }

    /// Takes the answer to the upgrade and returns what follows it.
    fn receive_head<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
            return bytes;
        };
        let (head, rest) = bytes.split_at(end + 4);
        let head = String::from_utf8_lossy(head);
        match head.split(' ').nth(1).and_then(|status| status.parse().ok()) {
            Some(101) => {
                self.stage = Stage::Open;
                self.output.append(&mut self.early);
            }
            status => {
                let (status, body) = (status.unwrap_or(0), String::new());
                self.stage = Stage::Rejected { status, body };
            }
        }
        rest
    }

    /// Takes an Engine.IO packet (engine.io-protocol v4, "Packet types").
    fn receive_text(&mut self, text: &str) {
        match text.split_at_checked(1) {
            Some(("0" | "6", _)) => {}
            Some(("1", _)) => self.end(),
            Some(("2", _)) if self.mute => {}
            Some(("2", data)) => self.put(Op::Text, format!("3{data}").as_bytes()),
            Some(("4", text)) => {
                let packet = Packet::parse(text).unwrap_or_else(|| unknown(text));
                match packet.attachments {
                    0 => self.receive_packet(&packet, Vec::new()),
                    missing => {
                        let (text, attachments) = (text.to_owned(), Vec::new());
                        self.partial = Some(Partial { text, missing, attachments });
                    }
                }
            }
            _ => unknown(text),
        }
    }

    fn receive_attachment(&mut self, bytes: &[u8]) {
        let mut partial = self.partial.take().expect("attachments follow their packet");
        partial.attachments.push(Bytes::copy_from_slice(bytes));
        if partial.attachments.len() < partial.missing {
            self.partial = Some(partial);
            return;
        }
        let packet = Packet::parse(&partial.text).expect("it was parsed when it came");
        self.receive_packet(&packet, partial.attachments);
    }

    fn receive_packet(&mut self, packet: &Packet<'_>, attachments: Vec<Bytes>) {
        let space = self.space(packet.namespace);
        match packet.kind {
            Kind::Connect => {
                let reply: Value = read(packet.json);
                space.id = reply["sid"].as_str().map(str::to_owned);
                space.membership = Membership::Joined;
            }
            Kind::ConnectError => {
                let mut reason: Value = read(packet.json);
                let message = reason["message"].as_str().unwrap_or_default().to_owned();
                let data = reason.get_mut("data").map(Value::take);
                space.membership = Membership::Refused { message, data };
            }
            Kind::Disconnect => space.membership = Membership::Left,
            Kind::Event => {
                let (name, args) = packet::split_name(packet.json, attachments)
                    .unwrap_or_else(|| unknown(packet.json));
                let arrival = Arrival { name, args, question: packet.id };
                match space.handlers.find(&arrival.name).cloned() {
                    None => space.arrived.push(arrival),
                    Some(handler) => {
                        let namespace = packet.namespace.into();
                        self.calls.push_back(Called { namespace, handler, arrival });
                    }
                }
            }
            Kind::Ack => {
                let args = Args::from_json(packet.json, attachments)
                    .unwrap_or_else(|_| unknown(packet.json));
                let id = packet.id.unwrap_or_else(|| unknown(packet.json));
                space.answers.insert(id, args);
            }
        }
    }

    fn put(&mut self, op: Op, payload: &[u8]) {
        let out = match self.stage {
            Stage::Upgrading => &mut self.early,
            Stage::Open | Stage::HangingUp | Stage::Ended | Stage::Rejected { .. } => {
                &mut self.output
            }
        };
        frame::put(out, op, payload);
    }

    fn space(&mut self, namespace: &str) -> &mut Space {
        self.spaces.get_mut(namespace).expect("it is heard of in namespaces it asked for only")
    }
}

/// Locks a peer.
pub(super) fn lock(peer: &Mutex<Peer>) -> MutexGuard<'_, Peer> {
    peer.lock().unwrap_or_else(PoisonError::into_inner)
}

fn read(json: &str) -> Value {
    serde_json::from_str(json).unwrap_or_else(|_| unknown(json))
}

fn unknown(text: &str) -> ! {
    panic!("the server sent something no client understands: {text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n";

    /// A client that joined `/` and heard this, in pieces of so many bytes.
    fn heard(bytes: &[u8], piece: usize) -> Peer {
        let mut peer = Peer::new(String::new()).into_inner().expect("nobody panics");
        peer.join("/", "");
        bytes.chunks(piece).for_each(|piece| peer.receive(piece));
        peer
    }

    #[test]
    fn it_does_not_matter_how_bytes_are_split() {
        let stream = [
            HEAD,
            b"\x81\x010\x81\x0d40{\"sid\":\"i\"}\x81\x0a451-9[\"a\"]\x82\x02\x01\x02\x81\x012",
            b"\x81\x0743/,1[]\x88\x02\x03\xe8",
        ]
        .concat();
        for piece in 1..=stream.len() {
            let mut peer = heard(&stream, piece);
            let arrived = std::mem::take(peer.arrived("/"));
            let [Arrival { name, args, question: Some(9) }] = &*arrived else {
                panic!("{arrived:?}");
            };
            assert_eq!((&**name, args.attachments()), ("a", &[Bytes::from_static(&[1, 2])][..]));
            assert!(peer.answer("/", 1).is_some());
            assert_eq!(peer.id("/").as_deref(), Some("i"));
            assert_eq!(peer.admission("/"), Err(ConnectError::Closed), "it was closed last");
        }
    }

    #[test]
    fn an_answer_that_is_no_upgrade_is_kept() {
        let stream = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno";
        for piece in 1..=stream.len() {
            let rejected = ConnectError::Rejected { status: 403, body: "no".into() };
            assert_eq!(heard(stream, piece).admission("/"), Err(rejected));
        }
    }

    #[test]
    fn frames_wait_for_the_upgrade() {
        let mut peer = heard(&[], 1);
        assert!(matches!(peer.next_output(), Output::Nothing));
        peer.receive(HEAD);
        assert!(matches!(peer.next_output(), Output::Bytes(bytes) if bytes[..2] == [0x81, 0x82]));
        assert!(matches!(peer.next_output(), Output::Nothing));
    }
}
