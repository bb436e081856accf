//! Packets (engine.io-protocol v4, "Protocol"): one type character, then the content.
//!
//! ```text
//! packet = "0" / "1" / "2" text / "3" text / "4" text / "5" / "6" / "b" base64
//! ```

use crate::error::Violation;

/// An Engine.IO packet, borrowed from its text (engine.io-protocol v4, "Protocol").
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Packet<'a> {
    /// A binary message in base64: on polling, and on a WebSocket from clients that can send no binary there.
    Binary(&'a str),
    /// The server opens a session: see [`Opened::parse`](crate::Opened::parse).
    Open,
    /// The session ends.
    Close,
    /// The peer asks whether this end is there; a PONG returns the content.
    Ping(&'a str),
    /// The answer to a PING.
    Pong,
    /// A text message: a Socket.IO packet, see [`PacketReader`](crate::PacketReader).
    Message(&'a str),
    /// The client moves to the transport that carries this packet.
    Upgrade,
    /// Nothing: it ends a poll.
    Noop,
}

impl<'a> Packet<'a> {
    /// Reads a packet.
    ///
    /// # Errors
    /// [`Violation::UnknownPacket`] when the text is empty or begins with no known type.
    #[inline]
    pub fn parse(text: &'a str) -> Result<Self, Violation> {
        let kind = text.as_bytes().first().ok_or(Violation::UnknownPacket)?;
        // A type is ASCII, so what follows it starts at a character.
        let content = text.get(1..).ok_or(Violation::UnknownPacket)?;
        match kind {
            b'0' => Ok(Self::Open),
            b'1' => Ok(Self::Close),
            b'2' => Ok(Self::Ping(content)),
            b'3' => Ok(Self::Pong),
            b'4' => Ok(Self::Message(content)),
            b'5' => Ok(Self::Upgrade),
            b'6' => Ok(Self::Noop),
            b'b' => Ok(Self::Binary(content)),
            _ => Err(Violation::UnknownPacket),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_types_are_known() {
        assert_eq!(Packet::parse("2probe"), Ok(Packet::Ping("probe")));
        assert_eq!(Packet::parse("4"), Ok(Packet::Message("")));
        assert_eq!(Packet::parse("4é"), Ok(Packet::Message("é")));
        assert_eq!(Packet::parse("bAAEC"), Ok(Packet::Binary("AAEC")));
        for bad in ["", "7", "abc", "é", "\u{0}", "B"] {
            assert_eq!(Packet::parse(bad), Err(Violation::UnknownPacket), "{bad}");
        }
    }
}
