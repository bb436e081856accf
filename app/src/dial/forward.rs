//! Requests that another node answers, over HTTP connections that are kept for the next.

use bytes::Bytes;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use sansocket::{Config, Conn, Fields, Headers, Inbound, Limits, Method, Request, Violation};
use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::io::{self, ErrorKind, IoSlice};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::{Duration, Instant};

use crate::app::App;
use crate::dial::net::Net;
use crate::dial::stream::Stream;
use crate::dial::tunnel::Tunnel;
use crate::serve::carry::{Carry, Wire};
use crate::web::nodes::{Forward, Forwarding, Unanswered, leave_out_own};
use crate::web::tunnel::{Answer, NodeEnd};

/// Lets the requests of an application that are for [other nodes](App::nodes) reach them by the streams of
/// `net`, if there are any such nodes.
#[must_use]
pub fn forwarding<N: Net>(mut app: App, net: impl FnOnce() -> N) -> App {
    if let Some(nodes) = &mut app.web.nodes {
        nodes.lead_by(Forwarder::new(net(), &app.config));
    }
    app
}

/// The way to other nodes.
struct Forwarder<N: Net>(Arc<Shared<N>>);

pub(super) struct Shared<N: Net> {
    pub(super) net: N,
    limits: Arc<Limits>,
    /// How long an answer may take, and how long a WebSocket may be silent: there is a PING at the latest.
    pub(super) patience: Duration,
    /// How long a connection is kept without a request.
    keeping: Duration,
    /// Connections without a request, the last used at the end. At most [`KEPT`] for each node that was asked lately.
    idle: Mutex<HashMap<SocketAddr, Vec<Idle<N::Stream>>>>,
}

/// A connection that was kept.
struct Idle<S> {
    way: Way<S>,
    since: Instant,
}

/// A connection to another node.
struct Way<S> {
    stream: S,
    conn: Conn,
}

/// Connections kept for each node.
const KEPT: usize = 64;

/// How long a connection is kept without a request at most.
const IDLE: Duration = Duration::from_secs(5);

/// How long another node may take to accept a connection.
const CONNECTING: Duration = Duration::from_secs(2);

impl<N: Net> Forwarder<N> {
    fn new(net: N, config: &Config) -> Self {
        let mut limits = config.limits.clone();
        // An answer holds what waited for the client, with binary data as base64.
        limits.max_payload = limits.max_payload.max(limits.max_backlog.saturating_mul(2));
        let patience = config.ping_interval + config.ping_timeout;
        // The other node, which has the same settings, closes it later.
        let keeping = IDLE.min(limits.idle_time / 2);
        let (limits, idle) = (Arc::new(limits), Mutex::default());
        Self(Arc::new(Shared { net, limits, patience, keeping, idle }))
    }
}

impl<N: Net> Forward for Forwarder<N> {
    fn forward(&self, node: SocketAddr, request: http::Request<Bytes>) -> Forwarding {
        let shared = self.0.clone();
        Box::pin(async move {
            shared.exchange(node, &request).await.map_err(|error| Unanswered(error.to_string()))
        })
    }

    fn tunnel(&self, node: SocketAddr, request: http::Request<()>, end: NodeEnd) {
        let shared = self.0.clone();
        self.0.net.spawn(Box::pin(async move { shared.tunnel(node, &request, end).await }));
    }
}

impl<N: Net> Shared<N> {
    async fn exchange(
        &self,
        node: SocketAddr,
        request: &http::Request<Bytes>,
    ) -> io::Result<http::Response<Bytes>> {
        let mut way = match self.kept(node) {
            Some(way) => way,
            None => self.open(node).await?,
        };
        way.ask(request)?;
        let answer = self.in_time(self.patience, poll_exchange(&mut way)).await?;
        if !way.conn.is_finished() && way.conn.is_flushed() {
            self.keep(node, way);
        }
        Ok(answer)
    }

    async fn open(&self, node: SocketAddr) -> io::Result<Way<N::Stream>> {
        let stream = self.connect(node).await?;
        Ok(Way { stream, conn: self.conn() })
    }

    async fn connect(&self, node: SocketAddr) -> io::Result<N::Stream> {
        self.in_time(CONNECTING, async { self.net.connect(node).await }).await
    }

    /// It asks for no WebSocket of its own, so nothing follows from the seed.
    fn conn(&self) -> Conn {
        Conn::client(self.limits.clone(), None, [0; 32])
    }

    /// Opens a tunnel. Its end is told when that fails.
    async fn tunnel(self: &Arc<Self>, node: SocketAddr, request: &http::Request<()>, end: NodeEnd) {
        let stream = match self.connect(node).await {
            Ok(stream) => stream,
            Err(error) => return end.answer(Answer::Failed(Unanswered(error.to_string()))),
        };
        let start = (self.conn(), self.net.sleep(self.limits.head_time));
        // One that cannot be asked for drops its end, which says so.
        if let Ok(tunnel) = Tunnel::new(Arc::downgrade(self), start, request, end) {
            self.net.carry(Carry::new(Stream::Plain(stream), tunnel));
        }
    }

