//! A process under attack.

use sansocket::{Config, Counts};
use testbed::{Polling, Sim, WebSocket};

/// A process under attack, with a client that must not notice.
pub(super) struct Siege {
    pub(super) sim: Sim,
    pub(super) witness: WebSocket,
}

impl Siege {
    pub(super) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(super) fn with(set: impl FnOnce(&mut Config)) -> Self {
        let mut sim = Sim::with(set);
        let witness = sim.joined();
        sim.events();
        Self { sim, witness }
    }

    /// A client on WebSocket, in the main namespace as number 2.
    pub(super) fn attacker(&mut self) -> WebSocket {
        let ws = self.sim.joined();
        assert_eq!(self.sim.events().len(), 1);
        ws
    }

    /// A client of Engine.IO 3 on polling, in the main namespace as number 2, where these are let in.
    pub(super) fn old(&mut self) -> Polling {
        let mut client = self.sim.polling_with("EIO=3");
        assert_eq!(client.poll(), "2:40");
        self.sim.events();
        client
    }

    /// A client on polling, in the main namespace as number 2.
    pub(super) fn poller(&mut self) -> Polling {
        let mut client = self.sim.polling();
        client.join("/");
        self.sim.events();
        client
    }

    /// Checks the ground rules of every attack and returns what the application saw of it.
    pub(super) fn lift(mut self, bytes: usize) -> String {
        let held = self.sim.counts().bytes;
        assert!(held <= bytes, "{held} bytes are held");
        let seen = self.sim.events().join("; ");
        self.witness.send("42[\"alive\"]");
        assert_eq!(self.sim.events(), ["event 1 alive []"], "somebody else noticed");
        self.sim.socket(1).emit("alive", "[]").expect("somebody else can be reached");
        assert_eq!(self.witness.recv(), "42[\"alive\"]");
        self.witness.vanish();
        self.sim.advance(24 * 3_600_000);
        assert_eq!(self.sim.counts(), Counts::default(), "something is left");
        seen
    }
}

/// Sends bytes on a connection of their own and expects that answer.
pub(super) fn siege_of_http(bytes: &str, status: u16) {
    let siege = Siege::new();
    let mut tcp = siege.sim.tcp();
    tcp.send(bytes);
    let answer = tcp.answer().unwrap_or_else(|| panic!("no answer to {bytes:.60?}"));
    assert_eq!(answer.status, status, "{bytes:.60?}");
    assert!(tcp.bytes_held() < 1000, "{}", tcp.bytes_held());
    siege.lift(0);
}

/// Sends texts as one client and returns how it ended, with everything an attack must not do checked.
pub(super) fn say(texts: &[&str]) -> String {
    let mut siege = Siege::new();
    let mut ws = siege.attacker();
    for text in texts {
        ws.send(text);
        assert!(ws.tcp.bytes_held() <= 2048, "the connection holds {}", ws.tcp.bytes_held());
    }
    ws.vanish();
    siege.lift(0)
}

pub(super) fn refused(texts: &[&str], violation: &str) {
    assert_eq!(say(texts), format!("disconnect 2 Violation({violation})"), "{:.60?}", texts);
}
