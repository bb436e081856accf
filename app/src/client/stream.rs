//! One stream of a client, between a binding and the machine.

use sansocket::client::Fault;
use sansocket::{Conn, Inbound, Link};
use std::cell::RefCell;
use std::fmt;
use std::io::{self, IoSlice};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::shared::Shared;
use super::state::Open;
use crate::runtime::BoxFuture;
use crate::serve::carry::Carried;
use crate::serve::connection::{keep, spare};
use crate::serve::tls::TlsConnection;
use crate::shards::port::{Port, Ring};

/// One stream of a client. It is made when the machine asks for a stream, and given to
/// [`Carry`](crate::serve::carry::Carry) once that is open. Dropping it tells the machine that it is gone.
pub struct Stream {
    client: Arc<Shared>,
    conn: Conn,
    port: Arc<Port>,
    link: Link,
    tls: Option<TlsConnection>,
    stage: Stage,
    /// Whether the machine may hold more than was taken at the last look.
    more: bool,
}

/// How far a stream is. It only goes on, never back.
enum Stage {
    /// It is not open yet, or its encryption is not.
    Opening,
    Open,
    /// The machine knows it no more: what its connection holds is written, until then.
    Closing(BoxFuture<()>),
    /// The same, and only records that are encrypted already are written.
    Flushing(BoxFuture<()>),
    /// Nothing is done: the stream is to be closed.
    Over,
}

/// How long a stream may take to write its last bytes.
const FAREWELL: Duration = Duration::from_secs(1);

impl Stream {
    pub(super) fn new(client: Arc<Shared>, open: Open) -> Self {
        let Open { link, port, seed, .. } = open;
        let conn = Conn::client(client.limits(), Some(link), seed);
        Self { client, conn, port, link, tls: None, stage: Stage::Opening, more: false }
    }

    /// Waits until the machine gives up a stream that is not open yet.
    #[expect(clippy::needless_pass_by_ref_mut, reason = "a stream is not shared between threads")]
    pub(super) fn poll_given_up(&mut self, context: &Context<'_>) -> Poll<()> {
        loop {
            if self.port.answer() == Ring::Summons && !self.is_bound() {
                return Poll::Ready(());
            }
            ready!(self.port.poll_rung(context));
        }
    }

    /// The stream is open; with `tls`, as far as TCP is concerned.
    pub(super) fn open(&mut self, tls: Option<TlsConnection>) {
        self.tls = tls;
        if self.tls.is_none() {
            self.opened();
        }
    }

    /// The stream cannot be opened.
    pub(super) fn give_up(self, fault: Fault) {
        self.part(Some(fault));
    }

    fn opened(&mut self) {
        self.stage = Stage::Open;
        let link = self.link;
        self.client.turn(|state, now| state.core.handle_opened(now, link));
    }

    /// Takes bytes the stream delivered, deciphered if they were encrypted.
    fn receive(&mut self, bytes: &mut [u8]) {
        let Self { client, conn, link, .. } = self;
        let link = *link;
        let mut decoder = conn.decode(bytes);
        let known = client.turn(|state, now| {
            if !state.is_bound(link) {
                return false;
            }
            loop {
                match decoder.poll() {
                    Ok(Some(item)) => {
                        let closed = matches!(item, Inbound::Closed(_));
                        state.core.handle(now, link, item);
                        if closed {
                            state.unbind(link);
                            return false;
                        }
                    }
                    Ok(None) => return true,
                    Err(violation) => {
                        decoder.reject(violation);
                        state.core.handle_violation(now, link, violation);
                        state.unbind(link);
                        return false;
                    }
                }
            }
        });
        drop(decoder);
        if !known {
            self.close();
        }
        self.look_finished();
    }

    /// Takes bytes the stream delivered, encrypted.
    #[cold]
    fn decrypt(&mut self, bytes: &[u8]) {
        let Some(tls) = &mut self.tls else { return };
        // Taken out while handlers run: one of them might read another stream.
        let mut plain = PLAIN.with(RefCell::take);
        plain.clear();
        let outcome = tls.read(bytes, &mut plain);
        let (handshaking, ended) = (tls.is_handshaking(), tls.is_ended());
        if matches!(self.stage, Stage::Opening) && !handshaking && outcome.is_ok() {
            self.opened();
        }
        if !plain.is_empty() {
            self.receive(&mut plain);
        }
        PLAIN.with(|kept| kept.replace(plain));
        match outcome {
            Err(fault) => {
                self.part(Some(Fault::transport(fault.to_string())));
                self.flush();
            }
            Ok(()) if ended => self.end(),
            Ok(()) => {}
        }
    }

    /// Moves what the machine has for this stream to its gather list.
    fn pull(&mut self) {
        loop {
            match self.port.answer() {
                Ring::Nothing if !self.more => return,
                Ring::Nothing | Ring::Write => {}
                Ring::Summons if self.is_bound() => {}
                Ring::Summons => self.close(),
            }
            if !matches!(self.stage, Stage::Open) {
                self.more = false;
                return;
            }
            let conn = &mut self.conn;
            self.more = self.client.turn(|state, _| conn.pull_with(&mut state.core, spare, None));
            self.look_finished();
            if self.more {
                return;
            }
        }
    }

