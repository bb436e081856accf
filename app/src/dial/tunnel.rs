//! The stream to the node that has the session of a client, while the bytes of a WebSocket pass.

use bytes::Bytes;
use sansocket::{Conn, Fields, Inbound, Method, Request, Violation};
use std::io::{self, ErrorKind, IoSlice};
use std::sync::Weak;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::dial::forward::{Lines, Shared, answer_of};
use crate::dial::net::Net;
use crate::runtime::BoxFuture;
use crate::serve::carry::Carried;
use crate::web::nodes::Unanswered;
use crate::web::tunnel::{Answer, NodeEnd, Passing, Room};

/// A stream to another node, for the WebSocket of one client.
pub(super) struct Tunnel<N: Net> {
    shared: Weak<Shared<N>>,
    conn: Conn,
    end: NodeEnd,
    stage: Stage,
    /// When the node has taken too long, unless it was heard meanwhile.
    late: BoxFuture<()>,
    heard: bool,
}

/// How far a tunnel is.
enum Stage {
    /// The node was asked; the head of an answer that refuses may have come.
    Asked(Option<http::Response<()>>),
    /// Bytes pass.
    Open,
    /// The client is gone, and the node gets what it sent last.
    Leaving,
    /// Nothing more is done.
    Over,
}

/// How long a node may take to take what a client sent last.
const FAREWELL: Duration = Duration::from_secs(3);

impl<N: Net> Tunnel<N> {
    /// Begins with the request.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(super) fn new(
        shared: Weak<Shared<N>>,
        (mut conn, opening): (Conn, BoxFuture<()>),
        request: &http::Request<()>,
        end: NodeEnd,
    ) -> io::Result<Self> {
        let fields = Lines(request.headers());
        let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
        let head = Request::new(Method::Get, target, Fields::host(&fields));
        conn.ask_tunnel(&head).map_err(io::Error::other)?;
        Ok(Self { shared, conn, end, stage: Stage::Asked(None), late: opening, heard: false })
    }

    /// Moves what the client sent to the stream's gather list.
    fn pull(&mut self) {
        while self.conn.wants_bytes() {
            match self.end.take() {
                Passing::Bytes(bytes) => self.conn.push_bytes(&bytes),
                Passing::Nothing => return,
                Passing::End => return self.leave(),
            }
        }
        if self.end.is_left() && matches!(self.stage, Stage::Asked(_)) {
            self.stage = Stage::Over;
        }
    }

    /// The client is gone, and everything it sent is queued.
    fn leave(&mut self) {
        self.conn.end_tunnel();
        self.stage = Stage::Leaving;
        self.put_off(FAREWELL);
    }

    fn put_off(&mut self, patience: Duration) {
        match self.shared.upgrade() {
            Some(shared) => self.late = shared.net.sleep(patience),
            // The server is gone.
            None => self.stage = Stage::Over,
        }
    }

    /// Gives up a node that does not answer, or did not for long.
    fn is_late(&mut self, context: &mut Context<'_>) -> bool {
        if self.late.as_mut().poll(context).is_pending() {
            return false;
        }
        match self.stage {
            Stage::Open if std::mem::take(&mut self.heard) => {
                let patience =
                    self.shared.upgrade().map_or(Duration::ZERO, |shared| shared.patience);
                self.put_off(patience);
            }
            Stage::Asked(_) | Stage::Leaving | Stage::Open | Stage::Over => {
                self.give_up(&ErrorKind::TimedOut.into());
            }
        }
        true
    }

    fn give_up(&mut self, error: &io::Error) {
        if let Stage::Asked(_) = self.stage {
            self.end.answer(Answer::Failed(Unanswered(error.to_string())));
        }
        self.stage = Stage::Over;
    }

    fn receive(&mut self, bytes: &mut [u8]) -> Result<(), Violation> {
        let mut decoder = self.conn.decode(bytes);
        while let Some(item) = decoder.poll()? {
            match (item, &mut self.stage) {
                (Inbound::Response(found), Stage::Asked(_)) if found.status == 101 => {
                    let head = answer_of(found.status, found.fields);
                    self.end.answer(Answer::Open(head));
                    self.stage = Stage::Open;
                }
                (Inbound::Response(found), Stage::Asked(head)) => {
                    *head = Some(answer_of(found.status, found.fields));
                }
                (Inbound::Body(body), Stage::Asked(head)) => {
                    let head = head.take().unwrap_or_default();
                    let body = Bytes::copy_from_slice(body);
                    self.end.answer(Answer::Refused(head.map(|()| body)));
                    self.stage = Stage::Over;
                }
                (Inbound::Bytes(bytes), Stage::Open) => self.end.push(bytes),
                // There are no others on such a stream.
                (_, Stage::Asked(_) | Stage::Leaving | Stage::Open | Stage::Over) => {}
            }
        }
        Ok(())
    }
}

impl<N: Net> Carried for Tunnel<N> {
    fn poll_write<'a>(&'a mut self, slices: &mut [IoSlice<'a>]) -> usize {
        self.pull();
        self.conn.poll_write(slices)
    }

    fn wrote(&mut self, n: usize) {
        self.conn.wrote(n);
    }

    fn wants_read(&self) -> bool {
        match self.stage {
            Stage::Asked(_) => true,
            Stage::Open => self.end.room() == Room::Left,
            Stage::Leaving | Stage::Over => false,
        }
    }

    fn wants_look(&self) -> bool {
        false
    }

    fn read(&mut self, bytes: &mut [u8]) {
        self.heard = true;
        if let Err(violation) = self.receive(bytes) {
            self.give_up(&io::Error::other(violation));
        }
    }

    fn quiet(&mut self) {}

    fn end(&mut self) {
        self.give_up(&ErrorKind::UnexpectedEof.into());
    }

    fn fail(&mut self, error: io::Error) {
        self.give_up(&error);
    }

    fn is_finished(&self) -> bool {
        match self.stage {
            Stage::Over => true,
            Stage::Leaving => self.conn.is_flushed(),
            Stage::Asked(_) | Stage::Open => false,
        }
    }

    fn poll_rung(&mut self, context: &mut Context<'_>) -> Poll<()> {
        match self.is_late(context) {
            true => Poll::Ready(()),
            false => self.end.poll_rung(context),
        }
    }
}
