//! A client and a server back to back: streams whose bytes are carried, delayed and cut as a test says.

use std::io::IoSlice;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sansocket::client::{self, Action, Client, Endpoint, Fault};
use sansocket::{Config, Conn, Event, Limits, Link, Server, Shard};

/// A client, a server, and the streams between them.
pub struct Pair {
    /// The client.
    pub client: Client,
    /// The server, which admits everybody.
    pub server: Server,
    /// The time.
    pub now: Instant,
    /// What the application of the client heard.
    pub heard: Vec<client::Event>,
    /// What the application of the server heard, apart from those who ask to join.
    pub served: Vec<Event>,
    streams: Vec<Stream>,
    limits: [Arc<Limits>; 2],
}

/// A stream that the client asked for.
struct Stream {
    link: Link,
    client: Conn,
    server: Conn,
    /// Bytes on their way to the server.
    up: Vec<u8>,
    /// Bytes on their way to the client.
    down: Vec<u8>,
    open: bool,
    /// Whether the server ended it: what is on its way arrives before the end does.
    ended: bool,
}

impl Pair {
    /// A client and a server with these settings.
    ///
    /// # Panics
    /// Never: the URL is one.
    #[must_use]
    pub fn new(client: impl FnOnce(&mut client::Config), server: impl FnOnce(&mut Config)) -> Self {
        let endpoint = Endpoint::parse("http://a.example/").expect("a URL");
        let mut client_config = client::Config::new(endpoint);
        client(&mut client_config);
        let mut server_config = Config::default();
        server(&mut server_config);
        let limits = [client_config.limits.clone(), server_config.limits.clone()].map(Arc::new);
        let now = Instant::now();
        Self {
            client: Client::new(Arc::new(client_config), [7; 32], now),
            server: Server::new(Arc::new(server_config), Shard::ONLY, [8; 32], now),
            now,
            heard: Vec::new(),
            served: Vec::new(),
            streams: Vec::new(),
            limits,
        }
    }

    /// How many streams there are.
    #[must_use]
    pub fn streams(&self) -> usize {
        self.streams.len()
    }

    /// Opens the stream, if it is not.
    pub fn open(&mut self, at: usize) {
        if let Some(stream) = self.streams.get_mut(at)
            && !stream.open
        {
            stream.open = true;
            self.client.handle_opened(self.now, stream.link);
        }
        self.run();
    }

    /// Carries up to so many bytes of a stream to the server and to the client.
    pub fn carry(&mut self, at: usize, up: usize, down: usize) {
        if let Some(stream) = self.streams.get_mut(at) {
            let some = stream.up.len().min(up);
            let mut bytes: Vec<u8> = stream.up.drain(..some).collect();
            self.serve(at, &mut bytes);
        }
        if let Some(stream) = self.streams.get_mut(at) {
            let some = stream.down.len().min(down);
            let mut bytes: Vec<u8> = stream.down.drain(..some).collect();
            self.deliver(at, &mut bytes);
        }
        self.run();
    }

    /// Ends a stream for both: what the server wrote arrives, what the client wrote does not.
    pub fn cut(&mut self, at: usize) {
        let Some(stream) = self.streams.get_mut(at) else { return };
        let mut bytes = std::mem::take(&mut stream.down);
        self.deliver(at, &mut bytes);
        let stream = self.streams.remove(at);
        self.close_server(&stream);
        self.close_client(&stream);
        self.run();
    }

    /// Breaks a stream for both; what was on its way is lost.
    pub fn tear(&mut self, at: usize) {
        if at >= self.streams.len() {
            return;
        }
        let stream = self.streams.remove(at);
        self.close_server(&stream);
        self.client.handle_failed(self.now, stream.link, Fault::transport("reset"));
        self.run();
    }

    /// Lets time pass at once.
    pub fn jump(&mut self, time: Duration) {
        self.now += time;
        self.client.handle_timeout(self.now);
        self.server.handle_timeout(self.now);
        self.run();
    }

    /// Lets time pass from deadline to deadline, while all streams work.
    ///
    /// # Panics
    /// When that does not end.
    pub fn advance(&mut self, time: Duration) {
        let end = self.now + time;
        for round in 0.. {
            assert!(round < 100_000, "the deadlines have no end");
            self.settle();
            let dues = [self.client.poll_timeout(), self.server.poll_timeout()];
            let Some(due) = dues.into_iter().flatten().min().filter(|&due| due <= end) else {
                break;
            };
            self.now = self.now.max(due);
            self.client.handle_timeout(self.now);
            self.server.handle_timeout(self.now);
        }
        self.now = end;
        self.settle();
    }

    /// Opens all streams and carries all bytes until nothing is on its way.
    ///
    /// # Panics
    /// When that does not end.
    pub fn settle(&mut self) {
        self.run();
        for round in 0.. {
            assert!(round < 100_000, "they talk for ever");
            let busy = |stream: &Stream| {
                !stream.open || stream.ended || !stream.up.is_empty() || !stream.down.is_empty()
            };
            if !self.streams.iter().any(busy) {
                return;
            }
            // One after the other: polls that are answered at once would keep the others waiting.
            for at in 0..self.streams.len() {
                self.open(at);
                self.carry(at, usize::MAX, usize::MAX);
            }
        }
    }

