//! The client's end of a WebSocket connection: its codec, and the state of its namespaces.

use sansocket::{
    Args, Conn, EnginePacket, EventMessage, Frame, Inbound, Limits, Message, PacketReader, Parser,
    Reason, Request, SocketBody, SocketPacket, Transmit, Violation,
};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::IoSlice;
use std::sync::{Arc, Mutex};
use std::task::Waker;

use super::calls::{self, Call, Calls, Task};
use super::clock::Clock;
use super::connect::ConnectError;
use super::line::{self, End, Output, gathered};
use super::socket::TestSocket;
use crate::handlers::namespace::Namespace;
use crate::handlers::state::States;

/// A client that speaks Engine.IO and Socket.IO over one WebSocket.
pub(super) struct Peer {
    conn: Conn,
    known: Known,
    /// What writes packets instead of the text of the protocol.
    parser: Option<Arc<dyn Parser>>,
    /// The values that handlers of the client take.
    states: Arc<States>,
    /// Wakes the task that carries bytes for the client.
    waker: Option<Waker>,
    /// The id of the last question.
    asked: u64,
}

/// The state that messages of the server change.
struct Known {
    stage: Stage,
    /// Frames that wait for the WebSocket.
    early: Vec<Frame>,
    /// Whether pings stay unanswered.
    mute: bool,
    reader: PacketReader,
    limits: Arc<Limits>,
    spaces: BTreeMap<String, Space>,
    /// What happened that handlers are to be called for.
    calls: Calls,
}

/// How far the connection is.
#[derive(Debug)]
enum Stage {
    /// The answer to the upgrade is awaited.
    Upgrading,
    Open,
    /// The client is about to drop the connection without a close frame.
    HangingUp,
    Ended,
    /// The server answered the upgrade with something else; the body may be awaited.
    Rejected {
        status: u16,
        body: Option<String>,
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
    handlers: Arc<Namespace<TestSocket>>,
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
    pub(super) message: EventMessage,
    /// The id under which the server waits for an acknowledgement.
    pub(super) question: Option<u64>,
}

/// Keys and masks are the same in every run.
const SEED: [u8; 32] = [9; 32];

impl Peer {
    /// Begins with a request to upgrade, to a server with that parser.
    pub(super) fn new(
        request: &Request<'_>,
        states: Arc<States>,
        parser: Option<&Arc<dyn Parser>>,
    ) -> Self {
        // The server under test sets the limits.
        let mut limits = Limits::default();
        (limits.attachments, limits.attachment_bytes) = (u32::MAX, usize::MAX);
        (limits.fragments, limits.max_payload) = (u32::MAX, usize::MAX);
        let limits = Arc::new(limits);
        let mut conn = Conn::client(limits.clone(), None, SEED);
        conn.ask_websocket(request, None).expect("the connection is fresh");
        let known = Known {
            stage: Stage::Upgrading,
            early: Vec::new(),
            mute: false,
            reader: PacketReader::new(parser.cloned()),
            limits,
            spaces: BTreeMap::new(),
            calls: Calls::default(),
        };
        Self { conn, known, parser: parser.cloned(), states, waker: None, asked: 0 }
    }

    /// Asks to join a namespace.
    pub(super) fn join(&mut self, namespace: &str, auth: &str) {
        // Handlers stay when a client joins a namespace again.
        let before = self.known.spaces.remove(namespace).map(|space| space.handlers);
        let space = Space { handlers: before.unwrap_or_default(), ..Space::default() };
        self.known.spaces.insert(namespace.into(), space);
        let payload = (!auth.is_empty()).then(|| auth.into());
        self.send(namespace, SocketBody::Connect { payload });
    }

    /// Leaves a namespace.
    pub(super) fn leave(&mut self, namespace: &str) {
        self.send(namespace, SocketBody::Disconnect);
        self.known.depart(namespace, Reason::ClientDisconnect);
    }

