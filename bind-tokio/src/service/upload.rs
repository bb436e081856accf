//! The body of a request, on its way to its session.

use hyper::body::Body;
use pin_project_lite::pin_project;
use sansocket_app::Body as Content;
use sansocket_app::bind::{HostLink, Hub};
use sansocket_app::http::{Response, StatusCode};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::answer::whole;
use super::collect::{Collect, End};

pin_project! {
    /// Collects a body and hands it over; what comes out is the answer.
    pub(super) struct Upload<B> {
        hub: Arc<Hub>,
        // Until the answer is there.
        attachment: Option<HostLink>,
        #[pin]
        collect: Collect<B>,
    }
}

const NOT_YET: &str = "a future is not polled after it was ready";

impl<B> Upload<B> {
    pub(super) fn new(
        hub: Arc<Hub>,
        attachment: HostLink,
        body: B,
        bounds: (usize, Duration),
    ) -> Self {
        Self { hub, attachment: Some(attachment), collect: Collect::new(body, bounds) }
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
        let end = this.collect.as_mut().poll_end(context);
        if end.is_pending()
            && let Some(attachment) = asked
        {
            attachment.quiet();
        }
        end
    }

    /// The answer to a body that did not arrive yet, if there is one.
    fn poll_early(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Response<Content>> {
        let this = self.project();
        if let Some(attachment) = this.attachment
            && let Poll::Ready(response) = attachment.poll_response(context)
        {
            return Poll::Ready(whole(response));
        }
        ready!(this.collect.poll_late(this.hub, context));
        let attachment = this.attachment.take().expect(NOT_YET);
        Poll::Ready(whole(attachment.refuse(StatusCode::REQUEST_TIMEOUT, "Request Timeout")))
    }
}

impl<B: Body> Future for Upload<B> {
    type Output = Response<Content>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Response<Content>> {
        let Poll::Ready(end) = self.as_mut().poll_end(context) else {
            return self.poll_early(context);
        };
        let this = self.project();
        let attachment = this.attachment.take().expect(NOT_YET);
        Poll::Ready(match end {
            End::Done(content) => whole(attachment.body(&content)),
            End::Failed => whole(attachment.refuse(StatusCode::BAD_REQUEST, "Bad Request")),
            End::TooLarge => whole(attachment.too_large()),
        })
    }
}