    /// Waits for `work`, but no longer than `patience`.
    async fn in_time<T>(
        &self,
        patience: Duration,
        work: impl Future<Output = io::Result<T>>,
    ) -> io::Result<T> {
        let mut over = self.net.sleep(patience);
        let mut work = pin!(work);
        poll_fn(|context| {
            if let Poll::Ready(done) = work.as_mut().poll(context) {
                return Poll::Ready(done);
            }
            over.as_mut().poll(context).map(|()| Err(ErrorKind::TimedOut.into()))
        })
        .await
    }

    /// A connection that was kept and that the other node has not closed.
    fn kept(&self, node: SocketAddr) -> Option<Way<N::Stream>> {
        let now = self.net.now();
        loop {
            let Idle { mut way, since } = self.idle().get_mut(&node)?.pop()?;
            let mut byte = [0];
            // Whoever waits for the answer registers again.
            let mut context = Context::from_waker(Waker::noop());
            let is_quiet = way.stream.poll_look(&mut context, &mut byte).is_pending();
            if is_quiet && now.saturating_duration_since(since) < self.keeping {
                return Some(way);
            }
        }
    }

    /// Keeps a connection for the next request, and none that was kept for too long: a node may be gone.
    fn keep(&self, node: SocketAddr, way: Way<N::Stream>) {
        let mut idle = self.idle();
        let since = self.net.now();
        idle.retain(|_, kept| {
            let is_over =
                |idle: &Idle<_>| since.saturating_duration_since(idle.since) >= self.keeping;
            // They are in the order of that time.
            let over = kept.partition_point(is_over);
            kept.drain(..over);
            !kept.is_empty()
        });
        let kept = idle.entry(node).or_default();
        if kept.len() < KEPT {
            kept.push(Idle { way, since });
        }
    }

    fn idle(&self) -> MutexGuard<'_, HashMap<SocketAddr, Vec<Idle<N::Stream>>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes a request and reads its answer.
async fn poll_exchange<S: Wire>(way: &mut Way<S>) -> io::Result<http::Response<Bytes>> {
    let mut head = None;
    poll_fn(|context| way.poll(&mut head, context)).await
}

impl<S: Wire> Way<S> {
    fn ask(&mut self, request: &http::Request<Bytes>) -> io::Result<()> {
        let fields = Lines(request.headers());
        let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
        let name = request.method().as_str();
        let mut head = Request::new(Method::from_name(name), target, Fields::host(&fields));
        head.other = Some(name);
        self.conn.ask(&head, request.body(), None).map_err(io::Error::other)
    }

    fn poll(
        &mut self,
        head: &mut Option<http::Response<()>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<http::Response<Bytes>>> {
        let _ = self.write(context)?;
        let mut buffer = [0; 8 * 1024];
        loop {
            let n = ready!(self.stream.poll_read(context, &mut buffer))?;
            if n == 0 {
                return Poll::Ready(Err(ErrorKind::UnexpectedEof.into()));
            }
            if let Some(answer) = self.read(&mut buffer[..n], head).map_err(io::Error::other)? {
                return Poll::Ready(Ok(answer));
            }
        }
    }

    fn write(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let mut slices = [IoSlice::new(&[]); 4];
            let filled = self.conn.poll_write(&mut slices);
            if filled == 0 {
                return Poll::Ready(Ok(()));
            }
            let n = ready!(self.stream.poll_write(context, &slices[..filled]))?;
            if n == 0 {
                return Poll::Ready(Err(ErrorKind::WriteZero.into()));
            }
            self.conn.wrote(n);
        }
    }

    fn read(
        &mut self,
        bytes: &mut [u8],
        head: &mut Option<http::Response<()>>,
    ) -> Result<Option<http::Response<Bytes>>, Violation> {
        let mut decoder = self.conn.decode(bytes);
        let mut answer = None;
        while let Some(item) = decoder.poll()? {
            // There are no others before a WebSocket is asked for.
            if let Inbound::Response(found) = item {
                *head = Some(answer_of(found.status, found.fields));
            } else if let Inbound::Body(body) = item {
                answer = head.take().map(|head| head.map(|()| Bytes::copy_from_slice(body)));
            }
        }
        Ok(answer)
    }
}

/// The head of an answer, without the fields that concern its connection.
pub(super) fn answer_of(status: u16, fields: Fields<'_>) -> http::Response<()> {
    let mut answer = http::Response::new(());
    *answer.status_mut() =
        http::StatusCode::from_u16(status).unwrap_or(http::StatusCode::BAD_GATEWAY);
    let headers = answer.headers_mut();
    fields.each(&mut |name, value| {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_bytes(value))
        {
            headers.append(name, value);
        }
    });
    leave_out_own(headers);
    answer
}

/// The fields of a request, line by line.
pub(super) struct Lines<'a>(pub(super) &'a HeaderMap);

impl Headers for Lines<'_> {
    fn each<'a>(&'a self, each: &mut dyn FnMut(&'a str, &'a [u8])) {
        self.0.iter().for_each(|(name, value)| each(name.as_str(), value.as_bytes()));
    }
}
