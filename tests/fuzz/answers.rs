//! Whatever a host answers, at once, late or piece by piece, each client finds it whole, in order and
//! compressed only in a way it takes, however requests and room come.

mod plan;
mod transcript;

use arbitrary::{Result, Unstructured};
use sansocket::{
    Awaits, Bytes, Config, Conn, Decoder, Inbound, Limits, Response, Transmit, Verdict,
};
use std::collections::VecDeque;
use std::io::IoSlice;
use std::sync::Arc;

use super::pieces;
use plan::{Plan, When};

pub(super) fn run(data: &[u8]) {
    let [cut, dice, data @ ..] = data else { return };
    let plans = read(&mut Unstructured::new(data));
    let asked: Vec<u8> =
        plans.iter().enumerate().flat_map(|(n, plan)| plan.request(n).into_bytes()).collect();
    let mut host = Host::new(&plans, pieces(&asked, *cut), *dice);
    let mut turns = 0;
    while host.turn() {
        host.check();
        turns += 1;
        assert!(turns < MAX_TURNS, "it goes on for ever");
    }
    host.end();
    transcript::check(&plans, &host.out, host.aborted);
}

/// The requests of one connection.
fn read(input: &mut Unstructured<'_>) -> Vec<Plan> {
    let plans =
        std::iter::from_fn(|| (!input.is_empty()).then(|| Plan::read(input)).and_then(Result::ok));
    plans.take(MAX_PLANS).collect()
}

const MAX_PLANS: usize = 12;
/// Far more than there are bytes to read and write.
const MAX_TURNS: usize = 500_000;
const HEAD: usize = 1000;
const LOW_WATER: usize = 1000;

/// A connection, the bytes its peer has still to send, and the answers its host owes.
struct Host<'p> {
    conn: Conn,
    plans: &'p [Plan],
    input: VecDeque<Vec<u8>>,
    /// Bytes that are read at once, at most.
    longest: usize,
    /// Chooses the next step.
    dice: u32,
    /// Requests that were handed out.
    asked: usize,
    /// Whether the last of them waits for an answer that comes on its own.
    owes: bool,
    /// What is left of a body.
    pieces: VecDeque<Bytes>,
    /// Whether the last answer was given up.
    aborted: bool,
    out: Vec<u8>,
}

/// What may happen next.
#[derive(Clone, Copy, Debug)]
enum Turn {
    Abort,
    Answer,
    Body,
    Decode,
    Read,
    Write,
}

impl<'p> Host<'p> {
    fn new(plans: &'p [Plan], input: Vec<Vec<u8>>, dice: u8) -> Self {
        let mut limits: Limits = Config::default().limits;
        (limits.head, limits.max_payload, limits.low_water) = (HEAD, plan::BODY, LOW_WATER);
        Self {
            conn: Conn::new(Arc::new(limits)),
            plans,
            longest: input.iter().map(Vec::len).max().unwrap_or_default(),
            input: input.into(),
            dice: u32::from(dice) + 1,
            asked: 0,
            owes: false,
            pieces: VecDeque::new(),
            aborted: false,
            out: Vec::new(),
        }
    }

    /// Does one of the things that may come next; `false` when nothing may.
    fn turn(&mut self) -> bool {
        let able = self.able();
        if able.is_empty() {
            return false;
        }
        match able[self.roll(able.len())] {
            Turn::Abort => {
                self.conn.abort();
                self.aborted = true;
            }
            Turn::Answer => self.answer(),
            Turn::Body => match self.pieces.pop_front() {
                Some(piece) => self.conn.push_body(&piece),
                None => {
                    self.conn.abort();
                    self.aborted = true;
                }
            },
            Turn::Decode => self.decode(&mut []),
            Turn::Read => {
                let mut bytes = self.input.pop_front().expect("there is input");
                self.decode(&mut bytes);
                // What would have no effect, between two things that do.
                if self.roll(8) == 0 {
                    self.stray();
                }
            }
            Turn::Write => self.write(),
        }
        true
    }

    fn able(&self) -> Vec<Turn> {
        let conn = &self.conn;
        let early = self.last().is_some_and(|plan| plan.when == When::Early);
        let able = [
            (Turn::Read, conn.wants_read() && !self.input.is_empty()),
            (Turn::Decode, conn.wants_decode()),
            (Turn::Answer, self.owes && (conn.awaits() == Awaits::Answer || early)),
            (Turn::Body, conn.wants_body()),
            (Turn::Abort, conn.awaits() == Awaits::Room && self.gives_up()),
            (Turn::Write, !conn.is_flushed()),
        ];
        able.into_iter().filter(|&(_, able)| able).map(|(turn, _)| turn).collect()
    }

