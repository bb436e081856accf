//! The streams of a client in an event loop of its own: one thread, a readiness poller, no runtime and no
//! application layer. Everything that such a loop has to do is in these two files.

mod stream;

use mio::{Events, Poll, Token, Waker};
use sansocket::Limits;
use sansocket::client::{Action, Client, Fault};
use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::Instant;

use stream::Stream;

/// The streams of one client.
pub(crate) struct Streams {
    poll: Poll,
    streams: HashMap<Token, Stream>,
    /// How many there were so far; the poller calls them by their number.
    opened: usize,
    scratch: Vec<u8>,
}

impl Streams {
    pub(crate) fn new() -> io::Result<Self> {
        let (poll, scratch) = (Poll::new()?, vec![0; 64 * 1024]);
        Ok(Self { poll, streams: HashMap::new(), opened: 0, scratch })
    }

    /// Makes what ends a wait from another thread.
    #[allow(dead_code, reason = "not all examples have one")]
    pub(crate) fn waker(&self) -> io::Result<Waker> {
        Waker::new(self.poll.registry(), Token(0))
    }

    #[allow(dead_code, reason = "not all examples wait for the end")]
    pub(crate) fn is_empty(&self) -> bool {
        self.streams.is_empty()
    }

    /// Waits until a stream is ready or a time has come, and tells the client.
    pub(crate) fn wait(&mut self, client: &mut Client, due: Option<Instant>) -> io::Result<()> {
        let own = self.streams.values().filter_map(Stream::due).min();
        let due = [due, own, client.poll_timeout()].into_iter().flatten().min();
        let mut events = Events::with_capacity(64);
        let wait = due.map(|due| due.saturating_duration_since(Instant::now()));
        match self.poll.poll(&mut events, wait) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let now = Instant::now(); // the loop's only clock
        for event in &events {
            if let Some(stream) = self.streams.get_mut(&event.token()) {
                stream.on_ready(now, client, self.poll.registry(), &mut self.scratch);
            }
        }
        client.handle_timeout(now); // last: the server is not taken for gone before it was read
        self.streams.retain(|_, stream| !stream.is_over(now));
        Ok(())
    }

    /// Does what the client asks for.
    pub(crate) fn act(&mut self, now: Instant, client: &mut Client, action: &Action) {
        match action {
            Action::Open { link, endpoint, .. } => {
                self.opened += 1;
                let token = Token(self.opened);
                // The settings may have changed since the stream before.
                let limits: Arc<Limits> = Arc::new(client.config().limits.clone());
                let mut stream = Stream::new(token, *link, limits, client.draw_seed());
                match stream.connect(endpoint, self.poll.registry()) {
                    Ok(()) => drop(self.streams.insert(token, stream)),
                    Err(error) => {
                        client.handle_failed(now, *link, Fault::transport(error.to_string()));
                    }
                }
            }
            Action::Transmit(link) => {
                if let Some(stream) = self.streams.values_mut().find(|it| it.carries(*link)) {
                    stream.write(now, client);
                }
            }
            Action::Close(link) => {
                if let Some(stream) = self.streams.values_mut().find(|it| it.carries(*link)) {
                    stream.close(now);
                    stream.write(now, client);
                }
            }
            _ => {}
        }
        self.streams.retain(|_, stream| !stream.is_over(now));
    }
}