    /// Fills `slices` with what should be written next, encrypted.
    #[cold]
    fn encrypt<'a>(&'a mut self, slices: &mut [IoSlice<'a>]) -> usize {
        let Some(tls) = &mut self.tls else { return 0 };
        while !tls.wants_write() {
            let mut plain = [IoSlice::new(&[]); 8];
            let filled = self.conn.poll_write(&mut plain);
            let n = tls.write(&plain[..filled]);
            self.conn.wrote_with(n, keep);
            if n == 0 {
                break;
            }
        }
        if self.conn.is_flushed() && !tls.wants_write() && matches!(self.stage, Stage::Closing(_)) {
            tls.close();
            self.stage = std::mem::replace(&mut self.stage, Stage::Over).flushing();
        }
        match (tls.poll_write(), slices) {
            ([], _) | (_, []) => 0,
            (bytes, [first, ..]) => {
                *first = IoSlice::new(bytes);
                1
            }
        }
    }

    /// Parts with a stream whose connection has come to its end, because the server wanted it so.
    fn look_finished(&mut self) {
        if matches!(self.stage, Stage::Open) && self.conn.is_finished() {
            self.part(None);
            self.close();
        }
    }

    /// Tells the machine that the stream is gone, and why if that was a fault.
    fn part(&self, fault: Option<Fault>) {
        let link = self.link;
        self.client.turn(|state, now| {
            if state.unbind(link).is_some() {
                match fault {
                    Some(fault) => state.core.handle_failed(now, link, fault),
                    None => state.core.handle_closed(now, link),
                }
            }
        });
    }

    /// The machine knows the stream no more: its last bytes are written.
    fn close(&mut self) {
        self.stage = match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Open => Stage::Closing(self.client.runtime().sleep(FAREWELL)),
            Stage::Opening => Stage::Over,
            stage @ (Stage::Closing(_) | Stage::Flushing(_) | Stage::Over) => stage,
        };
    }

    /// The same, of what is encrypted already.
    fn flush(&mut self) {
        self.stage = Stage::Flushing(self.client.runtime().sleep(FAREWELL));
    }

    fn is_bound(&self) -> bool {
        let link = self.link;
        self.client.with(|state, _| state.is_bound(link))
    }
}

impl Stage {
    fn flushing(self) -> Self {
        match self {
            Self::Closing(until) => Self::Flushing(until),
            stage @ (Self::Flushing(_) | Self::Open | Self::Opening | Self::Over) => stage,
        }
    }
}

impl Carried for Stream {
    fn poll_write<'a>(&'a mut self, slices: &mut [IoSlice<'a>]) -> usize {
        self.pull();
        match (&self.stage, &self.tls) {
            (Stage::Over, _) => 0,
            (_, None) => self.conn.poll_write(slices),
            (_, Some(_)) => self.encrypt(slices),
        }
    }

    fn wrote(&mut self, n: usize) {
        match &mut self.tls {
            None => self.conn.wrote_with(n, keep),
            Some(tls) => tls.wrote(n),
        }
        self.look_finished();
    }

    fn wants_read(&self) -> bool {
        matches!(self.stage, Stage::Open | Stage::Opening)
            && self.conn.wants_read()
            && !self.client.is_behind()
    }

    /// Never: a server that is silent for too long is given up without a look.
    fn wants_look(&self) -> bool {
        false
    }

    fn read(&mut self, bytes: &mut [u8]) {
        self.port.enter();
        match &self.tls {
            None => self.receive(bytes),
            Some(_) => self.decrypt(bytes),
        }
    }

    fn quiet(&mut self) {}

    fn end(&mut self) {
        let cut = self.conn.is_amid() || matches!(self.stage, Stage::Opening);
        self.part(
            cut.then(|| Fault::transport("the server ended the stream in the middle of something")),
        );
        self.stage = Stage::Over;
    }

    fn fail(&mut self, error: io::Error) {
        self.part(Some(Fault::transport(error.to_string())));
        self.stage = Stage::Over;
    }

    fn is_finished(&self) -> bool {
        match (&self.stage, &self.tls) {
            (Stage::Open | Stage::Opening, _) => false,
            (Stage::Closing(_), None) => self.conn.is_flushed(),
            (Stage::Closing(_), Some(_)) => false,
            (Stage::Flushing(_), tls) => !tls.as_ref().is_some_and(TlsConnection::wants_write),
            (Stage::Over, _) => true,
        }
    }

    fn poll_rung(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if let Stage::Closing(until) | Stage::Flushing(until) = &mut self.stage
            && until.as_mut().poll(context).is_ready()
        {
            self.stage = Stage::Over;
            return Poll::Ready(());
        }
        self.port.poll_rung(context)
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let link = self.link;
        self.client.with(|state, now| {
            if state.unbind(link).is_some() {
                state.core.handle_failed(now, link, Fault::transport("the stream was dropped"));
            }
        });
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").field("link", &self.link).finish_non_exhaustive()
    }
}

thread_local! {
    /// One buffer of deciphered bytes for all streams of a thread.
    static PLAIN: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}
