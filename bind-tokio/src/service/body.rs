//! The body of an answer of the Socket.IO server, handed to the host as the client takes it.

use hyper::body::{Body, Frame, SizeHint};
use sansocket_app::{Body as Content, Bytes};
use std::fs::File;
use std::io::{self, ErrorKind, Read, Take};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::task::AbortHandle;

/// The body of an answer that is not of the service behind.
///
/// A long one, and a file, goes to the host in pieces, as it asks for them, and is given up when the
/// client takes none for [`Limits::body_time`](sansocket_app::Limits::body_time): a stream whose window
/// never opens (RFC 9113 §6.9) cannot keep it. Then its error is [`ErrorKind::TimedOut`].
#[derive(Debug)]
pub struct OwnBody(Source);

#[derive(Debug)]
enum Source {
    /// Nothing, of a length that only the head tells: it may be an answer to HEAD.
    Nothing,
    /// At most one piece.
    Short(Bytes),
    Long(Long),
}

/// A body of several pieces.
#[derive(Debug)]
struct Long {
    left: Arc<Left>,
    patience: Duration,
    /// The task that gives it up, once the host has begun.
    watch: Option<AbortHandle>,
}

/// What was not handed over yet, or `None` when it was given up.
#[derive(Debug)]
struct Left(Mutex<Option<Rest>>);

#[derive(Debug)]
enum Rest {
    Bytes(Bytes),
    File(Take<File>),
}

/// The length of a piece of bytes; a frame of HTTP/2 has as many by default (RFC 9113 §6.5.2).
const PIECE: usize = 16 * 1024;

/// Bytes read from a file at once.
const FILE_PIECE: u64 = 64 * 1024;

impl OwnBody {
    pub(super) fn new(content: Content, patience: Duration) -> Self {
        let long = |rest| {
            let left = Arc::new(Left(Mutex::new(Some(rest))));
            Source::Long(Long { left, patience, watch: None })
        };
        Self(match content {
            Content::Empty => Source::Nothing,
            Content::Bytes(bytes) if bytes.len() <= PIECE => Source::Short(bytes),
            Content::Bytes(bytes) => long(Rest::Bytes(bytes)),
            Content::File(file) => long(Rest::File(file)),
        })
    }

    /// The body of an answer that is one piece.
    pub(super) fn short(bytes: Bytes) -> Self {
        Self(Source::Short(bytes))
    }
}

impl Body for OwnBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let piece = match &mut self.get_mut().0 {
            Source::Nothing => Ok(Bytes::new()),
            Source::Short(bytes) => Ok(std::mem::take(bytes)),
            Source::Long(long) => {
                long.watch();
                long.left.take()
            }
        };
        Poll::Ready(match piece {
            Ok(piece) if piece.is_empty() => None,
            Ok(piece) => Some(Ok(Frame::data(piece))),
            Err(error) => Some(Err(error)),
        })
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Source::Nothing => true,
            Source::Short(bytes) => bytes.is_empty(),
            Source::Long(long) => long.left.len() == Some(0),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Source::Nothing => SizeHint::default(),
            Source::Short(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Source::Long(long) => SizeHint::with_exact(long.left.len().unwrap_or_default()),
        }
    }
}

impl Long {
    /// Has it given up when nothing is taken for too long.
    fn watch(&mut self) {
        // Middleware may look at a body anywhere; a host is on a runtime.
        if self.watch.is_none()
            && let Ok(runtime) = Handle::try_current()
        {
            let task = give_up(Arc::downgrade(&self.left), self.patience);
            self.watch = Some(runtime.spawn(task).abort_handle());
        }
    }
}

impl Drop for Long {
    fn drop(&mut self) {
        if let Some(watch) = &self.watch {
            watch.abort();
        }
    }
}

impl Left {
    /// Takes the next piece; an empty one is the end.
    fn take(&self) -> io::Result<Bytes> {
        self.lock().as_mut().ok_or(ErrorKind::TimedOut)?.piece()
    }

    /// How many bytes are left.
    fn len(&self) -> Option<u64> {
        self.lock().as_ref().map(Rest::len)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Rest>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rest {
    fn piece(&mut self) -> io::Result<Bytes> {
        match self {
            Self::Bytes(bytes) => Ok(bytes.split_to(bytes.len().min(PIECE))),
            Self::File(file) if file.limit() == 0 => Ok(Bytes::new()),
            Self::File(file) => {
                let mut piece = Vec::new();
                match file.by_ref().take(FILE_PIECE).read_to_end(&mut piece)? {
                    // The body was cut meanwhile.
                    0 => Err(ErrorKind::UnexpectedEof.into()),
                    _ => Ok(piece.into()),
                }
            }
        }
    }

    fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File(file) => file.limit(),
        }
    }
}

/// Gives up the rest of a body once nothing was taken of it for so long.
async fn give_up(left: Weak<Left>, patience: Duration) {
    let mut before = None;
    loop {
        {
            let Some(left) = left.upgrade() else { return };
            let now = left.len();
            if now == Some(0) {
                return;
            }
            if now == before {
                *left.lock() = None;
                return;
            }
            before = now;
        }
        tokio::time::sleep(patience).await;
    }
}
