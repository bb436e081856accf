//! Bytes of a connection mean the same and are answered alike, however they are cut.

use sansocket::{Bytes, Config, Conn, Inbound, Limits, Request, Response, Transmit, Verdict};
use std::io::IoSlice;
use std::sync::Arc;

use super::pieces;

const HEAD: usize = 600;
const BODY: usize = 500;
const LOW_WATER: usize = 700;

pub(super) fn run(data: &[u8]) {
    let [seed, bytes @ ..] = data else { return };
    let whole = Run::of(&pieces(bytes, 0));
    let cut = Run::of(&pieces(bytes, *seed));
    assert_eq!(cut.items, whole.items, "a cut changed the meaning");
    let text = |run: &Run| String::from_utf8_lossy(&run.http).into_owned();
    assert_eq!(text(&cut), text(&whole), "a cut changed the answers");
    assert_eq!(without_pongs(&cut.frames), without_pongs(&whole.frames));
    assert_eq!(cut.closing, whole.closing);
}

/// What a connection understood and wrote.
#[derive(Default)]
struct Run {
    items: Vec<String>,
    http: Vec<u8>,
    frames: Vec<u8>,
    upgraded: bool,
    closing: bool,
}

impl Run {
    fn of(pieces: &[Vec<u8>]) -> Self {
        let mut limits: Limits = Config::default().limits;
        (limits.head, limits.max_payload, limits.fragments) = (HEAD, BODY, 20);
        limits.low_water = LOW_WATER;
        let mut conn = Conn::new(Arc::new(limits));
        let mut run = Self::default();
        let sent: usize = pieces.iter().map(Vec::len).sum();
        for piece in pieces {
            run.read(&mut conn, &mut piece.clone());
            while conn.wants_decode() {
                run.read(&mut conn, &mut []);
            }
            let held = conn.bytes_held();
            assert!(held <= 2 * (HEAD + BODY + sent) + 1000, "{held} bytes are held");
            assert!(conn.wants_read() || conn.is_closing(), "nothing could ever happen again");
            run.closing = conn.is_closing();
        }
        run
    }

    fn read(&mut self, conn: &mut Conn, bytes: &mut [u8]) {
        let mut decoder = conn.decode(bytes);
        let mut held = false;
        loop {
            let verdict = match decoder.poll() {
                Ok(Some(item)) => {
                    self.items.push(line(&item));
                    verdict(&item)
                }
                Ok(None) => break,
                Err(violation) => {
                    self.items.push(format!("{violation:?}"));
                    decoder.reject(violation);
                    break;
                }
            };
            held = matches!(verdict, Verdict::Hold(_));
            let upgrades = matches!(verdict, Verdict::Upgrade { .. });
            decoder.apply(verdict);
            if upgrades {
                // Frames behind a handshake are read in the same turn, before its answer is written.
                self.upgraded = true;
            }
        }
        drop(decoder);
        if held {
            conn.push(Transmit::Response(Response::with_body(200, "text/plain", "held")));
        }
        self.write(conn);
        while conn.wants_body() {
            self.stream(conn);
            self.write(conn);
        }
    }

    /// The host goes on with a body, or finds that it cannot.
    fn stream(&self, conn: &mut Conn) {
        match self.items.last() {
            Some(line) if line.contains("/film") => {
                conn.push_body(&Bytes::from_static(&[b'x'; LOW_WATER + 1]));
            }
            _ => conn.abort(),
        }
    }

    fn write(&mut self, conn: &mut Conn) {
        let mut out = Vec::new();
        loop {
            let mut slices = [IoSlice::new(&[]); 3];
            let filled = conn.poll_write(&mut slices);
            let before = out.len();
            slices[..filled].iter().for_each(|slice| out.extend_from_slice(slice));
            let wrote = out.len() - before;
            if wrote == 0 {
                break;
            }
            conn.wrote(wrote);
        }
        let mut frames = if self.upgraded { self.split(&out) } else { out.len() };
        frames = frames.min(out.len());
        self.http.extend_from_slice(&out[..frames]);
        self.frames.extend_from_slice(&out[frames..]);
    }

    /// Where frames begin in the bytes written.
    fn split(&self, out: &[u8]) -> usize {
        if self.http.windows(12).any(|window| window == b"HTTP/1.1 101") {
            return 0;
        }
        let start = out.windows(12).position(|window| window == b"HTTP/1.1 101");
        let start = start.expect("the handshake is answered");
        let end = out[start..].windows(4).position(|window| window == b"\r\n\r\n");
        start + end.expect("heads end") + 4
    }
}

fn verdict(item: &Inbound<'_>) -> Verdict {
    match item {
        Inbound::Request(request) => answer(request),
        Inbound::Body(body) => {
            Verdict::Respond(Response::with_body(200, "text/plain", body.to_vec()))
        }
        Inbound::Closed(_) | Inbound::Message(_) | Inbound::Opening(_) | Inbound::Response(_) => {
            Verdict::Continue
        }
        other @ (Inbound::Bytes(_) | _) => panic!("{other:?}"),
    }
}

fn answer(request: &Request<'_>) -> Verdict {
    let link = None;
    if let Some(response) = Response::accepting(request) {
        return Verdict::Upgrade { link, response };
    }
    match request.path() {
        "/body" => Verdict::Body { link, limit: BODY },
        "/broken" => Verdict::Respond(long(100)),
        "/film" => Verdict::Respond(long(2000)),
        "/hold" => Verdict::Hold(link),
        "/pass" => Verdict::Pass,
        "/text" => {
            let mut response = Response::with_body(200, "text/plain", "text".repeat(500));
            response.compress = true;
            Verdict::Respond(response)
        }
        _ => Verdict::Respond(Response::status(204)),
    }
}

/// An answer of which only the start is there.
fn long(length: u64) -> Response {
    let mut response = Response::with_body(200, "video/mp4", "start");
    response.length = Some(length);
    response
}

fn line(item: &Inbound<'_>) -> String {
    let Inbound::Request(request) = item else { return format!("{item:?}") };
    let mut fields = String::new();
    request.fields.each(&mut |name, value| {
        fields += &format!(" {name}={}", String::from_utf8_lossy(value));
    });
    format!("{:?} {}{fields}", request.method, request.target)
}

/// PONGs answer the latest PING, so their number depends on the bytes of one read.
fn without_pongs(mut frames: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    while let [first, len, rest @ ..] = frames {
        assert!(*len <= 125, "only control frames are sent");
        let (payload, after) = rest.split_at(usize::from(*len));
        if *first != 0x8a {
            out.push(*first);
            out.extend_from_slice(payload);
        }
        frames = after;
    }
    out
}
