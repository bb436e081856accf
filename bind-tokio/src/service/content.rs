//! What an answer says, handed to the host as the client takes it.

use hyper::body::{Body, Frame, SizeHint};
use sansocket_app::Bytes;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::task::AbortHandle;

/// The body of an answer of a session.
///
/// A long one goes to the host in pieces, as it asks for them, and is given up when the client takes
/// none for [`Limits::body_time`](sansocket_app::Limits::body_time): a stream whose window never
/// opens (RFC 9113 §6.9) cannot keep it. Then its error is [`ErrorKind::TimedOut`].
#[derive(Debug)]
pub struct Content(Inner);

#[derive(Debug)]
enum Inner {
    /// At most one piece.
    Short(Bytes),
    Long(Long),
}

/// More than one piece.
#[derive(Debug)]
struct Long {
    left: Arc<Left>,
    patience: Duration,
    /// Who gives it up, once the host has begun.
    watch: Option<AbortHandle>,
}

/// What was not handed over yet, or `None` when it was given up.
#[derive(Debug)]
struct Left(Mutex<Option<Bytes>>);

/// The length of a piece, in bytes; a frame of HTTP/2 has as many by default (RFC 9113 §6.5.2).
const PIECE: usize = 16 * 1024;

impl Content {
    pub(super) fn new(bytes: Bytes, patience: Duration) -> Self {
        Self(match bytes.len() <= PIECE {
            true => Inner::Short(bytes),
            false => {
                let left = Arc::new(Left(Mutex::new(Some(bytes))));
                Inner::Long(Long { left, patience, watch: None })
            }
        })
    }
}

impl Body for Content {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let piece = match &mut self.get_mut().0 {
            Inner::Short(bytes) => Ok(std::mem::take(bytes)),
            Inner::Long(long) => {
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
            Inner::Short(bytes) => bytes.is_empty(),
            Inner::Long(long) => long.left.len() == Some(0),
        }
    }

    fn size_hint(&self) -> SizeHint {
        let left = match &self.0 {
            Inner::Short(bytes) => bytes.len(),
            Inner::Long(long) => long.left.len().unwrap_or_default(),
        };
        SizeHint::with_exact(left as u64)
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
        let mut left = self.lock();
        let bytes = left.as_mut().ok_or(ErrorKind::TimedOut)?;
        Ok(bytes.split_to(bytes.len().min(PIECE)))
    }

    /// How many bytes are left.
    fn len(&self) -> Option<usize> {
        self.lock().as_ref().map(Bytes::len)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Bytes>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Gives up what is left once nothing was taken of it for so long.
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
