//! A request on its way to the application, or to another node.

use hyper::body::{Body, Bytes};
use pin_project_lite::pin_project;
use sansocket_app::bind::Hub;
use sansocket_app::http::{Response, StatusCode};
use sansocket_app::{Body as Content, BoxFuture, Response as Answer};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use super::answer::whole;
use super::collect::{Collect, End};

/// Asks whoever answers, with the whole body.
pub(super) type Ask = Box<dyn FnOnce(Bytes) -> BoxFuture<Answer> + Send>;

pin_project! {
    /// Collects a body and asks for the answer, which is what comes out.
    pub(super) struct Question<B> {
        hub: Arc<Hub>,
        // Until it was asked.
        ask: Option<Ask>,
        #[pin]
        collect: Collect<B>,
        answer: Option<BoxFuture<Answer>>,
    }
}

impl<B> Question<B> {
    pub(super) fn new(hub: Arc<Hub>, ask: Ask, body: B, bounds: (usize, Duration)) -> Self {
        Self { hub, ask: Some(ask), collect: Collect::new(body, bounds), answer: None }
    }
}

impl<B: Body> Future for Question<B> {
    type Output = Response<Content>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Response<Content>> {
        let mut this = self.project();
        if this.ask.is_some() {
            let refusal = |status, text| Poll::Ready(whole(this.hub.refusal(status, text)));
            match this.collect.as_mut().poll_end(context) {
                Poll::Ready(End::Done(content)) => {
                    let ask = this.ask.take().expect("it was there");
                    *this.answer = Some(ask(content.into()));
                }
                Poll::Ready(End::Failed) => return refusal(StatusCode::BAD_REQUEST, "Bad Request"),
                Poll::Ready(End::TooLarge) => {
                    return refusal(StatusCode::PAYLOAD_TOO_LARGE, "Content Too Large");
                }
                Poll::Pending => {
                    if this.collect.poll_late(this.hub, context).is_ready() {
                        return refusal(StatusCode::REQUEST_TIMEOUT, "Request Timeout");
                    }
                    return Poll::Pending;
                }
            }
        }
        let answer = this.answer.as_mut().expect("a future is not polled after it was ready");
        answer.as_mut().poll(context).map(whole)
    }
}