    /// Whether the host may lose interest in the answer at hand.
    fn gives_up(&self) -> bool {
        self.last().is_some_and(|plan| plan.gives_up)
    }

    fn last(&self) -> Option<&'p Plan> {
        self.plans.get(self.asked.checked_sub(1)?)
    }

    fn decode(&mut self, bytes: &mut [u8]) {
        let Self { conn, plans, asked, owes, pieces, .. } = self;
        let mut decoder: Decoder<'_, '_> = conn.decode(bytes);
        loop {
            let verdict = match decoder.poll() {
                Ok(Some(Inbound::Request(request))) => {
                    assert!(!*owes, "a request overtakes an answer");
                    assert_eq!(request.target, format!("/{asked}"));
                    let plan = &plans[*asked];
                    *asked += 1;
                    *owes = plan.when != When::AtOnce && plan.when != When::Body;
                    plan.verdict()
                }
                Ok(Some(Inbound::Body(body))) => {
                    let plan = &plans[*asked - 1];
                    assert_eq!(body, plan.body(), "the body is what was sent");
                    if plan.when == When::Body {
                        Verdict::Respond(plan.response.clone())
                    } else {
                        Verdict::Hold(None)
                    }
                }
                Ok(None) => break,
                Ok(Some(other)) => panic!("{other:?} outside of a WebSocket"),
                Err(violation) => {
                    assert!(plans[*asked - 1].is_refused(), "{violation:?}");
                    *owes = false;
                    decoder.reject(violation);
                    break;
                }
            };
            if let Verdict::Respond(_) = verdict {
                *pieces = plans[*asked - 1].pieces.clone();
            }
            decoder.apply(verdict);
        }
    }

    fn answer(&mut self) {
        let plan = self.last().expect("somebody asked");
        self.owes = false;
        self.pieces = plan.pieces.clone();
        self.conn.push(Transmit::Response(plan.response.clone()));
    }

    /// An answer that comes too late or to no request changes nothing.
    fn stray(&mut self) {
        match self.conn.awaits() {
            Awaits::Farewell | Awaits::Head | Awaits::Request => {
                self.conn.push(Transmit::Response(Response::with_body(500, "text/plain", "stray")));
                self.conn.push_body(&Bytes::from_static(b"stray"));
                self.conn.abort();
            }
            Awaits::Room => {
                self.conn.push(Transmit::Response(Response::with_body(500, "text/plain", "stray")));
            }
            Awaits::Answer | Awaits::Body => {
                self.conn.push_body(&Bytes::from_static(b"stray"));
                self.conn.abort();
            }
            Awaits::Messages => panic!("nobody asked for a WebSocket"),
        }
    }

    /// The stream takes some.
    fn write(&mut self) {
        let (count, most) = (self.roll(4) + 1, self.roll(3000) + 1);
        let mut slices = [IoSlice::new(&[]); 4];
        let filled = self.conn.poll_write(&mut slices[..count]);
        assert!(filled > 0, "something waits");
        let mut taken = 0;
        for slice in &slices[..filled] {
            let n = slice.len().min(most - taken);
            self.out.extend_from_slice(&slice[..n]);
            taken += n;
        }
        self.conn.wrote(taken);
    }

    fn check(&self) {
        let held = self.conn.bytes_held();
        let most = 2 * (HEAD + self.longest + plan::BODY) + LOW_WATER + 3 * plan::MAX + 1000;
        assert!(held <= most, "{held} bytes are held");
    }

    /// Checks that nothing waits that could have gone on.
    fn end(&self) {
        assert!(self.conn.is_flushed());
        if self.conn.is_closing() {
            return;
        }
        assert!(self.input.is_empty(), "{:?} stops to read", self.conn.awaits());
        assert_eq!(self.asked, self.plans.len(), "a request was lost");
        assert_eq!((self.owes, self.conn.awaits()), (false, Awaits::Request));
        assert_eq!(self.conn.bytes_held(), 0, "an idle connection holds nothing");
    }

    /// A number below `n`, by xorshift.
    fn roll(&mut self, n: usize) -> usize {
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 17;
        self.dice ^= self.dice << 5;
        (self.dice >> 8) as usize % n
    }
}
