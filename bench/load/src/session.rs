//! A session on polling: its requests, and how it begins and ends.

use crate::Result;
use crate::conn::Opening;
use crate::wire::shown;

pub struct Session {
    path: String,
}

impl Session {
    /// Does the handshake and joins the main namespace.
    pub fn open(opening: &mut Opening) -> Result<Self> {
        Self::open_each(std::slice::from_mut(opening)).map(|mut sessions| sessions.remove(0))
    }

    /// Opens a session over each connection, all at the same time.
    pub fn open_each(each: &mut [Opening]) -> Result<Vec<Self>> {
        let bodies = Opening::exchange_each(each, |_| Self::at(PATH).get())?;
        let sessions = bodies.iter().map(|body| Self::opened(body)).collect::<Result<Vec<_>>>()?;
        Self::send_each(&sessions, each, "40")?;
        let bodies = Opening::exchange_each(each, |index| sessions[index].get())?;
        for (index, body) in bodies.iter().enumerate() {
            if !brings(body, GREETING) {
                sessions[index].wait_for(&mut each[index], GREETING)?;
            }
        }
        Ok(sessions)
    }

    fn opened(body: &[u8]) -> Result<Self> {
        let body = String::from_utf8_lossy(body);
        let found = body.split("\"sid\":\"").nth(1).and_then(|rest| rest.split('"').next());
        let sid = found.ok_or("no session id in the handshake")?;
        Ok(Self::at(&format!("{PATH}&sid={sid}")))
    }

    /// A session whose requests go to this path.
    pub fn at(path: &str) -> Self {
        Self { path: path.into() }
    }

    /// The request that takes what the server has.
    pub fn get(&self) -> Vec<u8> {
        format!("GET {} HTTP/1.1\r\nhost: {HOST}\r\n\r\n", self.path).into_bytes()
    }

    /// The head of a request that brings packets, up to the number of its bytes.
    pub fn post(&self) -> Vec<u8> {
        format!(
            "POST {} HTTP/1.1\r\nhost: {HOST}\r\n\
             content-type: text/plain;charset=UTF-8\r\ncontent-length: ",
            self.path
        )
        .into_bytes()
    }

    /// Brings packets to each session, over a connection of its own.
    pub fn send_each(sessions: &[Self], each: &mut [Opening], packets: &str) -> Result<()> {
        let rest = format!("{}\r\n\r\n{packets}", packets.len());
        let request = |index: usize| [&sessions[index].post()[..], rest.as_bytes()].concat();
        let bodies = Opening::exchange_each(&mut each[..sessions.len()], request)?;
        match bodies.iter().find(|body| !body.eq_ignore_ascii_case(b"ok")) {
            Some(body) => Err(format!("a POST is answered {}", shown(body))),
            None => Ok(()),
        }
    }

    /// Polls until a packet with this beginning came.
    pub fn wait_for(&self, opening: &mut Opening, beginning: &str) -> Result<()> {
        while !brings(&opening.exchange(&self.get())?, beginning) {}
        Ok(())
    }
}

/// Whether a packet of this body begins so.
fn brings(body: &[u8], beginning: &str) -> bool {
    let mut packets = body.split(|&byte| byte == SEPARATOR);
    packets.any(|packet| packet.starts_with(beginning.as_bytes()))
}

/// Where a handshake goes.
pub const PATH: &str = "/socket.io/?EIO=4&transport=polling";
/// Between the packets of a body.
pub const SEPARATOR: u8 = 0x1e;

const GREETING: &str = "42[\"auth\"";
const HOST: &str = "127.0.0.1";
