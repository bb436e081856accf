//! The core in an event loop of its own: one thread, a readiness poller, no runtime and no
//! application layer. Everything a custom loop has to do is in this file.
//!
//! It serves an echo: `cargo run -p examples --example custom_loop`, then connect any Socket.IO
//! client to port 3000, emit whatever you like, and it comes back.

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use sansocket::{Config, Conn, Date, Event, Limits, Link, RequestContext, Server, Shard};
use std::collections::HashMap;
use std::io::{self, IoSlice, Read as _, Write as _};
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

struct Loop {
    server: Server,
    limits: Arc<Limits>,
    peers: HashMap<Token, Peer>,
    /// Which peer carries a link.
    carriers: HashMap<Link, Token>,
}

struct Peer {
    stream: TcpStream,
    conn: Conn,
}

/// The poller's name for the listener; peers count up from 1.
const LISTENER: Token = Token(0);

fn main() -> io::Result<()> {
    let mut listener = TcpListener::bind(([127, 0, 0, 1], 3000).into())?;
    println!("listening on http://{}", listener.local_addr()?);
    let mut poll = Poll::new()?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;

    let mut seed = [0; 32]; // session ids follow from it, so it must be unpredictable
    getrandom::fill(&mut seed).map_err(io::Error::other)?;
    let config = Arc::new(Config::default());
    let limits = Arc::new(config.limits.clone());
    let server = Server::new(config, Shard::ONLY, seed, Instant::now());
    let mut this = Loop { server, limits, peers: HashMap::new(), carriers: HashMap::new() };

    let mut events = Events::with_capacity(1024);
    let mut scratch = vec![0; 64 * 1024]; // one read buffer for every connection
    let mut peers = 0;
    loop {
        let due = this.server.poll_timeout();
        poll.poll(&mut events, due.map(|due| due.saturating_duration_since(Instant::now())))?;
        let now = Instant::now(); // the loop's only clock
        for event in &events {
            if event.token() != LISTENER {
                this.serve(now, event.token(), &mut scratch);
                continue;
            }
            while let Ok((mut stream, _)) = listener.accept() {
                peers += 1;
                let interest = Interest::READABLE | Interest::WRITABLE;
                poll.registry().register(&mut stream, Token(peers), interest)?;
                stream.set_nodelay(true)?;
                let conn = Conn::new(this.limits.clone());
                this.peers.insert(Token(peers), Peer { stream, conn });
            }
        }
        this.server.handle_timeout(now); // last: no peer is taken for gone before it was read
        this.dispatch(now);
        while let Some(link) = this.server.poll_link() {
            if let Some(&token) = this.carriers.get(&link) {
                this.write(now, token);
            }
        }
    }
}

impl Loop {
    /// A stream is ready: read until it has no more, then write.
    fn serve(&mut self, now: Instant, token: Token, scratch: &mut [u8]) {
        while let Some(peer) = self.peers.get_mut(&token)
            && peer.conn.wants_read()
        {
            match peer.stream.read(scratch) {
                Ok(n) if n > 0 => self.receive(now, token, &mut scratch[..n]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                // The stream ended, in order or not.
                Ok(_) | Err(_) => return self.forget(now, token),
            }
        }
        self.write(now, token);
    }

    /// Bytes in: decode, hand over, apply the verdict.
    fn receive(&mut self, now: Instant, token: Token, bytes: &mut [u8]) {
        let Some(peer) = self.peers.get_mut(&token) else { return };
        let mut decoder = peer.conn.decode(bytes).dated(date);
        loop {
            let link = decoder.link();
            match decoder.poll() {
                Ok(None) => return,
                Ok(Some(item)) => {
                    let verdict = self.server.handle(now, link, item);
                    if let Some(link) = verdict.link() {
                        self.carriers.insert(link, token);
                    }
                    decoder.apply(verdict);
                }
                Err(violation) => match link {
                    Some(link) => {
                        let response = self.server.handle_violation(now, link, violation);
                        decoder.reject_as(violation, &response);
                    }
                    None => decoder.reject_with(violation, |response, request| {
                        self.server.config().dress(response, request, &RequestContext::default())
                    }),
                },
            }
        }
    }

    /// What clients did: let them in, and send every event back.
    #[expect(clippy::wildcard_enum_match_arm, reason = "an echo needs no other events")]
    fn dispatch(&mut self, now: Instant) {
        while let Some(event) = self.server.poll_event() {
            match event {
                Event::Connect { socket, .. } => {
                    let _ = self.server.admit(now, socket);
                }
                Event::Message { message, ack: Some(ack), .. } => {
                    self.server.acknowledge(ack, message.args());
                }
                Event::Message { socket, message, ack: None } => {
                    if let Some(mut client) = self.server.socket(socket) {
                        let _ = client.emit(message.name(), message.args());
                    }
                }
                _ => {}
            }
        }
    }

    /// Bytes out: pull what the server has, gather, write, until nothing is left or the stream is
    /// full.
    fn write(&mut self, now: Instant, token: Token) {
        while let Some(peer) = self.peers.get_mut(&token) {
            peer.conn.pull_with(&mut self.server, Vec::new, Some(date));
            let mut slices = [IoSlice::new(&[]); 16];
            let filled = peer.conn.poll_write(&mut slices);
            if filled == 0 {
                break;
            }
            match peer.stream.write_vectored(&slices[..filled]) {
                Ok(n) => peer.conn.wrote(n),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => return self.forget(now, token),
            }
        }
        match self.peers.get(&token) {
            Some(peer) if peer.conn.is_finished() => self.forget(now, token),
            // A request waited behind the one that was answered.
            Some(peer) if peer.conn.wants_decode() => {
                self.receive(now, token, &mut []);
                self.write(now, token);
            }
            Some(_) | None => {}
        }
    }

    /// The stream is gone; dropping it ends its registration.
    fn forget(&mut self, now: Instant, token: Token) {
        if let Some(link) = self.peers.remove(&token).and_then(|peer| peer.conn.link()) {
            self.server.handle_closed(now, link);
        }
        self.carriers.retain(|_, carrier| *carrier != token);
    }
}

/// The time of answers, which the core does not know.
fn date() -> Date {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Date::from_unix(since.as_secs())
}
