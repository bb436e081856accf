//! `polling`: a POST of some packets, then GETs until every reply is there.

use crate::conn::{Conn, Opening};
use crate::echo::SLICE;
use crate::options::Options;
use crate::report::Report;
use crate::session::{PATH, SEPARATOR, Session};
use crate::window::Window;
use crate::wire::{Number, Template, shown};
use crate::{Result, http, words};
use mio::{Events, Poll};

pub fn run(options: &Options) -> Result<String> {
    let mut poll = Poll::new().map_err(words("epoll"))?;
    let mut texts = Texts::new(options);
    let mut clients = Vec::with_capacity(options.connections);
    for index in 0..options.connections {
        let client = Client::open(options, &poll, index);
        clients.push(client.map_err(|error| format!("connection {index}: {error}"))?);
    }
    let mut window = Window::open(options);
    for client in &mut clients {
        client.post(&texts, window.now())?;
    }
    let (mut events, mut scratch) = (Events::with_capacity(1024), vec![0; 1 << 20]);
    let mut busy = clients.len();
    while busy > 0 {
        let open = window.is_open(true)?;
        poll.poll(&mut events, Some(SLICE)).map_err(words("epoll"))?;
        for event in &events {
            let index = event.token().0;
            let client = &mut clients[index];
            if let Some(bytes) = client.conn.read(&mut scratch)? {
                let now = window.now();
                let complete = client.handle(&mut texts, bytes);
                if complete.map_err(|error| format!("connection {index}: {error}"))? {
                    window.came(now, client.sent_at, texts.packets as u64);
                    if open { client.post(&texts, now)? } else { busy -= 1 }
                }
            }
            client.conn.flush()?;
        }
    }
    let mut report = Report::new(options);
    report.results(&window.results);
    Ok(report.line())
}

struct Client {
    conn: Conn,
    post: Vec<u8>,
    get: Vec<u8>,
    state: State,
    sent: Number,
    received: Number,
    sent_at: u64,
    /// Replies outstanding.
    missing: usize,
    /// A ping came; the next POST answers it.
    pinged: bool,
}

/// The response that comes next.
#[derive(Clone, Copy)]
enum State {
    Post,
    Get,
}

impl Client {
    fn open(options: &Options, poll: &Poll, index: usize) -> Result<Self> {
        let mut opening = Opening::connect(options.address, index)?;
        let session = if options.floor { Session::at(PATH) } else { Session::open(&mut opening)? };
        Ok(Self {
            conn: opening.into_conn(poll.registry(), index)?,
            post: session.post(),
            get: session.get(),
            state: State::Post,
            sent: Number::first(index),
            received: Number::first(index),
            sent_at: 0,
            missing: 0,
            pinged: false,
        })
    }

    fn post(&mut self, texts: &Texts, now: u64) -> Result<()> {
        let length = texts.body + if self.pinged { 2 } else { 0 };
        let out = &mut self.conn.out;
        out.extend_from_slice(&self.post);
        out.extend_from_slice(length.to_string().as_bytes());
        out.extend_from_slice(b"\r\n\r\n");
        if std::mem::take(&mut self.pinged) {
            out.extend_from_slice(b"3\x1e");
        }
        for index in 0..texts.packets {
            if index > 0 {
                out.push(SEPARATOR);
            }
            texts.request.put(&self.sent, out);
            self.sent.advance();
        }
        self.missing = texts.packets;
        self.sent_at = now;
        self.state = State::Post;
        self.conn.flush()
    }

    /// Takes one response; true when every reply of the round is there.
    fn handle(&mut self, texts: &mut Texts, bytes: &[u8]) -> Result<bool> {
        let Some(response) = http::response(bytes)? else {
            self.conn.keep(bytes);
            return Ok(false);
        };
        if response.status != 200 || response.end != bytes.len() {
            return Err(format!("wrong response: {}", shown(bytes)));
        }
        match self.state {
            State::Post if response.body.eq_ignore_ascii_case(b"ok") => {}
            State::Post => return Err(format!("a POST is answered {}", shown(&response.body))),
            State::Get => self.verify(texts, &response.body)?,
        }
        if self.missing > 0 {
            self.state = State::Get;
            self.conn.out.extend_from_slice(&self.get);
        }
        Ok(self.missing == 0)
    }

    fn verify(&mut self, texts: &mut Texts, body: &[u8]) -> Result<()> {
        for packet in body.split(|&byte| byte == SEPARATOR) {
            let expected = texts.reply.with(&self.received);
            if packet == expected && self.missing > 0 {
                self.received.advance();
                self.missing -= 1;
            } else if packet == b"2" {
                self.pinged = true;
            } else {
                let (got, expected) = (shown(packet), shown(expected));
                return Err(format!("wrong reply\n     got {got}\nexpected {expected}"));
            }
        }
        Ok(())
    }
}

struct Texts {
    request: Template,
    reply: Template,
    packets: usize,
    /// Bytes of a POST's body.
    body: usize,
}

impl Texts {
    fn new(options: &Options) -> Self {
        let tail = format!(",\"{}\"]", "x".repeat(options.size));
        let text =
            |name: &str| Template::default().text(format!("42[\"{name}\",")).number().text(&tail);
        let (mut request, packets) = (text("message"), options.packets);
        let reply = if options.floor { request.clone() } else { text("message-back") };
        let body = (request.with(&Number::first(0)).len() + 1) * packets - 1;
        Self { request, reply, packets, body }
    }
}
