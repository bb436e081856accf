//! `broadcast`: one member of a room emits, every member gets every message in order.

use crate::conn::{Conn, Opening};
use crate::echo::SLICE;
use crate::options::Options;
use crate::report::Report;
use crate::window::Window;
use crate::wire::{Number, TEXT, Template};
use crate::{Result, words};
use mio::{Events, Poll};
use std::collections::VecDeque;

pub fn run(options: &Options) -> Result<String> {
    let mut room = Room::open(options)?;
    room.emit(options.in_flight)?;
    while room.window.is_open(true)? {
        let complete = room.turn()?;
        room.emit(complete)?;
    }
    while !room.outstanding.is_empty() {
        room.turn()?;
        room.window.is_open(true)?;
    }
    room.turn()?;
    let mut report = Report::new(options);
    report.results(&room.window.results);
    Ok(report.line())
}

struct Room {
    poll: Poll,
    events: Events,
    scratch: Vec<u8>,
    /// The first one sends.
    members: Vec<Member>,
    sent: Number,
    request: Template,
    reply: Template,
    /// Broadcasts that some member has yet to get, in the order of sending.
    outstanding: VecDeque<Broadcast>,
    complete: u64,
    window: Window,
}

struct Member {
    conn: Conn,
    next: Number,
    received: u64,
}

struct Broadcast {
    sent: u64,
    missing: usize,
}

impl Room {
    fn open(options: &Options) -> Result<Self> {
        let poll = Poll::new().map_err(words("epoll"))?;
        let name = format!("room-{}", std::process::id());
        let mut members = Vec::with_capacity(options.connections);
        for index in 0..options.connections {
            let mut opening = Opening::websocket(options, index)?;
            if !options.floor {
                opening.send(&format!("420[\"join\",\"{name}\"]"))?;
                opening.wait_for(&["430["])?;
            }
            let conn = opening.into_conn(poll.registry(), index)?;
            members.push(Member { conn, next: Number::first(0), received: 0 });
        }
        let payload = "x".repeat(options.size);
        let text =
            |head: &str| Template::default().text(head).number().text(format!(",\"{payload}\"]"));
        let request = text(&format!("42[\"room-emit\",\"{name}\","));
        let reply = if options.floor { request.clone() } else { text("42[\"room-msg\",") };
        Ok(Self {
            poll,
            events: Events::with_capacity(1024),
            scratch: vec![0; 1 << 20],
            members,
            sent: Number::first(0),
            request: request.masked(TEXT),
            reply: reply.framed(TEXT),
            outstanding: VecDeque::new(),
            complete: 0,
            window: Window::open(options),
        })
    }

    /// Sends `count` broadcasts with one write.
    fn emit(&mut self, count: usize) -> Result<()> {
        let (sent, missing) = (self.window.now(), self.members.len());
        let sender = &mut self.members[0].conn;
        for _ in 0..count {
            self.request.put(&self.sent, &mut sender.out);
            self.sent.advance();
            self.outstanding.push_back(Broadcast { sent, missing });
        }
        sender.flush()
    }

    /// Handles the streams that are ready and returns how many broadcasts became complete.
    fn turn(&mut self) -> Result<usize> {
        self.poll.poll(&mut self.events, Some(SLICE)).map_err(words("epoll"))?;
        for event in &self.events {
            let index = event.token().0;
            let member = &mut self.members[index];
            while let Some(bytes) = member.conn.read(&mut self.scratch)? {
                let now = self.window.now();
                let before = member.received;
                member
                    .verify(&mut self.reply, bytes)
                    .map_err(|e| format!("member {index}: {e}"))?;
                for nth in before..member.received {
                    let at = (nth - self.complete) as usize;
                    let broadcast = self.outstanding.get_mut(at).ok_or("a message never sent")?;
                    broadcast.missing -= 1;
                    self.window.came(now, broadcast.sent, 1);
                }
                if bytes.len() < self.scratch.len() && !event.is_read_closed() {
                    break;
                }
            }
            member.conn.flush()?;
        }
        let before = self.complete;
        while self.outstanding.front().is_some_and(|broadcast| broadcast.missing == 0) {
            self.outstanding.pop_front();
            self.complete += 1;
        }
        Ok((self.complete - before) as usize)
    }
}

impl Member {
    fn verify(&mut self, reply: &mut Template, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            let expected = reply.with(&self.next);
            if bytes.starts_with(expected) {
                bytes = &bytes[expected.len()..];
                self.next.advance();
                self.received += 1;
            } else if expected.starts_with(bytes) {
                break;
            } else {
                let Some(end) = self.conn.aside(bytes, expected)? else { break };
                bytes = &bytes[end..];
            }
        }
        self.conn.keep(bytes);
        Ok(())
    }
}
