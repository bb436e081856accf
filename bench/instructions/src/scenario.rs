//! The operations that are counted.

use sansocket::ArgsRef;
use sansocket_app::{Ack, App, EventMessage, Io, NoReply, Socket};

use crate::bare::Bare;
use crate::client;
use crate::stack::Stack;

/// Performs one operation.
pub type Operation = dyn FnMut();

/// One line of the table.
pub struct Scenario {
    pub name: &'static str,
    /// How often the operation is performed in the two runs. Where something is left behind by each,
    /// both lie between two powers of two, so that no table grows between them.
    pub operations: [usize; 2],
    /// How many messages one operation delivers.
    pub deliveries: usize,
    pub prepare: fn() -> Box<Operation>,
}

/// All lines of the table.
pub const SCENARIOS: &[Scenario] = &[
    many("echo", echo),
    many("ack", ack),
    many("binary", binary),
    many("polling", polling),
    many("handshake", handshake),
    many("connect", connect),
    Scenario { name: "upgrade", operations: [140, SESSIONS], deliveries: 1, prepare: upgrade },
    batch("transmit-16", transmit_16),
    Scenario { name: "broadcast", operations: [10, 20], deliveries: MEMBERS, prepare: broadcast },
    many("app-echo", app_echo),
    many("app-echo-raw", app_echo_raw),
    many("app-ack", app_ack),
    many("app-connect", app_connect),
    Scenario {
        name: "app-broadcast",
        operations: [10, 20],
        deliveries: MEMBERS,
        prepare: app_broadcast,
    },
    batch("app-echo-raw-16", app_echo_raw_16),
    batch("app-ack-raw-16", app_ack_raw_16),
    batch("app-polling-16", app_polling_16),
    Scenario { name: "app-binary-4", operations: [110, 200], deliveries: FOUR, prepare: app_binary_4 },
];

/// Clients a broadcast reaches.
const MEMBERS: usize = 1000;

/// Sessions that are there to be upgraded.
const SESSIONS: usize = 240;

/// Messages that come in one read.
const BATCH: usize = 16;

/// Messages with an attachment that come in one read.
const FOUR: usize = 4;

const ECHO: &str = r#"42["echo","0123456789abcdef"]"#;
const ASK: &str = r#"421["ask","0123456789abcdef"]"#;
const ANSWER: &str = r#"431["0123456789abcdef"]"#;
const NEWS: &str = r#"["0123456789abcdef"]"#;

const fn many(name: &'static str, prepare: fn() -> Box<Operation>) -> Scenario {
    Scenario { name, operations: [1100, 2000], deliveries: 1, prepare }
}

const fn batch(name: &'static str, prepare: fn() -> Box<Operation>) -> Scenario {
    Scenario { name, operations: [110, 200], deliveries: BATCH, prepare }
}

/// A text event in, the same out.
fn echo() -> Box<Operation> {
    repeat_bare(client::text(ECHO), &server_text(ECHO))
}

/// An event that asks for an acknowledgement in, the acknowledgement out.
fn ack() -> Box<Operation> {
    repeat_bare(client::text(ASK), &server_text(ANSWER))
}

/// An event with an attachment of 1 KiB in, the same out.
fn binary() -> Box<Operation> {
    let (sent, answer) = with_attachment();
    repeat_bare(sent, &answer)
}

/// A POST with an event, while a poll waits that takes the echo, and the next poll.
fn polling() -> Box<Operation> {
    let mut bare = Bare::new();
    let (polls, posts) = (bare.accept(), bare.accept());
    let sid = open_polling(|at, bytes| bare.look(at, bytes), polls, posts);
    let (poll, post) = (client::poll(&sid), client::post(&sid, ECHO));
    assert_eq!(bare.turn(polls, &poll), 0, "it waits");
    let answer = String::from_utf8(bare.look(posts, &post)).expect("it is text");
    assert!(answer.contains("\r\n\r\nok") && answer.ends_with(ECHO), "{answer}");
    let expected = answer.len();
    assert_eq!(bare.turn(polls, &poll), 0, "it waits");
    Box::new(move || {
        assert_eq!(bare.turn(posts, &post), expected);
        assert_eq!(bare.turn(polls, &poll), 0);
    })
}