    /// Does what both want until they want nothing more.
    ///
    /// # Panics
    /// When that does not end.
    pub fn run(&mut self) {
        for round in 0.. {
            assert!(round < 100_000, "somebody is in a loop");
            self.admit();
            while let Some(event) = self.client.poll_event() {
                self.heard.push(event);
            }
            while self.server.poll_link().is_some() {}
            self.look();
            let action = self.client.poll_action();
            if let Some(action) = &action {
                self.act(action);
            }
            let moved = self.write();
            self.end_streams();
            let quiet = self.client.is_drained() && self.server.is_drained();
            if action.is_none() && !moved && quiet {
                return;
            }
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "writing needs no invitation here")]
    fn act(&mut self, action: &Action) {
        match action {
            Action::Open { link, .. } => {
                let [client, server] = &self.limits;
                self.streams.push(Stream {
                    link: *link,
                    client: Conn::client(client.clone(), Some(*link), self.client.draw_seed()),
                    server: Conn::new(server.clone()),
                    up: Vec::new(),
                    down: Vec::new(),
                    open: false,
                    ended: false,
                });
            }
            Action::Close(link) => {
                if let Some(at) = self.streams.iter().position(|stream| stream.link == *link) {
                    let mut stream = self.streams.remove(at);
                    // What the client wrote arrives before the end does.
                    stream.up.extend(written(&mut stream.client));
                    let mut bytes = std::mem::take(&mut stream.up);
                    self.streams.push(stream);
                    let at = self.streams.len() - 1;
                    self.serve(at, &mut bytes);
                    if let Some(stream) = self.streams.pop() {
                        self.close_server(&stream);
                    }
                }
            }
            _ => {}
        }
    }

    fn admit(&mut self) {
        while let Some(event) = self.server.poll_event() {
            if let Event::Connect { socket, .. } = &event {
                // One that left meanwhile is gone.
                let _ = self.server.admit(self.now, *socket);
            }
            self.served.push(event);
        }
    }

    /// Reads the streams that the server wants to be read before it blames the client.
    fn look(&mut self) {
        while let Some(link) = self.server.poll_overdue() {
            let at = self.streams.iter().position(|stream| stream.server.link() == Some(link));
            if let Some(at) = at {
                let mut bytes = std::mem::take(&mut self.streams[at].up);
                self.serve(at, &mut bytes);
            }
            self.server.handle_quiet(self.now, link);
        }
    }

    /// Moves what both connections have to write onto the streams.
    fn write(&mut self) -> bool {
        let mut moved = false;
        for stream in self.streams.iter_mut().filter(|stream| stream.open) {
            stream.client.pull(&mut self.client);
            stream.server.pull(&mut self.server);
            let (up, down) = (written(&mut stream.client), written(&mut stream.server));
            moved |= !up.is_empty() || !down.is_empty();
            stream.up.extend(up);
            stream.down.extend(down);
        }
        moved
    }

    fn serve(&mut self, at: usize, bytes: &mut [u8]) {
        let Some(stream) = self.streams.get_mut(at) else { return };
        let mut decoder = stream.server.decode(bytes);
        loop {
            let link = decoder.link();
            let Some(item) = decoder.poll().expect("a client keeps the rules") else { return };
            let verdict = self.server.handle(self.now, link, item);
            decoder.apply(verdict);
        }
    }

    fn deliver(&mut self, at: usize, bytes: &mut [u8]) {
        let Some(stream) = self.streams.get_mut(at) else { return };
        let link = stream.link;
        let mut decoder = stream.client.decode(bytes);
        while let Some(item) = decoder.poll().expect("a server keeps the rules") {
            self.client.handle(self.now, link, item);
        }
    }

    /// Carries out the ends that connections came to.
    fn end_streams(&mut self) {
        for stream in &mut self.streams {
            stream.ended |= stream.server.is_finished();
        }
        let over = |stream: &Stream| {
            stream.client.is_finished() || (stream.ended && stream.down.is_empty())
        };
        while let Some(at) = self.streams.iter().position(over) {
            let mut bytes = std::mem::take(&mut self.streams[at].up);
            self.serve(at, &mut bytes);
            let stream = self.streams.remove(at);
            self.close_server(&stream);
            self.close_client(&stream);
        }
    }

    fn close_server(&mut self, stream: &Stream) {
        if let Some(link) = stream.server.link() {
            self.server.handle_closed(self.now, link);
        }
    }

    fn close_client(&mut self, stream: &Stream) {
        if stream.client.is_amid() || !stream.open {
            self.client.handle_failed(self.now, stream.link, Fault::transport("cut off"));
        } else {
            self.client.handle_closed(self.now, stream.link);
        }
    }
}

/// Takes all that a connection has to write.
pub(crate) fn written(conn: &mut Conn) -> Vec<u8> {
    let mut all = Vec::new();
    loop {
        let mut slices = [IoSlice::new(&[]); 8];
        let filled = conn.poll_write(&mut slices);
        let bytes: Vec<u8> = slices[..filled].iter().flat_map(|slice| slice.to_vec()).collect();
        if bytes.is_empty() {
            return all;
        }
        conn.wrote(bytes.len());
        all.extend(bytes);
    }
}
