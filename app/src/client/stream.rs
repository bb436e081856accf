//! One stream of a client, between a binding and the machine.

use sansocket::client::Fault;
use sansocket::{Awaits, Conn, Inbound, Link};
use std::fmt;
use std::io::{self, IoSlice};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::client::Setup;
use super::shared::Shared;
use super::state::Open;
use crate::runtime::BoxFuture;
use crate::serve::carry::Carried;
use crate::serve::connection::{keep, spare};
use crate::shards::port::{Port, Ring};

/// One stream of a client. It is made when the machine asks for a stream, and given to
/// [`Carry`](crate::serve::carry::Carry) once that is open. Dropping it tells the machine that it is gone.
pub struct Stream {
    client: Arc<Shared>,
    conn: Conn,
    port: Arc<Port>,
    link: Link,
    stage: Stage,
    /// When the stream is given up: the head of an answer began and is not whole yet, or last bytes wait.
    due: Option<BoxFuture<()>>,
    /// Whether the machine may hold more than was taken at the last look.
    more: bool,
}

/// How far a stream is. It only goes on, never back.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Stage {
    /// It is not open yet.
    Opening,
    Open,
    /// The machine knows it no more: what its connection holds is written, until then.
    Closing,
    /// Nothing is done: the stream is to be closed.
    Over,
}

/// How long a stream may take to write its last bytes.
const FAREWELL: Duration = Duration::from_secs(1);

impl Stream {
    pub(super) fn new(client: Arc<Shared>, open: Open) -> Self {
        let Open { link, port, seed, .. } = open;
        let conn = Conn::client(client.limits(), Some(link), seed);
        Self { client, conn, port, link, stage: Stage::Opening, due: None, more: false }
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

    /// What the application chose for streams.
    pub(super) fn setup(&self) -> Arc<Setup> {
        self.client.setup.clone()
    }

    /// The stream is open.
    pub(super) fn open(&mut self) {
        self.stage = Stage::Open;
        let link = self.link;
        self.client.turn(|state, now| state.core.handle_opened(now, link));
    }

    /// The stream cannot be opened.
    pub(super) fn give_up(self, fault: Fault) {
        self.part(Some(fault));
    }

    /// Takes bytes the stream delivered.
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

    /// Moves what the machine has for this stream to its gather list.
    fn pull(&mut self) {
        loop {
            match self.port.answer() {
                Ring::Nothing if !self.more => return,
                Ring::Nothing | Ring::Write => {}
                Ring::Summons if self.is_bound() => {}
                Ring::Summons => self.close(),
            }
            if self.stage != Stage::Open {
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

    /// Parts with a stream whose connection has come to its end, because the server wanted it so.
    fn look_finished(&mut self) {
        if self.stage == Stage::Open && self.conn.is_finished() {
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
        self.stage = match self.stage {
            Stage::Open => {
                self.due = Some(self.client.runtime().sleep(FAREWELL));
                Stage::Closing
            }
            Stage::Opening => Stage::Over,
            Stage::Closing | Stage::Over => self.stage,
        };
    }

    /// Gives the head of an answer that has begun its time, and no other.
    #[cold]
    fn watch_head(&mut self) {
        self.due = match self.due {
            None => Some(self.client.runtime().sleep(self.client.limits().head_time)),
            Some(_) => None,
        };
    }

    /// The stream is given up.
    fn late(&mut self) {
        self.part(Some(Fault::transport("the head of an answer did not come in time")));
        self.stage = Stage::Over;
    }

    fn is_bound(&self) -> bool {
        let link = self.link;
        self.client.with(|state, _| state.is_bound(link))
    }
}

impl Carried for Stream {
    fn poll_write<'a>(&'a mut self, slices: &mut [IoSlice<'a>]) -> usize {
        self.pull();
        match self.stage {
            Stage::Over => 0,
            Stage::Closing | Stage::Open | Stage::Opening => self.conn.poll_write(slices),
        }
    }

    fn wrote(&mut self, n: usize) {
        self.conn.wrote_with(n, keep);
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
        self.receive(bytes);
        let is_amid_head = self.conn.awaits() == Awaits::Head;
        if self.stage == Stage::Open && is_amid_head != self.due.is_some() {
            self.watch_head();
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
        match self.stage {
            Stage::Open | Stage::Opening => false,
            Stage::Closing => self.conn.is_flushed(),
            Stage::Over => true,
        }
    }

    fn poll_rung(&mut self, context: &mut Context<'_>) -> Poll<()> {
        // A server cannot be late with what is not read.
        let is_timed = self.stage == Stage::Closing || self.wants_read();
        if let Some(due) = self.due.as_mut().filter(|_| is_timed)
            && due.as_mut().poll(context).is_ready()
        {
            self.late();
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

const _: () = assert!(size_of::<Stream>() <= 208, "a process may have many clients");

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").field("link", &self.link).finish_non_exhaustive()
    }
}