    /// Leaves a namespace because the connect handler refused the client, which handles nothing of it then.
    pub(super) fn decline(&mut self, namespace: &str) {
        self.reply(namespace, SocketBody::Disconnect);
        self.known.depart(namespace, Reason::ClientDisconnect);
        self.known.calls.forget(namespace);
    }

    /// Sends a packet and its attachments.
    pub(super) fn send(&mut self, namespace: &str, body: SocketBody) {
        let packet = SocketPacket { namespace: namespace.into(), body };
        let frames = packet.frames_by(self.parser.as_ref());
        match self.known.stage {
            Stage::Upgrading => self.known.early.extend(frames),
            Stage::Open | Stage::HangingUp | Stage::Ended | Stage::Rejected { .. } => {
                frames.into_iter().map(Transmit::Frame).for_each(|frame| self.conn.push(frame));
            }
        }
    }

    /// Sends a packet of a handler, unless the client has left its namespace.
    pub(super) fn reply(&mut self, namespace: &str, body: SocketBody) {
        if self.is_in(namespace) {
            self.send(namespace, body);
            self.waker.take().into_iter().for_each(Waker::wake);
        }
    }

    /// Lends the handlers of a namespace.
    pub(super) fn handlers(&mut self, namespace: &str) -> &Namespace<TestSocket> {
        &self.known.space(namespace).handlers
    }

    /// Sets the handlers of a namespace that the client asked to join, or will.
    pub(super) fn set_handlers(&mut self, namespace: &str, mut handlers: Namespace<TestSocket>) {
        handlers.settle_order();
        let space = self.known.spaces.entry(namespace.into()).or_default();
        space.handlers = Arc::new(handlers);
    }

    /// Lends the calls of handlers that are to be made.
    pub(super) fn calls(&mut self) -> &mut Calls {
        &mut self.known.calls
    }

    /// The values that handlers of the client take.
    pub(super) fn states(&self) -> &Arc<States> {
        &self.states
    }

    /// Returns an id for a question.
    pub(super) fn ask(&mut self) -> u64 {
        self.asked += 1;
        self.asked
    }

    /// Leaves pings unanswered from now on.
    pub(super) fn mute(&mut self) {
        self.known.mute = true;
    }

    /// Whether the client is in a namespace.
    pub(super) fn is_in(&self, namespace: &str) -> bool {
        self.admission(namespace).is_ok()
    }

    /// Returns the client's id in a namespace, also after it left.
    pub(super) fn id(&self, namespace: &str) -> Option<String> {
        self.known.spaces.get(namespace)?.id.clone()
    }

