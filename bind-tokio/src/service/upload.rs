//! The body of a request, on its way to its session.

use http_body_util::Full;
use hyper::body::{Body, Buf as _, Frame};
use pin_project_lite::pin_project;
use sansocket_app::http::{Response, StatusCode};
use sansocket_app::{Attachment, BoxFuture, Bytes, Hub};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::answer::whole;

pin_project! {
    /// Collects a body and hands it over; what comes out is the answer.
    pub(super) struct Upload<B> {
        hub: Arc<Hub>,
        // Until the answer is there.
        attachment: Option<Attachment>,
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
enum End {
    Done,
    Failed,
    TooLarge,
}

impl<B> Upload<B> {
    pub(super) fn new(
        hub: Arc<Hub>,
        attachment: Attachment,
        body: B,
        (limit, time): (usize, Duration),
    ) -> Self {
        let attachment = Some(attachment);
        Self { hub, attachment, body, content: Vec::new(), limit, time, late: None }
    }
}

impl<B: Body> Upload<B> {
    fn poll_end(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<End> {
        let mut this = self.project();
        let mut asked = None;
        if let Some(attachment) = this.attachment {
            ready!(attachment.poll_ready(context));
            asked = Some(attachment).filter(|attachment| attachment.wants_look());
        }
        loop {
            let announced = usize::try_from(this.body.size_hint().lower()).unwrap_or(usize::MAX);
            if announced > *this.limit - this.content.len() {
                return Poll::Ready(End::TooLarge);
            }
            let data = match this.body.as_mut().poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => Frame::into_data(frame),
                Poll::Ready(Some(Err(_))) => return Poll::Ready(End::Failed),
                Poll::Ready(None) => return Poll::Ready(End::Done),
                Poll::Pending => {
                    if let Some(attachment) = asked {
                        attachment.quiet();
                    }
                    return Poll::Pending;
                }
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

    /// The answer to a body that did not arrive yet, if there is one.
    fn poll_early(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Response<Full<Bytes>>> {
        let this = self.project();
        if let Some(attachment) = this.attachment
            && let Poll::Ready(response) = attachment.poll_response(context)
        {
            return Poll::Ready(whole(response));
        }
        let late = this.late.get_or_insert_with(|| this.hub.runtime().sleep(*this.time));
        ready!(late.as_mut().poll(context));
        // Dropped, it tells the session.
        *this.attachment = None;
        Poll::Ready(whole(this.hub.refusal(StatusCode::REQUEST_TIMEOUT, "Request Timeout")))
    }
}

impl<B: Body> Future for Upload<B> {
    type Output = Response<Full<Bytes>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Response<Full<Bytes>>> {
        let Poll::Ready(end) = self.as_mut().poll_end(context) else {
            return self.poll_early(context);
        };
        let this = self.project();
        let attachment = this.attachment.take().expect("a future is not polled after it was ready");
        Poll::Ready(match end {
            End::Done => whole(attachment.body(this.content)),
            End::Failed => whole(this.hub.refusal(StatusCode::BAD_REQUEST, "Bad Request")),
            End::TooLarge => whole(attachment.too_large()),
        })
    }
}
