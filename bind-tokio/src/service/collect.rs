//! The body of a request, until it is whole.

use hyper::body::{Body, Buf as _, Frame};
use pin_project_lite::pin_project;
use sansocket_app::BoxFuture;
use sansocket_app::bind::Hub;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

pin_project! {
    /// Collects a body within its limits.
    pub(super) struct Collect<B> {
        #[pin]
        body: B,
        // At most `limit` bytes.
        content: Vec<u8>,
        limit: usize,
        time: Duration,
        // When it takes too long; only set for a body that did not come with its head.
        late: Option<BoxFuture<()>>,
    }
}

/// How collecting ended.
pub(super) enum End {
    Done(Vec<u8>),
    Failed,
    TooLarge,
}

impl<B> Collect<B> {
    pub(super) fn new(body: B, (limit, time): (usize, Duration)) -> Self {
        Self { body, content: Vec::new(), limit, time, late: None }
    }
}

impl<B: Body> Collect<B> {
    pub(super) fn poll_end(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<End> {
        let mut this = self.project();
        loop {
            let announced = usize::try_from(this.body.size_hint().lower()).unwrap_or(usize::MAX);
            if announced > *this.limit - this.content.len() {
                return Poll::Ready(End::TooLarge);
            }
            let data = match ready!(this.body.as_mut().poll_frame(context)) {
                Some(Ok(frame)) => Frame::into_data(frame),
                Some(Err(_)) => return Poll::Ready(End::Failed),
                None => return Poll::Ready(End::Done(std::mem::take(this.content))),
            };
            // What is not data is a trailer, and means nothing here.
            let Ok(mut data) = data else { continue };
            if data.remaining() > *this.limit - this.content.len() {
                return Poll::Ready(End::TooLarge);
            }
            while data.has_remaining() {
                let chunk = data.chunk();
                let n = chunk.len();
                this.content.extend_from_slice(chunk);
                data.advance(n);
            }
        }
    }

    /// Waits until the body has taken too long.
    pub(super) fn poll_late(
        self: Pin<&mut Self>,
        hub: &Hub,
        context: &mut Context<'_>,
    ) -> Poll<()> {
        let this = self.project();
        let late = this.late.get_or_insert_with(|| hub.runtime().sleep(*this.time));
        late.as_mut().poll(context)
    }
}
