//! A polling client over one blocking stream.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// A polling client over one blocking stream, for servers that listen.
pub struct Client<S> {
    /// The stream; whoever writes to it reads the answers too.
    pub stream: S,
    /// The session, once it is open.
    pub sid: String,
}

impl Client<TcpStream> {
    /// Opens a session and joins the namespace `/`.
    #[must_use]
    pub fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("the server listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("not zero");
        Self::over(stream)
    }
}

impl<S: Read + Write> Client<S> {
    /// Opens a session on a stream and joins the namespace `/`.
    pub fn over(stream: S) -> Self {
        let mut client = Self { stream, sid: String::new() };
        let (status, open) = client.request("GET", "");
        assert_eq!(status, 200);
        client.sid = open.split('"').nth(3).expect("the sid comes first").to_owned();
        client.post("40");
        assert!(client.poll().starts_with("40{"));
        client
    }

    /// Waits for packets and returns them as they came.
    pub fn poll(&mut self) -> String {
        self.request("GET", "").1
    }

    /// Sends packets.
    pub fn post(&mut self, payload: &str) {
        assert_eq!(self.request("POST", payload), (200, "ok".into()));
    }

    /// Sends a request of the session and returns status and body of the answer.
    pub fn request(&mut self, method: &str, body: &str) -> (u16, String) {
        let sid = if self.sid.is_empty() { String::new() } else { format!("&sid={}", self.sid) };
        let length = body.len();
        // In one piece, as real clients do it.
        let request = format!(
            "{method} /socket.io/?EIO=4&transport=polling{sid} HTTP/1.1\r\nHost: a\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        );
        self.stream.write_all(request.as_bytes()).expect("the server takes requests");
        self.response()
    }

    /// Reads the next answer and returns its status and body.
    pub fn response(&mut self) -> (u16, String) {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            self.stream.read_exact(&mut byte).expect("the server answers");
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).expect("heads are text");
        let field = head.split("content-length: ").nth(1).expect("answers say how long they are");
        let length = field.split('\r').next().and_then(|n| n.parse().ok()).expect("a number");
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).expect("the body is as long as it says");
        let status = head[9..12].parse().expect("a status is a number");
        (status, String::from_utf8(body).expect("bodies are text"))
    }
}

/// How long a test waits for something that never comes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