/// A new connection and the request that opens a session.
fn handshake() -> Box<Operation> {
    let mut bare = Bare::new();
    let open = client::request("GET", "transport=polling", "", "");
    let conn = bare.accept();
    let answer = String::from_utf8(bare.look(conn, &open)).expect("it is text");
    assert!(answer.contains(r#"0{"sid":""#), "{answer}");
    let expected = answer.len();
    Box::new(move || {
        let conn = bare.accept();
        assert_eq!(bare.turn(conn, &open), expected);
    })
}

/// A new connection, its WebSocket, and the main namespace joined on it.
fn connect() -> Box<Operation> {
    let mut bare = Bare::new();
    let (upgrade, join) = (client::upgrade(""), client::text("40"));
    let conn = bare.accept();
    let expected = [bare.look(conn, &upgrade).len(), bare.look(conn, &join).len()];
    Box::new(move || {
        let conn = bare.accept();
        assert_eq!([bare.turn(conn, &upgrade), bare.turn(conn, &join)], expected);
    })
}

/// A session with a waiting poll moves to a new connection's WebSocket.
fn upgrade() -> Box<Operation> {
    let mut bare = Bare::new();
    let mut requests = Vec::new();
    for _ in 0..=SESSIONS {
        let (polls, posts) = (bare.accept(), bare.accept());
        let sid = open_polling(|at, bytes| bare.look(at, bytes), polls, posts);
        assert_eq!(bare.turn(polls, &client::poll(&sid)), 0, "it waits");
        requests.push(client::upgrade(&format!("&sid={sid}")));
    }
    let (probe, done) = (client::text("2probe"), client::text("5"));
    let conn = bare.accept();
    let last = requests.pop().expect("it was pushed");
    let switched = bare.look(conn, &last);
    assert!(switched.starts_with(b"HTTP/1.1 101 "));
    let probed = bare.look(conn, &probe);
    assert!(probed.starts_with(&server_text("3probe")) && probed.ends_with(b"\r\n\r\n6"));
    assert_eq!(bare.turn(conn, &done), 0);
    assert_eq!(bare.look(conn, &client::text(ECHO)), server_text(ECHO));
    let expected = [switched.len(), probed.len(), 0];
    Box::new(move || {
        let conn = bare.accept();
        let request = requests.pop().expect("there is one per operation");
        let written = [&request, &probe, &done].map(|bytes| bare.turn(conn, bytes));
        assert_eq!(written, expected);
    })
}

/// Sixteen text events in one read, the same out, each taken from the server and pushed.
fn transmit_16() -> Box<Operation> {
    repeat(Bare::pushing(), client::text(ECHO).repeat(BATCH), &server_text(ECHO).repeat(BATCH))
}

/// An event to all clients.
fn broadcast() -> Box<Operation> {
    let mut bare = Bare::new();
    for _ in 0..MEMBERS {
        join_bare(&mut bare);
    }
    let expected = MEMBERS * server_text(r#"42["news","0123456789abcdef"]"#).len();
    Box::new(move || {
        assert_eq!(bare.broadcast("news", ArgsRef::from_valid(NEWS, &[])), expected);
    })
}

/// A text event to a handler that reads its argument and emits it.
fn app_echo() -> Box<Operation> {
    let mut app = App::new();
    app.on("echo", |socket: Socket, text: String| {
        socket.emit("echo", &text).expect("it can be sent");
        NoReply
    });
    repeat_stack(app, client::text(ECHO), &server_text(ECHO))
}

/// A text event to a handler that emits the arguments as they are.
fn app_echo_raw() -> Box<Operation> {
    repeat_stack(echoing(), client::text(ECHO), &server_text(ECHO))
}

/// Sixteen of them in one read.
fn app_echo_raw_16() -> Box<Operation> {
    repeat_stack(echoing(), client::text(ECHO).repeat(BATCH), &server_text(ECHO).repeat(BATCH))
}

/// An event to a handler that returns the acknowledgement.
fn app_ack() -> Box<Operation> {
    let mut app = App::new();
    app.on("ask", |text: String| text);
    repeat_stack(app, client::text(ASK), &server_text(ANSWER))
}

/// Sixteen events in one read, to a handler that acknowledges with the arguments as they are.
fn app_ack_raw_16() -> Box<Operation> {
    let mut app = App::new();
    app.on("ask", |_: Socket, message: EventMessage, ack: Ack| ack.send(message.args()));
    repeat_stack(app, client::text(ASK).repeat(BATCH), &server_text(ANSWER).repeat(BATCH))
}

/// A POST with sixteen events, while a poll waits that takes all echoes, and the next poll.
fn app_polling_16() -> Box<Operation> {
    let mut stack = Stack::new(echoing());
    let (polls, posts) = (stack.accept(), stack.accept());
    let sid = open_polling(|at, bytes| stack.look(at, bytes), polls, posts);
    let (poll, post) = (client::poll(&sid), client::post(&sid, &[ECHO; BATCH].join("\x1e")));
    assert_eq!(stack.turn(polls, &poll), 0, "it waits");
    let answered = stack.turn(posts, &post);
    let answer = String::from_utf8(stack.look(polls, &[])).expect("it is text");
    assert_eq!(answer.matches(ECHO).count(), BATCH, "{answer}");
    let expected = answer.len();
    assert_eq!(stack.turn(polls, &poll), 0, "it waits");
    Box::new(move || {
        assert_eq!(stack.turn(posts, &post), answered);
        assert_eq!(stack.turn(polls, &[]), expected);
        assert_eq!(stack.turn(polls, &poll), 0);
    })
}

/// Four events with an attachment in one read, to a handler that emits the arguments as they are.
fn app_binary_4() -> Box<Operation> {
    let (sent, answer) = with_attachment();
    repeat_stack(echoing(), sent.repeat(FOUR), &answer.repeat(FOUR))
}

/// A new connection, its WebSocket, and the main namespace joined on it.
fn app_connect() -> Box<Operation> {
    let mut stack = Stack::new(App::new());
    let (upgrade, join) = (client::upgrade(""), client::text("40"));
    let conn = stack.accept();
    let expected = [stack.look(conn, &upgrade).len(), stack.look(conn, &join).len()];
    Box::new(move || {
        let conn = stack.accept();
        assert_eq!([stack.turn(conn, &upgrade), stack.turn(conn, &join)], expected);
    })
}

/// An event to all clients, each written by its own connection.
fn app_broadcast() -> Box<Operation> {
    let mut stack = Stack::new(App::new());
    for _ in 0..MEMBERS {
        join_stack(&mut stack);
    }
    let io = Io::new(stack.hub.clone());
    let expected = MEMBERS * server_text(r#"42["news","0123456789abcdef"]"#).len();
    Box::new(move || {
        io.emit("news", "0123456789abcdef").expect("it can be sent");
        assert_eq!(stack.flush(), expected);
    })
}

/// An application that emits the arguments of an event as they are.
fn echoing() -> App {
    let mut app = App::new();
    app.on("echo", |socket: Socket, message: EventMessage| {
        socket.emit("echo", message.args()).expect("it can be sent");
    });
    app
}

fn repeat_bare(sent: Vec<u8>, answer: &[u8]) -> Box<Operation> {
    repeat(Bare::new(), sent, answer)
}

fn repeat(mut bare: Bare, sent: Vec<u8>, answer: &[u8]) -> Box<Operation> {
    let conn = join_bare(&mut bare);
    assert_eq!(bare.look(conn, &sent), answer);
    let expected = answer.len();
    Box::new(move || assert_eq!(bare.turn(conn, &sent), expected))
}

fn repeat_stack(app: App, sent: Vec<u8>, answer: &[u8]) -> Box<Operation> {
    let mut stack = Stack::new(app);
    let conn = join_stack(&mut stack);
    assert_eq!(stack.look(conn, &sent), answer);
    let expected = answer.len();
    Box::new(move || assert_eq!(stack.turn(conn, &sent), expected))
}

/// Opens a session on polling that is in the main namespace, and returns its id.
fn open_polling(
    mut look: impl FnMut(usize, &[u8]) -> Vec<u8>,
    polls: usize,
    posts: usize,
) -> String {
    let opened = look(polls, &client::request("GET", "transport=polling", "", ""));
    let opened = String::from_utf8(opened).expect("it is text");
    let sid = opened.split("\"sid\":\"").nth(1).and_then(|rest| rest.split('"').next());
    let sid = sid.expect("it names the session").to_owned();
    assert!(look(posts, &client::post(&sid, "40")).ends_with(b"ok"));
    let joined = look(polls, &client::poll(&sid));
    assert!(String::from_utf8_lossy(&joined).contains(r#"40{"sid":""#));
    sid
}

/// Opens a WebSocket that is in the main namespace.
fn join_bare(bare: &mut Bare) -> usize {
    let conn = bare.accept();
    assert!(bare.look(conn, &client::upgrade("")).starts_with(b"HTTP/1.1 101 "));
    assert!(bare.look(conn, &client::text("40"))[2..].starts_with(br#"40{"sid":""#));
    conn
}

fn join_stack(stack: &mut Stack) -> usize {
    let conn = stack.accept();
    assert!(stack.look(conn, &client::upgrade("")).starts_with(b"HTTP/1.1 101 "));
    assert!(stack.look(conn, &client::text("40"))[2..].starts_with(br#"40{"sid":""#));
    conn
}

/// An event with an attachment of 1 KiB, as a client sends it and as the server does.
fn with_attachment() -> (Vec<u8>, Vec<u8>) {
    let head = r#"451-["echo",{"_placeholder":true,"num":0}]"#;
    let attachment: Vec<u8> = (0..=255).cycle().take(1024).collect();
    let sent = [client::text(head), client::binary(&attachment)].concat();
    let answer = [server_text(head), [&[0x82, 126, 4, 0], &attachment[..]].concat()].concat();
    (sent, answer)
}

/// A text message of the server.
fn server_text(payload: &str) -> Vec<u8> {
    let len = u8::try_from(payload.len()).expect("scenarios answer shortly");
    [&[0x81, len], payload.as_bytes()].concat()
}
