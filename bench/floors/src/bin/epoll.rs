//! The floor on a bare epoll loop.

use floors::{Mode, Then, Wire};
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use std::io::{ErrorKind, Read, Result, Write};

fn main() -> Result<()> {
    let (port, mode) = floors::options();
    let mut listener = TcpListener::bind(([127, 0, 0, 1], port).into())?;
    println!("listening on http://{}", listener.local_addr()?);
    let mut poll = Poll::new()?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut events = Events::with_capacity(1024);
    let mut floor = Floor { mode, conns: Vec::new(), free: Vec::new(), out: Vec::new() };
    let mut scratch = vec![0; 1 << 18];
    loop {
        poll.poll(&mut events, None)?;
        for event in &events {
            if event.token() == LISTENER {
                floor.accept(&listener, &poll)?;
            } else {
                floor.ready(event.token().0, event.is_read_closed(), &mut scratch);
            }
        }
    }
}

struct Floor {
    mode: Mode,
    conns: Vec<Option<Conn>>,
    free: Vec<usize>,
    out: Vec<u8>,
}

struct Conn {
    stream: TcpStream,
    wire: Wire,
    /// What the socket did not take.
    unsent: Vec<u8>,
}

impl Floor {
    fn accept(&mut self, listener: &TcpListener, poll: &Poll) -> Result<()> {
        while let Ok((mut stream, _)) = listener.accept() {
            let slot = self.free.pop().unwrap_or_else(|| {
                self.conns.push(None);
                self.conns.len() - 1
            });
            stream.set_nodelay(true)?;
            let interest = Interest::READABLE | Interest::WRITABLE;
            poll.registry().register(&mut stream, Token(slot), interest)?;
            let (wire, unsent) = (Wire::default(), Vec::new());
            self.conns[slot] = Some(Conn { stream, wire, unsent });
        }
        Ok(())
    }

    fn ready(&mut self, slot: usize, closing: bool, scratch: &mut [u8]) {
        let Some(conn) = &mut self.conns[slot] else { return };
        let unsent = std::mem::take(&mut conn.unsent);
        conn.send(&unsent);
        loop {
            let Some(conn) = &mut self.conns[slot] else { return };
            let kept = conn.wire.rest.len();
            scratch[..kept].copy_from_slice(&conn.wire.rest);
            let read = match conn.stream.read(&mut scratch[kept..]) {
                Ok(0) => return self.close(slot),
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(_) => return self.close(slot),
            };
            self.out.clear();
            match conn.wire.handle(self.mode, &mut scratch[..kept + read], &mut self.out) {
                Then::Answer => conn.send(&self.out),
                Then::Fan => self.conns.iter_mut().flatten().for_each(|conn| conn.send(&self.out)),
                Then::Close => {
                    conn.send(&self.out);
                    return self.close(slot);
                }
            }
            // A short read means that the socket is empty.
            if kept + read < scratch.len() && !closing {
                return;
            }
        }
    }

    fn close(&mut self, slot: usize) {
        self.conns[slot] = None;
        self.free.push(slot);
    }
}

impl Conn {
    fn send(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let sent = if self.unsent.is_empty() { self.stream.write(bytes).unwrap_or(0) } else { 0 };
        self.unsent.extend_from_slice(&bytes[sent..]);
    }
}

const LISTENER: Token = Token(usize::MAX);
