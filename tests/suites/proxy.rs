//! A network that misbehaves: a proxy between clients and a server.

use socket2::SockRef;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// A proxy on a port of its own; it accepts until it is dropped.
#[derive(Debug)]
pub(crate) struct Proxy {
    /// Where clients reach the server through it.
    pub(crate) address: SocketAddr,
    ended: Arc<AtomicBool>,
    accepting: Option<JoinHandle<()>>,
}

/// What happens to bytes on their way, in either direction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Faults {
    /// Bytes are passed on in pieces of random length, at most so many.
    pub(crate) piece: u64,
    /// The longest pause before a piece. One piece of 64 stalls for twenty times as long.
    pub(crate) pause: Duration,
    /// How connections end before they would, if they do.
    pub(crate) cut: Option<Cut>,
}

/// An early end of a connection, after a random number of bytes up to this one.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cut {
    /// One direction ends, the other goes on.
    Half(u64),
    /// Both ends are told that the connection broke.
    Reset(u64),
}

/// A seeded generator, SplitMix64, so that a failure can be repeated.
#[derive(Clone, Debug)]
pub(crate) struct Dice(u64);

impl Proxy {
    /// Starts a proxy in front of a server.
    ///
    /// # Panics
    /// When no port is free.
    #[must_use]
    pub(crate) fn start(server: SocketAddr, faults: Faults, seed: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it has an address");
        let ended = Arc::new(AtomicBool::new(false));
        let over = ended.clone();
        let accepting = thread::spawn(move || {
            let mut dice = Dice::new(seed);
            for client in listener.incoming().flatten() {
                if over.load(Ordering::Acquire) {
                    return;
                }
                if let Ok(server) = TcpStream::connect(server) {
                    // When either is gone already, so is the connection.
                    let _ = join(&client, &server, faults, &mut dice);
                }
            }
        });
        Self { address, ended, accepting: Some(accepting) }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Release);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
        let _ = self.accepting.take().map(JoinHandle::join);
    }
}

impl Dice {
    /// Makes a generator that gives the same numbers for the same seed.
    #[must_use]
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Draws a number below `end`, which is not 0.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (x ^ (x >> 31)) % end
    }
}

/// Breaks a connection: the peer gets a reset once the last handle to `stream` is dropped.
///
/// # Errors
/// When it is broken already.
pub(crate) fn reset(stream: &TcpStream) -> io::Result<()> {
    SockRef::from(stream).set_linger(Some(Duration::ZERO))?;
    // Ends the readers of this socket, and tells the peer nothing.
    stream.shutdown(Shutdown::Read)
}

/// One direction of a connection.
struct Way {
    from: TcpStream,
    to: TcpStream,
    faults: Faults,
    dice: Dice,
    /// Whether the connection was reset.
    broken: Arc<AtomicBool>,
}

fn join(client: &TcpStream, server: &TcpStream, faults: Faults, dice: &mut Dice) -> io::Result<()> {
    let broken = Arc::new(AtomicBool::new(false));
    for (from, to) in [(client, server), (server, client)] {
        to.set_nodelay(true)?;
        let (from, to) = (from.try_clone()?, to.try_clone()?);
        let dice = Dice::new(dice.below(u64::MAX));
        let way = Way { from, to, faults, dice, broken: broken.clone() };
        thread::spawn(move || way.carry());
    }
    Ok(())
}

impl Way {
    fn carry(mut self) {
        let ended = self.pass();
        if self.broken.load(Ordering::Acquire) {
            return;
        }
        match ended {
            Ok(()) => drop(self.to.shutdown(Shutdown::Write)),
            // What one end sees the other shall see.
            Err(_) => self.tear(),
        }
    }

    /// Passes bytes on until they end, or are cut off.
    fn pass(&mut self) -> io::Result<()> {
        let mut left = match self.faults.cut {
            None => u64::MAX,
            Some(Cut::Half(bytes) | Cut::Reset(bytes)) => self.dice.below(bytes),
        };
        let mut buffer = [0; 4096];
        loop {
            let n = self.from.read(&mut buffer)?;
            let mut bytes = &buffer[..n];
            if bytes.is_empty() {
                return Ok(());
            }
            while !bytes.is_empty() {
                let piece = 1 + self.dice.below(self.faults.piece);
                let piece = piece.min(left).min(bytes.len() as u64);
                let (now, rest) = bytes.split_at(usize::try_from(piece).expect("it is short"));
                self.wait();
                self.to.write_all(now)?;
                bytes = rest;
                left -= now.len() as u64;
                if left == 0 {
                    if let Some(Cut::Reset(_)) = self.faults.cut {
                        self.tear();
                    }
                    return Ok(());
                }
            }
        }
    }

    fn wait(&mut self) {
        let longest = u64::try_from(self.faults.pause.as_micros()).unwrap_or(u64::MAX);
        let stalls = if self.dice.below(64) == 0 { 20 } else { 1 };
        thread::sleep(Duration::from_micros(stalls * self.dice.below(longest + 1)));
    }

    fn tear(&self) {
        self.broken.store(true, Ordering::Release);
        let _ = (reset(&self.from), reset(&self.to));
    }
}
