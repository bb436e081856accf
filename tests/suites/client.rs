//! A polling client over a real socket, for the tests of bindings.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;
use testbed::{Answer, request};

/// A polling client that has joined `/`, over one blocking stream.
#[derive(Debug)]
pub struct Client<S = TcpStream> {
    /// The connection to the server.
    pub stream: S,
    /// The secret of its session.
    pub sid: String,
    /// Bytes that arrived behind the last answer.
    pub(crate) unread: Vec<u8>,
}

/// A test that waits longer has failed.
pub const PATIENCE: Duration = Duration::from_secs(20);

impl Client {
    /// Connects over TCP and joins.
    ///
    /// # Panics
    /// As all its methods, when the server does something else than it should.
    #[must_use]
    pub fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("the server listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("the time is not zero");
        Self::join(stream)
    }
}

impl<S: Read + Write> Client<S> {
    /// A client over the given stream that has no session yet.
    pub fn on(stream: S) -> Self {
        Self { stream, sid: String::new(), unread: Vec::new() }
    }

    /// Joins over the given stream.
    pub fn join(stream: S) -> Self {
        let mut client = Self::on(stream);
        let (_, open) = client.request("GET", "");
        client.sid = open.split('"').nth(3).expect("the session has an id").to_owned();
        client.post("40");
        assert!(client.poll().starts_with("40{"));
        client
    }

    /// Joins over a stream that may break at any time.
    ///
    /// # Errors
    /// When it did.
    pub fn try_join(stream: S) -> io::Result<Self> {
        let mut client = Self::on(stream);
        let (_, open) = client.try_request("GET", "")?;
        client.sid = open.split('"').nth(3).expect("the session has an id").to_owned();
        client.try_request("POST", "40")?;
        client.try_request("GET", "")?;
        Ok(client)
    }

    /// Waits for packets.
    pub fn poll(&mut self) -> String {
        self.request("GET", "").1
    }

    /// Sends packets.
    pub fn post(&mut self, payload: &str) {
        assert_eq!(self.request("POST", payload), (200, "ok".into()));
    }

    /// Sends a request and waits for its answer.
    pub fn request(&mut self, method: &str, body: &str) -> (u16, String) {
        self.try_request(method, body).expect("the server answers")
    }

    /// The same over a stream that may break at any time.
    ///
    /// # Errors
    /// When it did.
    pub fn try_request(&mut self, method: &str, body: &str) -> io::Result<(u16, String)> {
        let sid = if self.sid.is_empty() { String::new() } else { format!("&sid={}", self.sid) };
        self.try_send(method, &format!("/socket.io/?EIO=4&transport=polling{sid}"), body)?;
        self.try_response()
    }

    /// Sends a request to the given path.
    pub fn send(&mut self, method: &str, target: &str, body: &str) {
        self.try_send(method, target, body).expect("the server reads");
    }

    /// Waits for an answer: its status and its body.
    pub fn response(&mut self) -> (u16, String) {
        self.try_response().expect("the server answers")
    }

    fn try_send(&mut self, method: &str, target: &str, body: &str) -> io::Result<()> {
        self.stream.write_all(request(method, target, "", body).as_bytes())
    }

    fn try_response(&mut self) -> io::Result<(u16, String)> {
        let answer = Answer::read(&mut self.stream, &mut self.unread)?;
        Ok((answer.status, answer.body))
    }
}
