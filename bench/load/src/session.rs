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
        let body = opening.exchange(&Self::at(PATH).get())?;
        let body = String::from_utf8_lossy(&body);
        let found = body.split("\"sid\":\"").nth(1).and_then(|rest| rest.split('"').next());
        let sid = found.ok_or("no session id in the handshake")?;
        let session = Self::at(&format!("{PATH}&sid={sid}"));
        session.send(opening, "40")?;
        session.wait_for(opening, "42[\"auth\"")?;
        Ok(session)
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

    /// Brings packets.
    pub fn send(&self, opening: &mut Opening, packets: &str) -> Result<()> {
        let rest = format!("{}\r\n\r\n{packets}", packets.len());
        let body = opening.exchange(&[&self.post()[..], rest.as_bytes()].concat())?;
        if body.eq_ignore_ascii_case(b"ok") {
            Ok(())
        } else {
            Err(format!("a POST is answered {}", shown(&body)))
        }
    }

    /// Polls until a packet with this beginning came.
    pub fn wait_for(&self, opening: &mut Opening, beginning: &str) -> Result<()> {
        loop {
            let body = opening.exchange(&self.get())?;
            let mut packets = body.split(|&byte| byte == SEPARATOR);
            if packets.any(|packet| packet.starts_with(beginning.as_bytes())) {
                return Ok(());
            }
        }
    }
}

/// Where a handshake goes.
pub const PATH: &str = "/socket.io/?EIO=4&transport=polling";
/// Between the packets of a body.
pub const SEPARATOR: u8 = 0x1e;

const HOST: &str = "127.0.0.1";