    /// Tells why a client is not in a namespace, if so.
    pub(super) fn admission(&self, namespace: &str) -> Result<(), ConnectError> {
        let space = self.known.spaces.get(namespace);
        match (&self.known.stage, space.map(|space| &space.membership)) {
            (Stage::Rejected { status, body }, _) => {
                let body = body.clone().unwrap_or_default();
                Err(ConnectError::Rejected { status: *status, body })
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
        &mut self.known.space(namespace).arrived
    }

    /// Returns the acknowledgement of a question, if it came.
    pub(super) fn answer(&mut self, namespace: &str, question: u64) -> Option<Args> {
        self.known.space(namespace).answers.get(&question).cloned()
    }
}

impl End for Peer {
    fn receive(&mut self, mut bytes: Vec<u8>) {
        let Self { conn, known, .. } = self;
        let mut decoder = conn.decode(&mut bytes);
        while let Some(item) = decoder.poll().unwrap_or_else(|violation| broken(violation)) {
            let replies = known.take(item);
            replies.into_iter().for_each(|frame| decoder.push(Transmit::Frame(frame)));
        }
    }

    fn next_output(&mut self) -> Output {
        let mut slices = [IoSlice::new(&[]); 8];
        let filled = self.conn.poll_write(&mut slices);
        if filled > 0 {
            let bytes = gathered(&slices[..filled]);
            self.conn.wrote(bytes.len());
            return Output::Bytes(bytes);
        }
        match &self.known.stage {
            Stage::HangingUp | Stage::Rejected { body: Some(_), .. } => Output::HangUp,
            Stage::Upgrading | Stage::Open | Stage::Ended | Stage::Rejected { body: None, .. } => {
                Output::Nothing
            }
        }
    }

    fn hang_up(&mut self) {
        let stage = &mut self.known.stage;
        match stage {
            Stage::Upgrading | Stage::Open => *stage = Stage::HangingUp,
            Stage::HangingUp | Stage::Ended | Stage::Rejected { .. } => {}
        }
    }

    fn end(&mut self) {
        self.known.end();
    }

    /// Calls the handlers of the client for what arrived.
    fn run(end: &Arc<Mutex<Self>>, clock: &Arc<Clock>, waker: &Waker) {
        line::lock(end).waker = Some(waker.clone());
        calls::run(end, clock);
    }
}

impl Known {
    /// Takes an item of the connection, and returns the reply.
    fn take(&mut self, item: Inbound<'_>) -> Vec<Frame> {
        match (&mut self.stage, item) {
            (Stage::Upgrading, Inbound::Response(head)) if head.status == 101 => {
                self.stage = Stage::Open;
                return std::mem::take(&mut self.early);
            }
            (Stage::Upgrading, Inbound::Response(head)) => {
                self.stage = Stage::Rejected { status: head.status, body: None };
            }
            (Stage::Rejected { body, .. }, Inbound::Body(bytes)) => {
                *body = Some(String::from_utf8_lossy(bytes).into_owned());
            }
            (Stage::Open | Stage::HangingUp, Inbound::Message(Message::Text(text))) => {
                return self.take_text(text).into_iter().collect();
            }
            (Stage::Open | Stage::HangingUp, Inbound::Message(Message::Binary(bytes))) => {
                let packet = self.reader.binary(bytes, &self.limits);
                self.take_packet(packet.unwrap_or_else(|violation| broken(violation)));
            }
            (_, Inbound::Closed(_)) => self.end(),
            // Messages behind the end are dropped.
            _ => {}
        }
        Vec::new()
    }

    /// Takes an Engine.IO packet (engine.io-protocol v4, "Packet types").
    fn take_text(&mut self, text: &str) -> Option<Frame> {
        match EnginePacket::parse(text) {
            Ok(EnginePacket::Open | EnginePacket::Noop) => {}
            Ok(EnginePacket::Close) => self.end(),
            Ok(EnginePacket::Ping(_)) if self.mute => {}
            Ok(EnginePacket::Ping(data)) => return Some(Frame::text(&format!("3{data}"))),
            Ok(EnginePacket::Message(text)) => {
                let packet = self.reader.text(text, &self.limits);
                self.take_packet(packet.unwrap_or_else(|violation| broken(violation)));
            }
            Ok(EnginePacket::Binary(_) | EnginePacket::Pong | EnginePacket::Upgrade) | Err(_) => {
                unknown(text)
            }
        }
        None
    }

    fn take_packet(&mut self, packet: Option<SocketPacket>) {
        let Some(SocketPacket { namespace, body }) = packet else { return };
        let space = self.space(&namespace);
        match body {
            SocketBody::Connect { payload } => {
                let reply = read(payload.as_deref());
                space.id = reply["sid"].as_str().map(str::to_owned);
                space.membership = Membership::Joined;
                self.call(&namespace, Task::Connect { payload });
            }
            SocketBody::ConnectError { reason } => {
                let mut reason = read(reason.as_deref());
                let message = reason["message"].as_str().unwrap_or_default().to_owned();
                let data = reason.get_mut("data").map(Value::take);
                space.membership = Membership::Refused { message, data };
            }
            SocketBody::Disconnect => self.depart(&namespace, Reason::ServerDisconnect),
            SocketBody::Event { message, id } => {
                let arrival = Arrival { message, question: id };
                match space.handlers.find(arrival.message.name()) {
                    Some(_) => self.call(&namespace, Task::Event(arrival)),
                    None => space.arrived.push(arrival),
                }
            }
            SocketBody::Ack { args, id } => drop(space.answers.insert(id, args)),
        }
    }

    /// Takes note that the connection is over.
    fn end(&mut self) {
        match self.stage {
            Stage::Upgrading | Stage::Open | Stage::HangingUp => self.stage = Stage::Ended,
            Stage::Ended | Stage::Rejected { .. } => {}
        }
        let names: Vec<String> = self.spaces.keys().cloned().collect();
        names.iter().for_each(|namespace| self.depart(namespace, Reason::TransportClose));
    }

    /// Takes note that the client is not in a namespace any more.
    fn depart(&mut self, namespace: &str, reason: Reason) {
        match self.space(namespace).membership {
            Membership::Joined => {
                self.space(namespace).membership = Membership::Left;
                self.call(namespace, Task::Disconnect(reason));
            }
            Membership::Asked | Membership::Left | Membership::Refused { .. } => {}
        }
    }

    /// Calls for a handler of a namespace.
    fn call(&mut self, namespace: &str, task: Task) {
        let handlers = self.space(namespace).handlers.clone();
        self.calls.push(Call { namespace: namespace.into(), handlers, task });
    }

    fn space(&mut self, namespace: &str) -> &mut Space {
        self.spaces.get_mut(namespace).expect("servers write to namespaces that were asked for")
    }
}

fn read(json: Option<&str>) -> Value {
    let json = json.unwrap_or_default();
    serde_json::from_str(json).unwrap_or_else(|_| unknown(json))
}

fn unknown(text: &str) -> ! {
    panic!("the server sent something no client understands: {text}")
}

fn broken(violation: Violation) -> ! {
    panic!("the server broke a rule of the protocol: {violation}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use sansocket::{Fields, Method, Response};

    fn peer() -> Peer {
        let fields = [("host", "a")];
        let request = Request::new(Method::Get, "/", Fields::host(&fields));
        Peer::new(&request, Arc::default(), None)
    }

    /// The answer that accepts the WebSocket of every peer, whose key is always the same.
    fn head() -> Vec<u8> {
        let Output::Bytes(mut request) = peer().next_output() else { panic!("it asks") };
        let mut server = Conn::new(Arc::default());
        let mut decoder = server.decode(&mut request);
        let Ok(Some(Inbound::Request(request))) = decoder.poll() else { panic!("it asks") };
        let response = Response::accepting(&request).expect("it asks for a WebSocket");
        decoder.push(Transmit::Response(response));
        drop(decoder);
        let mut slices = [IoSlice::new(&[]); 1];
        assert_eq!(server.poll_write(&mut slices), 1);
        slices[0].to_vec()
    }

    /// A client that joined `/` and heard this, in pieces of so many bytes.
    fn heard(bytes: &[u8], piece: usize) -> Peer {
        let mut peer = peer();
        peer.join("/", "");
        bytes.chunks(piece).for_each(|piece| peer.receive(piece.to_vec()));
        peer
    }

    #[test]
    fn it_does_not_matter_how_bytes_are_split() {
        let stream = [
            &*head(),
            b"\x81\x010\x81\x0d40{\"sid\":\"i\"}",
            b"\x81\x28451-9[\"a\",{\"_placeholder\":true,\"num\":0}]\x82\x02\x01\x02\x81\x012",
            b"\x81\x0743/,1[]\x88\x02\x03\xe8",
        ]
        .concat();
        for piece in 1..=stream.len() {
            let mut peer = heard(&stream, piece);
            let arrived = std::mem::take(peer.arrived("/"));
            let [Arrival { message, question: Some(9) }] = &*arrived else {
                panic!("{arrived:?}");
            };
            let attachments = &[Bytes::from_static(&[1, 2])][..];
            assert_eq!((message.name(), message.attachments()), ("a", attachments));
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
        assert!(matches!(peer.next_output(), Output::Bytes(bytes) if bytes.starts_with(b"GET ")));
        assert!(matches!(peer.next_output(), Output::Nothing));
        peer.receive(head());
        assert!(matches!(peer.next_output(), Output::Bytes(bytes) if bytes[..2] == [0x81, 0x82]));
        assert!(matches!(peer.next_output(), Output::Nothing));
    }
}
