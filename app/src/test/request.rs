//! Plain HTTP requests, without a network.

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Request, Response, StatusCode};
use std::fmt;
use std::future::Future;
use std::io::IoSlice;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::thread;

use super::clock::Task;
use super::server::{TestServer, World};
use crate::serve::connection::Connection;

/// A plain HTTP request that was sent. Dropping it drops its connection.
#[must_use = "a request that is dropped is given up"]
pub struct TestRequest {
    world: Rc<World>,
    task: Task,
    line: Arc<Mutex<Line>>,
}

/// What the ends of a connection for one request share.
#[derive(Default)]
struct Line {
    request: Vec<u8>,
    answer: Vec<u8>,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Stage {
    #[default]
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
        let line = Line { request: written(&head, body.as_ref()), ..Line::default() };
        let line = Arc::new(Mutex::new(line));
        let world = self.world.clone();
        let connection = Connection::new(world.hub.clone(), None, None);
        let task = world.clock.start(Box::pin(Carry { connection, line: line.clone() }));
        world.clock.settle();
        TestRequest { world, line, task }
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
        self.world.clock.settle();
        let line = lock(&self.line);
        match line.stage {
            Stage::Asking | Stage::GivenUp => None,
            Stage::Answered => Some(read(&line.answer).expect("the server answers in HTTP")),
        }
    }
}

impl Drop for TestRequest {
    fn drop(&mut self) {
        lock(&self.line).stage = Stage::GivenUp;
        // A test that failed is not the place to run more of the application.
        if !thread::panicking() {
            self.world.clock.wake(self.task);
            self.world.clock.settle();
        }
    }
}

/// Carries bytes between the two ends until the server is done or the client gives up.
struct Carry {
    connection: Connection,
    line: Arc<Mutex<Line>>,
}

impl Future for Carry {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let Self { connection, line } = &mut *self;
        loop {
            deliver(connection, line);
            if connection.is_finished() {
                lock(line).stage = Stage::Answered;
                return Poll::Ready(());
            }
            if lock(line).stage == Stage::GivenUp {
                return Poll::Ready(());
            }
            // Handlers run while the server reads, so the line is left alone meanwhile.
            let mut bytes = match connection.wants_read() {
                true => std::mem::take(&mut lock(line).request),
                false => Vec::new(),
            };
            if !bytes.is_empty() {
                connection.read(&mut bytes);
            } else if connection.wants_look() {
                connection.quiet();
            } else if connection.poll_rung(context).is_pending() {
                if lock(line).answer.is_empty() || !connection.wants_read() {
                    return Poll::Pending;
                }
                // It waits for the client to go, which has said everything.
                connection.end();
            }
        }
    }
}

/// Takes everything the server has to say.
fn deliver(connection: &mut Connection, line: &Mutex<Line>) {
    loop {
        let mut slices = [IoSlice::new(&[]); 8];
        let filled = connection.poll_write(&mut slices);
        if filled == 0 {
            return;
        }
        let answer = &mut lock(line).answer;
        let before = answer.len();
        slices[..filled].iter().for_each(|slice| answer.extend_from_slice(slice));
        connection.wrote(answer.len() - before);
    }
}

fn lock(line: &Mutex<Line>) -> MutexGuard<'_, Line> {
    line.lock().unwrap_or_else(PoisonError::into_inner)
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

/// The only answer of a connection; `None` when it is none.
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
        f.debug_struct("TestRequest")
            .field("stage", &lock(&self.line).stage)
            .finish_non_exhaustive()
    }
}
