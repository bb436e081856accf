//! A WebSocket client over a real socket, by a library that shares no code with the core.

use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpStream};
use tungstenite::protocol::Role;
use tungstenite::{Message, WebSocket};

use crate::client::PATIENCE;
use testbed::{Answer, upgrade};

/// A WebSocket client. Its errors are those of its stream, which may break at any time.
pub(crate) struct Channel(WebSocket<TcpStream>);

impl Channel {
    /// Connects and joins `/`.
    pub(crate) fn connect(address: SocketAddr) -> io::Result<Self> {
        let mut this = Self::open(address, "")?;
        assert!(this.recv()?.starts_with("0{"));
        this.send("40")?;
        assert!(this.recv()?.starts_with("40{"));
        Ok(this)
    }

    /// Moves a polling session whose secret is `sid` here.
    pub(crate) fn upgrade(address: SocketAddr, sid: &str) -> io::Result<Self> {
        let mut this = Self::open(address, &format!("&sid={sid}"))?;
        this.send("2probe")?;
        assert_eq!(this.recv()?, "3probe");
        this.send("5")?;
        Ok(this)
    }

    fn open(address: SocketAddr, query: &str) -> io::Result<Self> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let target = format!("/socket.io/?EIO=4&transport=websocket{query}");
        stream.write_all(upgrade(&target).as_bytes())?;
        let mut unread = Vec::new();
        assert_eq!(Answer::read(&mut stream, &mut unread)?.status, 101);
        Ok(Self(WebSocket::from_partially_read(stream, unread, Role::Client, None)))
    }

    pub(crate) fn send(&mut self, packet: &str) -> io::Result<()> {
        self.0.send(Message::text(packet)).map_err(io::Error::other)
    }

    /// Waits for a packet; answers PINGs meanwhile. A close frame reads like the packet that closes
    /// a session.
    pub(crate) fn recv(&mut self) -> io::Result<String> {
        loop {
            match self.hear()? {
                ping if ping == "2" => self.send("3")?,
                packet => return Ok(packet),
            }
        }
    }

    /// The same, PINGs included.
    pub(crate) fn hear(&mut self) -> io::Result<String> {
        loop {
            match self.0.read().map_err(io::Error::other)? {
                Message::Text(text) => return Ok(text.as_str().to_owned()),
                Message::Close(_) => return Ok("1".into()),
                Message::Ping(_) => {}
                Message::Binary(_) | Message::Pong(_) | Message::Frame(_) => {
                    panic!("nobody asked for this");
                }
            }
        }
    }

    /// Sends an event and waits for its acknowledgement.
    pub(crate) fn echo(&mut self, n: usize) -> io::Result<()> {
        self.send(&format!("42{n}[\"echo\",{n}]"))?;
        assert_eq!(self.recv()?, format!("43{n}[{n}]"));
        Ok(())
    }

    pub(crate) fn stream(&mut self) -> &mut TcpStream {
        self.0.get_mut()
    }
}
