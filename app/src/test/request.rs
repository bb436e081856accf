//! Plain HTTP requests, without a network.

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Request, Response, StatusCode};
use std::fmt;

use super::line::{End, Line, Output};
use super::server::TestServer;

/// A plain HTTP request that was sent. Dropping it drops its connection.
#[must_use = "a request that is dropped is given up"]
pub struct TestRequest {
    line: Line<Exchange>,
}

/// The client's end of a connection for one request.
struct Exchange {
    request: Vec<u8>,
    answer: Vec<u8>,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Stage {
    Asking,
    /// The server closed the connection: the answer is whole.
    Answered,
    GivenUp,
}

impl TestServer {
    /// Asks for a path, with its query if it has one, by `GET`.
    ///
    /// # Panics
    /// When that is no target of a request, or the answer waits for time to pass or for a client.
    #[track_caller]
    pub fn get(&self, target: &str) -> Response<Bytes> {
        self.request(Request::get(target).body("").expect("a path and a query"))
    }

    /// Sends a plain HTTP request, over a connection of its own, and returns the answer: that of
    /// [`App::files`](crate::App::files), of [`App::fallback`](crate::App::fallback), or of a session
    /// on HTTP long-polling.
    ///
    /// # Panics
    /// When the answer waits for time to pass or for a client: [`start`](Self::start) it then.
    #[track_caller]
    pub fn request(&self, request: Request<impl AsRef<[u8]>>) -> Response<Bytes> {
        self.start(request).response().expect("the answer waits for time to pass or for a client")
    }

    /// Sends a plain HTTP request whose answer may take its time, such as a poll.
    pub fn start(&self, request: Request<impl AsRef<[u8]>>) -> TestRequest {
        let (head, body) = request.into_parts();
        let request = written(&head, body.as_ref());
        let exchange = Exchange { request, answer: Vec::new(), stage: Stage::Asking };
        let line = Line::new(self.world.clone(), exchange, None);
        self.run();
        TestRequest { line }
    }
}

impl TestRequest {
    /// Returns the answer, if it came.
    ///
    /// # Panics
    /// When the connection ended without one.
    #[must_use]
    #[track_caller]
    pub fn response(&self) -> Option<Response<Bytes>> {
        self.line.look(|exchange| match exchange.stage {
            Stage::Asking | Stage::GivenUp => None,
            Stage::Answered => Some(read(&exchange.answer).expect("the server answers in HTTP")),
        })
    }
}

impl End for Exchange {
    fn receive(&mut self, bytes: Vec<u8>) {
        self.answer.extend(bytes);
    }

    fn next_output(&mut self) -> Output {
        match self.stage {
            Stage::GivenUp => Output::HangUp,
            Stage::Answered | Stage::Asking if !self.request.is_empty() => {
                Output::Bytes(std::mem::take(&mut self.request))
            }
            // The request is sent, and the server waits for the client to close the connection.
            Stage::Answered | Stage::Asking if !self.answer.is_empty() => Output::HangUpLast,
            Stage::Answered | Stage::Asking => Output::Nothing,
        }
    }

    fn hang_up(&mut self) {
        self.stage = Stage::GivenUp;
    }

    fn end(&mut self) {
        if self.stage == Stage::Asking {
            self.stage = Stage::Answered;
        }
    }
}

/// A request as it goes over the wire, the last of its connection.
fn written(head: &http::request::Parts, body: &[u8]) -> Vec<u8> {
    let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
    let mut bytes = format!("{} {target} HTTP/1.1\r\nConnection: close\r\n", head.method);
    if !head.headers.contains_key(header::HOST) {
        let host = head.uri.authority().map_or("localhost", |host| host.as_str());
        bytes += &format!("Host: {host}\r\n");
    }
    if !body.is_empty() {
        bytes += &format!("Content-Length: {}\r\n", body.len());
    }
    let mut bytes = bytes.into_bytes();
    for (name, value) in &head.headers {
        bytes.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(body);
    bytes
}

/// The only answer of a connection, as it came, whatever its content is encoded with; `None` when it is
/// none. A [`Conn`](sansocket::Conn) decodes contents, and refuses encodings that it does not know.
fn read(bytes: &[u8]) -> Option<Response<Bytes>> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let mut lines = bytes[..end].split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii_end);
    let status = lines.next()?.strip_prefix(b"HTTP/1.1 ")?.get(..3)?;
    let mut headers = HeaderMap::new();
    for line in lines {
        let colon = line.iter().position(|&byte| byte == b':')?;
        let name = HeaderName::from_bytes(&line[..colon]).ok()?;
        headers.append(name, HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).ok()?);
    }
    let mut response = Response::new(Bytes::copy_from_slice(&bytes[end + 4..]));
    *response.status_mut() = StatusCode::from_bytes(status).ok()?;
    *response.headers_mut() = headers;
    Some(response)
}

impl fmt::Debug for TestRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestRequest").finish_non_exhaustive()
    }
}
